"""Targets: what several replicates come to, and whether that meets a bound."""

from __future__ import annotations

from typing import Any

import pytest

from sim.deadline.stats import binomial_interval
from sim.report.cells import Cell
from sim.study.columns import METRICS
from sim.study.target import pooled, read_target


def replicate(**metrics: Any) -> dict[str, Any]:
    return {**dict.fromkeys(METRICS), "status": "ok", "reason": None, **metrics}


@pytest.mark.parametrize("metric", ["response_max_us", "service_max_us"])
def test_the_longest_time_is_that_of_any_replicate(metric: str) -> None:
    records = [replicate(**{metric: value}) for value in (100.0, 100.0, 900.0)]
    judged = read_target(f"{metric} <= 500").judge(records)
    assert judged.metric == 900.0
    assert not judged.met
    assert judged.excess == pytest.approx(0.8)
    assert read_target(f"{metric} <= 900").judge(records).met


def test_a_longest_time_has_no_interval() -> None:
    """Student's is of a mean: of these it would be 0 .. 1514, which says nothing of a maximum."""
    rows = [
        replicate(response_max_us=value, response_p99_us=value, jobs=10, met=10)
        for value in (100.0, 100.0, 900.0)
    ]
    cell = Cell({}, "a", "", rows)
    assert cell.metric("response_max_us") == 900.0
    assert cell.interval("response_max_us") is None
    assert cell.interval("response_p99_us") is not None


def test_every_metric_has_its_rule() -> None:
    """All of them, so that a new one is given a rule on purpose."""
    one = dict.fromkeys(METRICS, 1.0) | {"jobs": 100, "met": 90}
    other = dict.fromkeys(METRICS, 4.0) | {"jobs": 300, "met": 250}
    low, high = binomial_interval(60, 400)
    counts = dict.fromkeys(("late", "aborted", "skipped", "failed"), 5.0)
    means = {
        f"{name}_bps_hz": 2.5
        for name in ("genie", "aged", "in_force", "ageing_loss", "miss_loss", "per_user_p5")
    }
    percentiles = {
        f"{time}_{which}_us": 2.5
        for time in ("response", "service")
        for which in ("p50", "p99", "p999")
    }
    assert {name: pooled([one, other], name) for name in METRICS} == {
        "jobs": 400, "met": 340, **counts,
        "miss_ratio": 60 / 400, "miss_low": low, "miss_high": high,
        **means, "jain": 2.5, **percentiles, "response_max_us": 4.0, "service_max_us": 4.0,
    }  # fmt: skip


def test_what_one_replicate_lacks_cannot_be_pooled() -> None:
    for metric in ("response_p999_us", "response_max_us"):
        assert pooled([replicate(**{metric: 1.0}), replicate()], metric) is None
