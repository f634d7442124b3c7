"""WMMSE from starts side by side, against the solver that takes them one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocators.best_link import BestLink
from allocators.max_power import MaxPower
from allocators.multistart import Multistart
from allocators.wmmse.vectorised import advance
from sim.deadline.errors import InputError
from sim.problem import PowerControlProblem, PowerControlSpec, check_allocation
from sim.testing import check_allocator
from tests.allocators.power_problems import problems, rayleigh, subband_rates


def prepared(solver: Multistart, links: int) -> Multistart:
    solver.prepare(PowerControlSpec(links, 1, np.random.default_rng(0)))
    return solver


@pytest.mark.parametrize("starts", [4, 8, 16])
def test_contract(starts: int) -> None:
    check_allocator("multistart", {"starts": starts})


@given(seed=st.integers(0, 1000), links=st.integers(1, 20), starts=st.sampled_from([4, 8, 16]))
@settings(deadline=None, max_examples=50)
def test_is_the_best_of_wmmse_from_each_start(seed: int, links: int, starts: int) -> None:
    problem = rayleigh(np.random.default_rng(seed), links, subbands=2, snr_db=10)
    first = np.random.default_rng(0).random((links, starts), dtype=np.float32)
    first[:, 0] = 1.0
    best = np.max(
        [subband_rates(problem, s.solve(problem).power_w) for s in (MaxPower(), BestLink())], axis=0
    )
    for start in first.T.astype(float):
        power, state = start * problem.p_max_w, np.zeros((2, 2))
        # no stop rule: a rise of any size counts
        advance(
            problem.gain, problem.noise_w, problem.p_max_w, problem.weight, power, state, -1.0, 7
        )
        best = np.maximum(best, subband_rates(problem, power))
    answer = prepared(Multistart(starts, iterations=7), links).solve(problem)
    np.testing.assert_allclose(subband_rates(problem, answer.power_w), best, rtol=1e-4)
    assert answer.work == 14


@given(problem=problems(max_links=6))
@settings(deadline=None)
def test_always_feasible_whatever_is_zero(problem: PowerControlProblem) -> None:
    solver = prepared(Multistart(8, 5), problem.links)
    assert check_allocation(problem, solver.solve(problem)) is None


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(InputError, match="starts: 5"):
        Multistart(starts=5)
    with pytest.raises(InputError, match="iterations: -1"):
        Multistart(iterations=-1)


def test_the_starts_come_from_the_spec() -> None:
    with pytest.raises(RuntimeError, match="call prepare first"):
        Multistart().solve(rayleigh(np.random.default_rng(0), 3))
