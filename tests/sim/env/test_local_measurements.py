"""What agents can know: against a slow reference, and by what must not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_by_hand import observations

import sim.measurements
from sim.env import observation
from sim.measurements import LocalLayout, LocalMeasurements
from sim.problem import FloatArray, PowerControlProblem

#: Single precision of up to ten bels; what is cut, is cut 1e-4 inside.
TOLERANCE = 1e-4


def drawn(seed: int, links: int, subbands: int, slots: int = 3) -> tuple[Any, FloatArray]:
    """Return a radio's problems, with gains of all sizes, equal ones and zeros, and powers."""
    rng = np.random.default_rng(seed)
    gain = 10.0 ** rng.uniform(-12, 12, (slots, subbands, links, links))
    gain[rng.random(gain.shape) < 0.2] = 1.0
    gain[rng.random(gain.shape) < 0.2] = 0.0
    gain[rng.random(gain.shape) < 0.05] = -0.0
    noise = 10.0 ** rng.uniform(-2, 2, (subbands, links))
    cap = rng.uniform(0.1, 2.0, (subbands, links)) * (rng.random((subbands, links)) < 0.8)
    weight = rng.uniform(0, 3, links) * (rng.random(links) < 0.8)
    power = cap * rng.choice([0.0, -0.0, 0.3, 1.0], (slots, subbands, links))
    return [PowerControlProblem(each, noise, cap, weight) for each in gain], power


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    links=st.integers(1, 6),
    subbands=st.integers(1, 3),
    neighbours=st.integers(0, 7),
)
def test_it_is_what_it_is_said_to_be(seed: int, links: int, subbands: int, neighbours: int) -> None:
    problems, power = drawn(seed, links, subbands)
    measurements = LocalMeasurements(links, subbands, neighbours)
    low, high = measurements.layout.bounds
    before = problems[0]
    for now, last in zip(problems, power, strict=True):
        seen = measurements.of_problem(now, last)
        assert seen.dtype == np.float32
        assert np.all((low <= seen) & (seen <= high))
        expected = observations(now, before, last, last, neighbours)
        np.testing.assert_allclose(seen, expected, atol=TOLERANCE, rtol=1e-6)
        before = now
    measurements.restart()
    again = measurements.of_problem(problems[1], power[1])
    expected = observations(problems[1], problems[1], power[1], power[1], neighbours)
    np.testing.assert_allclose(again, expected, atol=TOLERANCE, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 5), neighbours=st.integers(0, 4))
def test_radios_do_not_see_each_other(seed: int, size: int, neighbours: int) -> None:
    rng = np.random.default_rng(seed)
    slots, subbands, links = 4, 2, 4
    gain = rng.exponential(size=(size, slots, subbands, links, links))
    power = rng.uniform(size=(2, size, subbands, links))
    noise, cap, weight = np.full((subbands, links), 0.1), np.ones((subbands, links)), np.ones(links)
    many = LocalMeasurements(links, subbands, neighbours, size)
    alone = [LocalMeasurements(links, subbands, neighbours) for _ in range(size)]
    for _ in range(3):
        at = rng.integers(slots, size=size)
        seen = many.observe(gain, at, noise, cap, weight, power[0], power[1])
        for i, one in enumerate(alone):
            here = slice(i, i + 1)
            mine = one.observe(
                gain[here], at[here], noise, cap, weight, power[0, here], power[1, here]
            )
            assert np.array_equal(seen[i], mine[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), order=st.permutations(range(5)))
def test_names_do_not_matter(seed: int, order: list[int]) -> None:
    """Where no two are equally strong."""
    rng = np.random.default_rng(seed)
    gain = rng.exponential(size=(2, 1, 5, 5))
    noise, cap, power = rng.uniform(0.1, 1, (3, 1, 5))
    cap += 1.0
    weight = rng.uniform(0.5, 2, 5)
    plain, other = LocalMeasurements(5, 1, 3), LocalMeasurements(5, 1, 3)
    for slot in gain:
        seen = plain.of_problem(PowerControlProblem(slot, noise, cap, weight), power)
        renamed = PowerControlProblem(
            slot[:, order][:, :, order], noise[:, order], cap[:, order], weight[order]
        )
        moved = other.of_problem(renamed, np.ascontiguousarray(power[:, order]))
        # sums are taken in another order
        np.testing.assert_allclose(moved, seen[order], atol=1e-6)


