"""What a study asks of a point: ``miss_ratio <= 1e-3``, several joined by ``and``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.report.cells import Cell
from sim.report.wording import number, ratio

DEFAULT = "miss_ratio <= 1e-3"

_CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_WORDS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above"}
_NAMES = {
    "miss_ratio": "miss ratio",
    "in_force_bps_hz": "rate in force",
    "response_p99_us": "p99 response time",
    "response_p999_us": "p99.9 response time",
    "response_max_us": "longest response time",
}


@dataclass(frozen=True)
class Condition:
    """A metric, a comparison, a bound."""

    metric: str
    comparison: str
    bound: float

    def met(self, value: float) -> bool:
        """Return whether a value of the metric meets it."""
        return _COMPARE[self.comparison](value, self.bound)

    def __str__(self) -> str:
        name = _NAMES.get(self.metric, self.metric)
        bound = ratio(self.bound) if self.metric == "miss_ratio" else number(self.bound)
        unit = next((f" {unit}" for end, unit in _UNITS.items() if self.metric.endswith(end)), "")
        return f"a {name} of {_WORDS[self.comparison]} {bound}{unit}"


_UNITS = {"_us": "us", "_bps_hz": "bit/s/Hz"}


@dataclass(frozen=True)
class Target:
    """All of its conditions must hold."""

    conditions: tuple[Condition, ...]
    text: str

    @property
    def miss_ratio(self) -> float | None:
        """The miss ratio it allows, if it bounds that."""
        bounds = [
            c.bound for c in self.conditions if c.metric == "miss_ratio" and "<" in c.comparison
        ]
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
        conditions.append(Condition(metric, comparison, value))
    return Target(
        tuple(conditions),
        " and ".join(f"{c.metric} {c.comparison} {c.bound:g}" for c in conditions),
    )
