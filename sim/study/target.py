"""What a study aims at: ``miss_ratio <= 1e-3``, over what several replicates came to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.deadline.errors import InputError, did_you_mean, shown
from sim.deadline.stats import binomial_interval
from sim.study.columns import COUNTS, LONGEST, METRICS, MISS_RATIOS, SHARES, SIGNED

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|=<|=>|<|>|==?)\s*(\S+)\s*")


@dataclass(frozen=True)
class Condition:
    """A bound on one metric.

    Attributes:
        metric: a column of the table.
        at_most: whether the bound is above.
        bound: the bound; to reach it is enough.
    """

    metric: str
    at_most: bool
    bound: float

    def met(self, value: float) -> bool:
        """Return whether a value of the metric meets it."""
        return value <= self.bound if self.at_most else value >= self.bound

    def excess(self, value: float | None) -> float:
        """Return how far a value is on the wrong side; infinite where there is none."""
        if value is None:
            return math.inf
        return max(value - self.bound if self.at_most else self.bound - value, 0.0)


@dataclass(frozen=True)
class Judged:
    """How a value of the axis did against a target.

    Attributes:
        metric: the first condition's metric, over all replicates; None if it cannot be had.
        met: whether all conditions hold.
        excess: by how much they do not, each relative to its bound, summed.
        refused: why the points cannot be had at all.
    """

    metric: float | None
    met: bool
    excess: float
    refused: str | None = None


@dataclass(frozen=True)
class Target:
    """Conditions that all have to hold.

    Attributes:
        text: as it was written.
        conditions: at least one.
    """

    text: str
    conditions: tuple[Condition, ...]

    def judge(self, records: Sequence[Mapping[str, Any]]) -> Judged:
        """Judge the replicates of one point, pooled."""
        for record in records:
            if record["status"] == "refused":
                return Judged(None, False, math.inf, record["reason"])
        values = [pooled(records, condition.metric) for condition in self.conditions]
        excess = sum(
            condition.excess(value) / (abs(condition.bound) or 1.0)
            for condition, value in zip(self.conditions, values, strict=True)
        )
        return Judged(values[0], excess == 0.0, excess)


def read_target(text: object, where: str = "target") -> Target:
    """Return a target from how it is written: ``METRIC <= NUMBER [and ...]``.

    Args:
        text: what was written.
        where: for messages.

    Raises:
        InputError: it is not written so, or names no metric.
    """
    conditions = []
    for part in re.split(r"\band\b", str(text)):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise InputError(f"{where}: {shown(text)}: want it written as miss_ratio <= 1e-3")
        metric, comparison, bound = match.groups()
        if metric not in METRICS:
            raise InputError(f"{where}: {metric} is no metric{did_you_mean(metric, METRICS)}")
        if comparison not in ("<=", ">="):
            raise InputError(f"{where}: {shown(text)}: want <= or >=, not {comparison}")
        try:
            number = float(bound)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{where}: {metric}: want a number (got {shown(bound)})")
        _check_possible(where, " ".join(part.split()), metric, number, at_most=comparison == "<=")
        conditions.append(Condition(metric, comparison == "<=", number))
    return Target(" ".join(str(text).split()), tuple(conditions))


def _check_possible(where: str, text: str, metric: str, bound: float, *, at_most: bool) -> None:
    """Refuse a bound that no value of the metric can meet."""
    if metric in SHARES and not at_most and bound > 1:
        raise InputError(f"{where}: {text}: can never be met; {metric} is at most 1")
    if metric not in SIGNED and at_most and bound < 0:
        raise InputError(f"{where}: {text}: can never be met; {metric} is at least 0")


def pooled(records: Sequence[Mapping[str, Any]], metric: str) -> float | None:
    """Return a metric over replicates; None where one of them has none.

    Counts are summed, misses divided by all jobs, the longest time is the longest of any replicate,
    and other metrics are averaged. Percentiles too: the mean of the replicates' percentiles is not
    that of all their jobs, which the table does not hold.
    """
    if metric in MISS_RATIOS:
        jobs = sum(record["jobs"] for record in records)
        misses = jobs - sum(record["met"] for record in records)
        if metric == "miss_ratio":
            return misses / jobs if jobs else None
        return binomial_interval(misses, jobs)[metric == "miss_high"]
    values = [record[metric] for record in records]
    if any(value is None for value in values):
        return None
    if metric in LONGEST:
        return float(max(values))
    total = sum(values)
    return float(total if metric in COUNTS else total / len(values))
