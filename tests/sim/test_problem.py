"""The problem and its objective, against loops written by hand."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.problem import (
    Allocation,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
    evaluate,
    link_rates,
    sinr,
    stacked,
    sum_rate,
)


def by_hand(problem: PowerControlProblem, power_w: np.ndarray) -> tuple[np.ndarray, float]:
    """Return SINRs and the weighted sum rate, term by term."""
    subbands, links = problem.subbands, problem.links
    found = np.zeros((subbands, links))
    total = 0.0
    for s in range(subbands):
        for k in range(links):
            heard = problem.noise_w[s, k]
            for j in range(links):
                if j != k:
                    heard += problem.gain[s, k, j] * power_w[s, j]
            found[s, k] = problem.gain[s, k, k] * power_w[s, k] / heard
            total += problem.weight[k] * math.log2(1 + found[s, k]) / subbands
    return found, total


@st.composite
def answered(draw: st.DrawFn) -> tuple[PowerControlProblem, np.ndarray]:
    subbands, links = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-12, 3))
    gain = scale * rng.exponential(size=(subbands, links, links))
    gain[rng.random(gain.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = 0.0
    noise = scale * rng.uniform(1e-6, 2.0, (subbands, links))
    p_max = rng.uniform(0, 2.0, (subbands, links)) * (rng.random((subbands, links)) < 0.9)
    problem = PowerControlProblem(gain, noise, p_max, rng.uniform(0, 3, links))
    return problem, p_max * rng.random((subbands, links))


@given(answered())
def test_rates_are_those_of_the_double_loop(case: tuple[PowerControlProblem, np.ndarray]) -> None:
    problem, power = case
    expected, total = by_hand(problem, power)
    # sums of a few positive terms, in another order at most
    np.testing.assert_allclose(sinr(problem, power), expected, rtol=1e-12)
    assert sum_rate(problem, power) == pytest.approx(total, rel=1e-12, abs=1e-300)
    rates = np.empty(problem.links)
    assert evaluate(problem, power, rates) == pytest.approx(total, rel=1e-12, abs=1e-300)
    np.testing.assert_allclose(rates, link_rates(problem, power), rtol=1e-12, atol=1e-300)
    assert check_allocation(problem, Allocation(power)) is None


def test_four_equal_subbands_are_worth_one() -> None:
    gain = np.array([[2.0, 0.5], [0.1, 1.0]])
    one = sum_rate(PowerControlProblem(gain, 1.0, 1.0), np.ones((1, 2)))
    four = sum_rate(PowerControlProblem(np.tile(gain, (4, 1, 1)), 1.0, 1.0), np.ones((4, 2)))
    assert one == pytest.approx(math.log2(1 + 2 / 1.5) + math.log2(1 + 1 / 1.1))
    assert four == pytest.approx(one)


def test_values_are_broadcast_into_memory_of_their_own() -> None:
    cap = np.array([[1.0, 2.0]])
    problem = PowerControlProblem(np.eye(2), 0.5, cap)
    cap[:] = 0.0
    assert problem.p_max_w.tolist() == [[1.0, 2.0]]
    assert problem.noise_w.tolist() == [[0.5, 0.5]]
    assert problem.weight.tolist() == [1.0, 1.0]
    assert (problem.subbands, problem.links) == (1, 2)
    example = PowerControlSpec(3, 2, np.random.default_rng(0)).example()
    assert example.gain.shape == (2, 3, 3)
    assert sum_rate(example, example.p_max_w) == pytest.approx(3.0)  # log2(1 + 1 / 1) each


def test_many_are_stacked_into_memory_of_their_own() -> None:
    weight = np.array([1.0, 3.0])
    parts = [PowerControlProblem(scale * np.eye(2), scale, scale, weight) for scale in (1.0, 2.0)]
    whole = stacked(parts)
    parts[0].gain[:] = parts[0].weight[:] = 0.0
    assert whole.gain.tolist() == [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]]
    assert whole.noise_w.tolist() == whole.p_max_w.tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert whole.weight.tolist() == [1.0, 3.0]


def test_an_answer_of_no_work_has_none() -> None:
    assert Allocation(np.ones((1, 2))).work == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gain": np.ones((2, 3))}, "gain: shape"),
        ({"gain": np.ones((3, 2))}, "gain: shape"),
        ({"gain": np.ones(4)}, "gain: shape"),
        ({"gain": np.ones((2, 2, 2, 2))}, "gain: shape"),
        ({"gain": np.ones((0, 2, 2))}, "gain: shape"),
        ({"gain": np.ones((1, 0, 0))}, "gain: shape"),
        ({"gain": -np.ones((2, 2))}, "gain: must be finite and not negative"),
        ({"gain": np.full((2, 2), np.nan)}, "gain: must be finite"),
        ({"noise_w": 0.0}, "noise_w: must be positive"),
        ({"noise_w": [1.0, 2.0, 3.0]}, "noise_w: shape"),
        ({"p_max_w": np.inf}, "p_max_w: must be finite"),
        ({"weight": [1.0, -1.0]}, "weight: must be finite and not negative"),
    ],
)
def test_what_is_no_problem(arguments: dict[str, object], said: str) -> None:
    good: dict[str, object] = {"gain": np.eye(2), "noise_w": 1.0, "p_max_w": 1.0}
    with pytest.raises(ValueError, match=said):
        PowerControlProblem(**{**good, **arguments})  # type: ignore[arg-type]


def test_answers_are_checked() -> None:
    problem = PowerControlProblem(np.eye(2), 1.0, 0.2)
    for power, said in (
        (np.array([[0.1, np.nan]]), r"power_w\[0, 1\] = nan is not finite"),
        (np.array([[-0.1, 0.1]]), r"power_w\[0, 0\] = -0.1 is negative"),
        (np.array([[0.1, 0.21]]), "= 0.21 is above p_max 0.2"),
        (np.array([0.1, 0.1]), r"shape \(2,\), want \(1, 2\)"),
        (np.empty((0, 2)), r"shape \(0, 2\), want \(1, 2\)"),
        (np.array([["a", "b"]]), "not an array of real numbers"),
    ):
        reason = check_allocation(problem, Allocation(power))
        assert reason is not None
        assert re.search(said, reason), reason
    assert check_allocation(problem, problem.p_max_w) == "answered with ndarray, not an Allocation"
    two = PowerControlProblem(np.ones((2, 3, 3)), 1.0, 0.2)
    for value, said in ((np.nan, "is not finite"), (-1.0, "is negative"), (0.3, "is above")):
        power = np.full((2, 3), 0.1)
        power[1, 1] = value
        reason = check_allocation(two, Allocation(power))
        assert reason is not None
        assert re.search(rf"power_w\[1, 1\] = \S+ {said}", reason), reason
    # single precision rounds 0.2 up; that is no violation
    assert check_allocation(problem, Allocation(np.full((1, 2), 0.2, dtype=np.float32))) is None  # type: ignore[arg-type]