def test_who_is_out_of_sight_changes_nothing() -> None:
    """Beyond the strongest ones only the sum of what arrives is known."""
    gain = np.array([[1.0, 0.5, 0.2, 0.1], [0.5, 1, 0, 0], [0.2, 0, 1, 0], [0.1, 0, 0, 1]])
    other = gain.copy()
    other[3, 3] = 7.0
    power = np.ones((1, 4))
    seen = [
        LocalMeasurements(4, 1, 2).of_problem(PowerControlProblem(g, 0.1, 1.0), power)[0]
        for g in (gain, other)
    ]
    assert np.array_equal(*seen)


def test_the_strongest_come_first_and_of_equal_ones_the_first_ones() -> None:
    gain = np.diag([1.0, 2.0, 4.0, 8.0, 16.0])
    gain[0, 1:] = [0.5, 1.0, 0.5, 1.0]
    names = LocalLayout(1, 3).names
    seen = LocalMeasurements(5, 1, 3).of_problem(
        PowerControlProblem(gain, 1.0, 1.0), np.array([[1.0, 1, 1, 1, 1]])
    )
    own = [seen[0, names.index(f"subband0/interferer{j}/own_gain_before")] for j in range(3)]
    np.testing.assert_allclose(own, np.log10([4.0, 16.0, 2.0]), atol=1e-6)


def test_who_is_off_is_known_by_whom_he_could_disturb() -> None:
    gain = np.diag([1.0, 2.0, 4.0])
    gain[1:, 0] = [0.1, 0.9]
    names = LocalLayout(1, 1).names
    seen = LocalMeasurements(3, 1, 1).of_problem(
        PowerControlProblem(gain, 1.0, 1.0), np.array([[0.0, 1, 1]])
    )
    values = dict(zip(names, seen[0].tolist(), strict=True))
    assert values["subband0/own/power"] == 0.0
    assert values["subband0/disturbed0/gain_before"] == pytest.approx(np.log10(0.9), abs=1e-6)
    assert values["subband0/disturbed0/own_gain_before"] == pytest.approx(np.log10(4), abs=1e-6)


def test_what_there_are_not_enough_of_is_zero() -> None:
    layout = LocalLayout(2, 4)
    assert layout.length == len(layout.names) == 2 * (6 + 8 * 4)
    seen = LocalMeasurements(3, 2, 4).of_problem(
        PowerControlProblem(np.ones((2, 3, 3)), 0.5, 1.0), np.ones((2, 3))
    )
    missing = ["interferer2/", "interferer3/", "disturbed2/", "disturbed3/"]
    for name, values in zip(layout.names, seen.T, strict=True):
        assert np.all(values == 0.0) == any(part in name for part in missing), name


def test_a_problem_of_another_size_is_refused() -> None:
    measurements = LocalMeasurements(3, 2, 4)
    for shape in ((3, 3), (2, 4, 4)):
        problem = PowerControlProblem(np.ones(shape), 1.0, 1.0)
        with pytest.raises(ValueError, match=r"problem: gain of shape .*, want \(2, 3, 3\)"):
            measurements.of_problem(problem, problem.p_max_w)
    right = PowerControlProblem(np.ones((2, 3, 3)), 1.0, 1.0)
    with pytest.raises(ValueError, match=r"power_w: shape \(3, 2\), want \(2, 3\)"):
        measurements.of_problem(right, np.ones((3, 2)))
    with pytest.raises(ValueError, match="these are 2"):
        LocalMeasurements(3, 1, 4, 2).of_problem(
            PowerControlProblem(np.ones((3, 3)), 1.0, 1.0), np.ones((1, 3))
        )


def test_gains_are_in_the_units_of_the_other_environment() -> None:
    assert sim.measurements.LARGEST_GAIN == observation.LARGEST_GAIN
