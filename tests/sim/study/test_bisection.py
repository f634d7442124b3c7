"""Bisection: exact on whole numbers, near enough on others, and it says when there is nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.study.bisection import Bisection, Line, read_line
from sim.study.models import SolveModel
from sim.study.target import Judged, pooled, read_target


def line(axis: str, find: str, low: Any, high: Any, **more: Any) -> Line:
    return read_line(
        SolveModel.model_validate({"axis": axis, "find": find, "from": low, "to": high, **more})
    )


def solve(where: Line, meets: Any) -> dict[str, Any]:
    """Search along a line where ``meets(value)``; the metric is the value itself."""
    search = Bisection(where)
    asked = []
    while values := search.ask():
        for value in values:
            assert where.low <= value <= where.high
            asked.append(value)
            met = meets(value)
            search.tell(value, Judged(float(value), met, 0.0 if met else 1.0 + abs(value)))
    assert len(set(asked)) == len(asked) <= where.most_values
    return search.answer()


@given(st.integers(1, 60), st.integers(1, 300), st.integers(-5, 400), st.booleans())
def test_whole_numbers_are_found_exactly(low: int, width: int, edge: int, largest: bool) -> None:
    high = low + width
    where = line("channel.links", "largest" if largest else "smallest", low, high)
    found = solve(where, lambda value: value <= edge if largest else value >= edge)
    fits = [v for v in range(low, high + 1) if (v <= edge if largest else v >= edge)]
    if not fits:
        assert found["status"] == "unmet"
        assert found["answer"] is None
        assert found["nearest"] == low
        return
    best = max(fits) if largest else min(fits)
    assert found["answer"] == found["metric_at_answer"] == best
    if len(fits) == width + 1:
        assert (found["status"], found["next"]) == ("everywhere", None)
    else:
        assert found["status"] == "met"
        assert found["next"] == found["metric_at_next"] == best + (1 if largest else -1)


def test_steps_are_kept() -> None:
    where = line("channel.users", "largest", 3, 99, step=3)
    assert solve(where, lambda users: users <= 50 and users % 3 == 0)["answer"] == 48


@given(st.floats(1e-3, 1.0), st.floats(1.5, 1e4), st.floats(0.0, 1.0))
def test_a_share_of_the_value_is_near_enough(low: float, ratio: float, at: float) -> None:
    where = line("compute.speed", "smallest", low, low * ratio)
    edge = low * ratio**at
    found = solve(where, lambda speed: speed >= edge)
    if found["status"] == "met":
        assert found["next"] < edge <= found["answer"]
        assert found["answer"] <= found["next"] * 1.01
    else:
        assert found["status"] == "everywhere"
        assert edge <= low


def test_times_are_found_in_whole_nanoseconds() -> None:
    where = line("budget.csi", "largest", "10 us", "1 ms", tolerance="1 us")
    found = solve(where, lambda ns: ns <= 123_456)
    assert 122_456 <= found["answer"] <= 123_456 < found["next"] <= found["answer"] + 1000
    assert found["answer"] == int(found["answer"])
    # finer than a nanosecond: the nearest two
    where = line("budget.csi", "largest", "1 us", "2 us", tolerance="1 ns")
    found = solve(where, lambda ns: ns <= 1234)
    assert (found["answer"], found["next"]) == (1234, 1235)


def test_what_is_refused_is_not_met() -> None:
    where = line("channel.links", "largest", 2, 40)
    search = Bisection(where)
    while values := search.ask():
        for value in values:
            fits = value <= 11
            search.tell(value, Judged(0.0 if fits else None, fits, 0.0, None if fits else "no"))
    assert (search.answer()["answer"], search.answer()["metric_at_next"]) == (11, None)
    none = Bisection(where)
    for value in none.ask():
        none.tell(value, Judged(None, False, 9.0, "no"))
    assert none.ask() == []
    assert none.answer()["status"] == "refused"


def test_a_search_the_wrong_way_is_doubted() -> None:
    search = Bisection(line("compute.speed", "largest", 1, 2))
    for value in search.ask():
        search.tell(value, Judged(value, value > 1.5, 0.0))
    assert search.answer()["status"] == "everywhere"
    assert "is it to find the smallest?" in (search.doubt() or "")


def test_a_search_that_could_not_begin_is_doubted() -> None:
    """The end where the target should be met is refused: what lies between was never tried."""
    search = Bisection(line("budget.compute", "smallest", "1 us", "2 ms"))
    assert search.ask() == [2_000_000, 1_000]
    search.tell(2_000_000, Judged(None, False, math.inf, "leaves 700 us"))
    search.tell(1_000, Judged(1.0, False, 999.0))
    assert search.ask() == []
    assert search.answer()["status"] == "unmet"
    assert search.doubt() == (
        "nothing was searched, as 2000000 cannot be had: leaves 700 us; begin at a value that can"
    )


def test_a_percentile_that_no_value_has_is_doubted() -> None:
    search = Bisection(line("channel.links", "largest", 2, 4))
    for value in search.ask():
        search.tell(value, Judged(None, False, math.inf))
    assert "missing at 2: too few jobs carry such a percentile" in (search.doubt() or "")


def record(met: int, jobs: int, **more: Any) -> dict[str, Any]:
    return {"status": "ok", "jobs": jobs, "met": met, "late": jobs - met, **more}


def test_replicates_are_pooled() -> None:
    records = [record(90, 100, jain=0.5, response_p99_us=4.0), record(300, 300, jain=0.7)]
    records[1]["response_p99_us"] = None
    assert pooled(records, "miss_ratio") == 10 / 400
    low, high = pooled(records, "miss_low"), pooled(records, "miss_high")
    assert low is not None
    assert high is not None
    assert low < 10 / 400 < high
    assert pooled(records, "jain") == pytest.approx(0.6)
    assert pooled(records, "late") == 10.0
    assert pooled(records, "response_p99_us") is None
    target = read_target("miss_ratio <= 0.025 and jain >= 0.6")
    assert target.judge(records) == Judged(0.025, True, 0.0)
    assert not read_target("miss_ratio <= 0.02").judge(records).met
    assert not read_target("response_p99_us <= 9").judge(records).met
    refused = {"status": "refused", "reason": "no"}
    assert target.judge([records[0], refused]).refused == "no"
