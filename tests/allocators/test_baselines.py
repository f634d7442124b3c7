from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from power_problems import problems, rayleigh, subband_rates

from allocators.best_link import BestLink
from allocators.exhaustive import Exhaustive
from allocators.fp import FractionalProgramming
from allocators.max_power import MaxPower
from allocators.random import Random
from allocators.wmmse import WMMSE
from sim.deadline.errors import InputError
from sim.deadline.solver import Solver
from sim.problem import PowerControlProblem, PowerControlSpec, sum_rate

EVERY = [MaxPower, Random, BestLink, WMMSE, FractionalProgramming, Exhaustive]


@pytest.mark.parametrize("cls", EVERY)
def test_prepare_leaves_the_generator_untouched(cls: type[Solver]) -> None:
    rng = np.random.default_rng(1)
    cls().prepare(PowerControlSpec(4, 2, rng))
    assert rng.random() == np.random.default_rng(1).random()


@pytest.mark.parametrize("cls", EVERY)
def test_prepare_wants_a_power_control_spec(cls: type[Solver]) -> None:
    with pytest.raises(TypeError, match="spec: int, want PowerControlSpec"):
        cls().prepare(4)


@pytest.mark.parametrize("cls", EVERY)
def test_answer_is_fresh_in_range_and_of_the_right_shape(cls: type[Solver]) -> None:
    solver = cls()
    solver.prepare(PowerControlSpec(5, 3, np.random.default_rng(2)))
    problem = rayleigh(np.random.default_rng(3), 5, subbands=3)
    before = [x.copy() for x in (problem.gain, problem.noise_w, problem.p_max_w, problem.weight)]
    first, second = solver.solve(problem), solver.solve(problem)
    assert first.power_w.shape == (3, 5)
    assert not np.shares_memory(first.power_w, second.power_w)
    assert not np.shares_memory(first.power_w, problem.p_max_w)
    assert np.all((first.power_w >= 0) & (first.power_w <= problem.p_max_w))
    assert isinstance(first.work, int)
    after = (problem.gain, problem.noise_w, problem.p_max_w, problem.weight)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("cls", EVERY)
def test_class_names_its_source(cls: type[Solver]) -> None:
    assert cls.__doc__ is not None
    assert "Source:" in cls.__doc__


def test_entry_points_name_these_classes() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    named = project["project"]["entry-points"]["ttirace.allocators"].values()
    assert {f"{cls.__module__.removesuffix('.solver')}:{cls.__name__}" for cls in EVERY} <= {*named}


def test_max_power_is_the_caps() -> None:
    problem = rayleigh(np.random.default_rng(4), 5, subbands=3)
    assert np.array_equal(MaxPower().solve(problem).power_w, problem.p_max_w)


def test_random_is_uniform() -> None:
    """Mean and variance of 20,000 draws within 5 standard errors: false alarm below 1.2e-6."""
    problem = PowerControlProblem(np.zeros((1000, 20, 20)), 1.0, 2.0)
    solver = Random()
    solver.prepare(PowerControlSpec(20, 1000, np.random.default_rng(5)))
    share = solver.solve(problem).power_w / 2.0
    assert abs(share.mean() - 1 / 2) < 5 * np.sqrt(1 / 12 / share.size)
    assert abs(share.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / share.size)


def test_random_needs_and_replays_its_generator() -> None:
    problem = rayleigh(np.random.default_rng(6), 5)
    with pytest.raises(RuntimeError, match="prepare"):
        Random().solve(problem)
    draws = []
    for _ in range(2):
        solver = Random()
        solver.prepare(PowerControlSpec(5, 1, np.random.default_rng(7)))
        draws.append([solver.solve(problem).power_w.tolist() for _ in range(2)])
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[0][1]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(problem=problems())
def test_best_link_is_the_best_of_the_single_links(problem: PowerControlProblem) -> None:
    power = BestLink().solve(problem).power_w
    assert np.all(np.count_nonzero(power, axis=1) <= 1)
    assert np.all((power == 0) | (power == problem.p_max_w))
    rate = subband_rates(problem, power)
    for k in range(problem.links):
        only = np.zeros_like(power)
        only[:, k] = problem.p_max_w[:, k]
        assert np.all(rate >= subband_rates(problem, only) - 1e-12 * (1 + rate))


def test_best_link_heeds_weights() -> None:
    gain = np.diag([3.0, 2.0])
    assert BestLink().solve(PowerControlProblem(gain, 1.0, 1.0)).power_w.tolist() == [[1, 0]]
    weighted = PowerControlProblem(gain, 1.0, 1.0, [1.0, 2.0])
    assert BestLink().solve(weighted).power_w.tolist() == [[0, 1]]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(problem=problems())
def test_exhaustive_is_the_best_binary_answer(problem: PowerControlProblem) -> None:
    answer = Exhaustive().solve(problem)
    assert answer.work == problem.subbands * 2**problem.links
    power = answer.power_w
    assert np.all((power == 0) | (power == problem.p_max_w))
    best = np.full(problem.subbands, -1.0)
    for on in itertools.product((0.0, 1.0), repeat=problem.links):
        best = np.maximum(best, subband_rates(problem, np.array(on) * problem.p_max_w))
    np.testing.assert_allclose(subband_rates(problem, power), best, rtol=1e-12, atol=1e-12)


def test_exhaustive_is_exact_where_interference_drowns_the_noise() -> None:
    """Gain 1e6 against noise 1e-13: a walk that subtracted would be lost in its own rounding."""
    rng = np.random.default_rng(8)
    gain = 1e6 * rng.exponential(size=(10, 10))
    gain[np.triu_indices(10)] = 0.0
    gain += np.diag(rng.exponential(size=10) * 1e-12)
    problem = PowerControlProblem(gain, 1e-13, 1.0)
    rate = sum_rate(problem, Exhaustive().solve(problem).power_w)
    best = max(sum_rate(problem, on) for on in itertools.product((0.0, 1.0), repeat=10))
    assert rate == pytest.approx(best, rel=1e-12)


def test_exhaustive_beats_rounded_wmmse_and_best_link() -> None:
    problem = rayleigh(np.random.default_rng(9), 12, subbands=10, snr_db=10)
    rounded = np.where(WMMSE().solve(problem).power_w > problem.p_max_w / 2, problem.p_max_w, 0)
    best = subband_rates(problem, Exhaustive().solve(problem).power_w)
    for power in (rounded, BestLink().solve(problem).power_w, problem.p_max_w):
        assert np.all(best >= subband_rates(problem, power) - 1e-12)


def test_exhaustive_refuses_too_many_links() -> None:
    problem = rayleigh(np.random.default_rng(10), 15)
    with pytest.raises(InputError, match=r"15 links are .* want at most 14"):
        Exhaustive().solve(problem)
    with pytest.raises(InputError, match="want at most 14"):
        Exhaustive().prepare(PowerControlSpec(15, 1, np.random.default_rng(11)))
