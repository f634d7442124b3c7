"""What a study asks of a point: ``miss_ratio <= 1e-3``, several joined by ``and``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.report.cells import Cell
from sim.report.wording import number, ratio

DEFAULT = "miss_ratio <= 1e-3"

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=)\s*(\S+)\s*")
_NAMES = {
    "miss_ratio": "miss ratio",
    "in_force_bps_hz": "rate in force",
    "response_p99_us": "p99 response time",
    "response_p999_us": "p99.9 response time",
    "response_max_us": "longest response time",
}


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

    def __str__(self) -> str:
        words = "at most" if self.at_most else "at least"
        return f"a {metric_name(self.metric)} of {words} {metric_text(self.metric, self.bound)}"


def metric_name(metric: str) -> str:
    """Return a metric as a sentence says it."""
    return _NAMES.get(metric, metric)


def metric_text(metric: str, value: float) -> str:
    """Return a value of a metric with its unit."""
    if metric.startswith("miss_"):
        return ratio(value)
    unit = next((f" {unit}" for end, unit in _UNITS.items() if metric.endswith(end)), "")
    return f"{number(value)}{unit}"


_UNITS = {"_us": "us", "_bps_hz": "bit/s/Hz"}


@dataclass(frozen=True)
class Target:
    """All of its conditions must hold."""

    conditions: tuple[Condition, ...]
    text: str

    @property
    def miss_ratio(self) -> float | None:
        """The miss ratio it allows, if it bounds that."""
        bounds = [c.bound for c in self.conditions if c.metric == "miss_ratio" and c.at_most]
        return min(bounds, default=None)

    def met(self, cell: Cell) -> bool:
        """Return whether the pooled figures of a cell meet it; what has none does not."""
        values = [(c, cell.metric(c.metric)) for c in self.conditions]
        return not cell.refused and all(v is not None and c.met(v) for c, v in values)

    def straddled(self, cell: Cell) -> bool:
        """Return whether the 95% interval of a figure holds values on both sides of its bound."""
        if cell.refused:
            return False
        for condition in self.conditions:
            interval = cell.interval(condition.metric)
            if interval is not None and len({condition.met(end) for end in interval}) == 2:
                return True
        return False

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))


def parse_target(text: object, known: Iterable[str], where: str) -> Target:
    """Return a target as it stands in a study.

    Args:
        text: what was written.
        known: metrics that the table holds.
        where: for messages.

    Raises:
        InputError: it is none, or names no metric.
    """
    metrics = sorted(known)
    conditions = []
    for part in re.split(r"\s+and\s+", str(text).strip()):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise InputError(f"{where}: {shown(text)}; want such as {DEFAULT!r}")
        metric, comparison, bound = match.groups()
        if metric not in metrics:
            raise InputError(f"{where}: {metric!r} is no metric{did_you_mean(metric, metrics)}")
        try:
            value = float(bound)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}: {bound!r} is no number; want such as {DEFAULT!r}")
        conditions.append(Condition(metric, comparison == "<=", value))
    plain = [f"{c.metric} {'<=' if c.at_most else '>='} {_plain(c.bound)}" for c in conditions]
    return Target(tuple(conditions), " and ".join(plain))


def _plain(bound: float) -> str:
    return ratio(bound) if 0 < bound < 0.01 else f"{bound:g}"
