"""Where the best changes: by hand, and what holds for any curves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.crossover import Curve, crossovers, leaders


def curve(label: str, *rates: float | tuple[float, ...] | None, start: float = 1.0) -> Curve:
    found = {}
    for i, rate in enumerate(rates):
        if rate is not None:
            found[start + i] = dict(enumerate(rate if isinstance(rate, tuple) else (rate,)))
    return Curve(label, found)


def test_the_crossing_is_where_the_lines_meet() -> None:
    (change,) = crossovers([curve("a", 10, 10, 10), curve("b", 6, 9, 13)])
    assert (change.before, change.after, change.between) == ("a", "b", (2, 3))
    assert change.at == pytest.approx(2.25)
    assert change.rate == pytest.approx(10)
    assert change.interval is None


def test_on_a_log_axis_it_is_between_logarithms() -> None:
    a, b = Curve("a", {1.0: {0: 2.0}, 100.0: {0: 2.0}}), Curve("b", {1.0: {0: 1}, 100.0: {0: 3}})
    (change,) = crossovers([a, b], log=True)
    assert change.at == pytest.approx(10)


def test_no_change_for_one_curve_ties_and_noise() -> None:
    assert crossovers([]) == []
    assert crossovers([curve("a", 1, 2, 3)]) == []
    assert crossovers([curve("a", 1, 2, 3), curve("b", 1, 2, 3)]) == []
    # better by less than a thousandth, now one and now the other
    assert crossovers([curve("a", 10, 10, 10), curve("b", 10.005, 9.995, 10.005)]) == []
    assert [who for _, who in leaders([curve("a", 10, 10), curve("b", 10.005, 9)])] == ["a", "a"]


def test_a_lead_is_dated_back_to_where_it_began() -> None:
    # b is ahead from between 1 and 2 on, but by more than a thousandth only at 3
    (change,) = crossovers([curve("a", 10, 10, 10), curve("b", 9, 10.005, 12)])
    assert change.between == (1, 2)
    assert change.at == pytest.approx(1 + 1 / 1.005)


def test_a_third_curve_between_two_points_is_not_jumped_over() -> None:
    found = crossovers([curve("a", 10, 0), curve("b", 0, 10), curve("c", 8, 8)])
    assert [(c.before, c.after) for c in found] == [("a", "c"), ("c", "b")]
    assert [c.at for c in found] == [pytest.approx(1.2), pytest.approx(1.8)]


def test_a_curve_that_ends_is_not_interpolated() -> None:
    (change,) = crossovers([curve("a", 10, None), curve("b", 6, 7)])
    assert (change.before, change.after, change.at) == ("a", "b", None)
    (change,) = crossovers([curve("a", 10, 10), curve("b", None, 17)])
    assert (change.before, change.after, change.at) == ("a", "b", None)


def test_who_is_best_is_not_known_where_one_was_not_run() -> None:
    a = curve("a", 10, None, 12)
    b = curve("b", 6, 7, 8)
    assert [who for _, who in leaders([a, b])] == ["a", "b", "a"]  # refused there, or ended
    a, b = (Curve(each.label, each.rates, frozenset(each.rates)) for each in (a, b))
    assert leaders([a, b]) == [(1.0, "a"), (3.0, "a")]
    assert crossovers([a, b]) == []
    assert leaders([Curve("a", {1.0: {0: 1.0}}, frozenset([1.0])), curve("b", 1, 2)]) == [
        (1.0, "a")
    ]


def test_the_interval_is_where_the_difference_may_be_zero() -> None:
    # differences a - b: 2 +- 0.1 at 1, -2 +- 0.1 at 2; Student's 95% half-width of (d-s, d, d+s)
    # is 4.30265 s / sqrt(3)
    s = 0.1 * 3**0.5 / 4.30265273
    a = curve("a", (12 - s, 12, 12 + s), (8 - s, 8, 8 + s))
    b = curve("b", (10, 10, 10), (10, 10, 10))
    (change,) = crossovers([a, b])
    assert change.at == pytest.approx(1.5)
    assert change.interval == (pytest.approx(1 + 1.9 / 4), pytest.approx(1 + 2.1 / 4))


def test_an_interval_may_have_no_end_within_the_study() -> None:
    a = curve("a", (12, 9, 11), (6, 6.1, 6.05))
    b = curve("b", (10, 10, 10), (10, 10, 10))
    (change,) = crossovers([a, b])
    assert change.interval is not None
    assert not change.doubtful
    assert change.interval[0] is None
    assert change.interval[1] is not None


def test_two_replicates_are_too_few_for_an_interval() -> None:
    a, b = curve("a", (12, 12.1), (8, 8.1)), curve("b", (10, 10), (10, 10))
    (change,) = crossovers([a, b])
    assert change.interval is None


def test_what_chance_may_have_made_is_doubtful() -> None:
    a, b = curve("a", (12, 9, 11), (8, 11, 10)), curve("b", (10, 10, 10), (10, 10, 10))
    (change,) = crossovers([a, b])
    assert change.doubtful


def check_chain(curves: list[Curve]) -> None:
    found, order = crossovers(curves), leaders(curves)
    chain = [order[0][1], *(change.after for change in found)]
    assert [change.before for change in found] == chain[:-1]
    assert chain[-1] == order[-1][1]
    for change in found:
        low, high = change.between
        assert change.at is None or low <= change.at <= high


def test_level_curves_with_holes_are_placed_once() -> None:
    """Found by random search: each dates the lead of another back, in turn and for ever."""
    curves = [
        curve("a", 9.9575, 10.0346),
        curve("b", 10.01, 9.958, 9.968, 10.04),
        curve("c", 10.03, 9.9555, 10.0108, 9.9759),
        curve("d", 9.96, 9.99, 10.0133, 10.005),
    ]
    check_chain(curves)


LEVEL_RATES = st.lists(st.none() | st.floats(9.95, 10.05), min_size=4, max_size=4)


@given(rates=st.lists(LEVEL_RATES, min_size=2, max_size=6))
def test_level_curves_with_holes_are_a_chain(rates: list[list[float | None]]) -> None:
    curves = [curve(name, *own) for name, own in zip("abcdef", rates, strict=False)]
    if leaders(curves):
        check_chain(curves)


RATES = st.lists(st.floats(1, 100), min_size=2, max_size=6)


@given(a=RATES, b=RATES, c=RATES)
def test_changes_lead_from_the_first_best_to_the_last(
    a: list[float], b: list[float], c: list[float]
) -> None:
    n = min(map(len, (a, b, c)))
    curves = [curve(name, *rates[:n]) for name, rates in zip("abc", (a, b, c), strict=True)]
    check_chain(curves)
    for change in crossovers(curves):
        assert change.at is not None
        assert math.isfinite(change.rate)
