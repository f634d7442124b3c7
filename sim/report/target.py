"""A study's target as a report uses it: judged with intervals, and told in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.deadline import InputError, did_you_mean
from sim.report.cells import Cell
from sim.report.wording import number, ratio
from sim.study.target import Condition, read_target

DEFAULT = "miss_ratio <= 1e-3"

_NAMES = {
    "miss_ratio": "miss ratio",
    "in_force_bps_hz": "rate in force",
    "response_p99_us": "p99 response time",
    "response_p999_us": "p99.9 response time",
    "response_max_us": "longest response time",
}


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

    def verdict(self, cell: Cell) -> str:
        """Return whether a cell meets it, in a word or two."""
        return "refused" if cell.refused else "met" if self.met(cell) else "not met"

    def __str__(self) -> str:
        return " and ".join(map(_words, self.conditions))


def _words(condition: Condition) -> str:
    bound = "at most" if condition.at_most else "at least"
    value = metric_text(condition.metric, condition.bound)
    return f"a {metric_name(condition.metric)} of {bound} {value}"


def parse_target(text: object, known: Iterable[str], where: str) -> Target:
    """Return a target as it stands in a study.

    Args:
        text: what was written.
        known: metrics that the table holds.
        where: for messages.

    Raises:
        InputError: it is none, or names no metric of the table.
    """
    conditions = read_target(text, where).conditions
    metrics = sorted(known)
    for condition in conditions:
        if condition.metric not in metrics:
            raise InputError(
                f"{where}: {condition.metric} is not in the table"
                f"{did_you_mean(condition.metric, metrics)}"
            )
    plain = [f"{c.metric} {'<=' if c.at_most else '>='} {_plain(c.bound)}" for c in conditions]
    return Target(conditions, " and ".join(plain))


def _plain(bound: float) -> str:
    """Return a bound as a study writes it."""
    text = f"{bound:g}" if bound == 0 or abs(bound) >= 0.01 else f"{bound:.1e}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else text
