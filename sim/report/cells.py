"""Points pooled over replicates, as targets are judged: the rule is that of `pooled`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sim.deadline.stats import binomial_interval, replicate_interval
from sim.deadline.summary import PERCENTILES
from sim.report.axis import FACTS, Value
from sim.study.columns import COUNTS, LONGEST, MISS_RATIOS, MISSES, SHARES, SIGNED
from sim.study.target import pooled

#: Replicates that an interval over them takes. Two would do for Student's, but their scatter is one
#: difference: it may be a thirtieth of what it should be or twice that, and the factor is 12.7.
FEWEST = 3

#: The share of a sample that is no longer than each figure of it.
_SHARES_OF_JOBS = {**PERCENTILES, "max": 1.0}


@dataclass(frozen=True)
class Cell:
    """One value of every axis, one allocator, all replicates.

    Attributes:
        values: of every axis and every fact; None where the table tells none.
        allocator: its label.
        refused: why it could not be had; empty if it could.
        rows: what the table holds of each replicate that could be had.
    """

    values: Mapping[str, Value]
    allocator: str
    refused: str
    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def jobs(self) -> int:
        """Jobs of all replicates."""
        return sum(row["jobs"] for row in self.rows)

    @cached_property
    def missed(self) -> int:
        """Jobs of all replicates that were not met."""
        return sum(row[outcome] for row in self.rows for outcome in MISSES)

    def metric(self, name: str) -> float | None:
        """Return a figure over all replicates, as a study judges it."""
        return pooled(self.rows, name) if self.rows else None

    def is_cut(self, name: str) -> bool:
        """Whether a response time is that of jobs that were cut: the true one is longer.

        With one deadline all that were cut took longer than all that were not.
        """
        which = name.removeprefix("response_").removesuffix("_us")
        if which == name or which not in _SHARES_OF_JOBS:
            return False
        share = _SHARES_OF_JOBS[which]
        for row in self.rows:
            started = row["jobs"] - row["skipped"]
            if row["aborted"] and row["aborted"] > started - math.ceil(share * started):
                return True
        return False

    def interval(self, name: str) -> tuple[float, float] | None:
        """Return its 95% interval: exact binomial for misses, Student's over replicates else.

        None from fewer than `FEWEST` replicates, of the ends of an interval, of counts, and of the
        longest time, which is no mean: more replicates can only make it longer. What cannot be
        less than zero, or more than one, is not: cut there an interval holds the truth as often as
        before.
        """
        if name == "miss_ratio":
            return binomial_interval(self.missed, self.jobs) if self.jobs else None
        if name in (*MISS_RATIOS, *COUNTS, *LONGEST):
            return None
        found = [float(row[name]) for row in self.rows if row[name] is not None]
        if len(found) < FEWEST:
            return None
        low, high = replicate_interval(found)
        least = -math.inf if name in SIGNED else 0.0
        most = 1.0 if name in SHARES else math.inf
        return min(max(low, least), most), max(min(high, most), least)

    def by_replicate(self, name: str) -> dict[int, float]:
        """Return a figure of each replicate that has it."""
        return {row["replicate"]: float(row[name]) for row in self.rows if row[name] is not None}

    @cached_property
    def rate(self) -> float | None:
        """The mean rate in force, bit/s/Hz."""
        return self.metric("in_force_bps_hz")


def pool(rows: Iterable[Mapping[str, Any]], axes: Sequence[str]) -> list[Cell]:
    """Return the cells of a table, in its order.

    Args:
        rows: of the table.
        axes: the columns that are axes.
    """
    groups: dict[tuple[Value, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((*(row[axis] for axis in axes), row["allocator"]), []).append(row)
    cells = []
    for group in groups.values():
        ok = [row for row in group if row["status"] == "ok"]
        first = (ok or group)[0]
        values = {name: first.get(name) for name in (*FACTS, *axes)}
        why = "" if ok else str(first.get("reason") or "no reason given")
        cells.append(Cell(values, str(first["allocator"]), why, ok))
    return cells


def dispersion(cells: Iterable[Cell]) -> tuple[float, int] | None:
    """Return how much more misses scatter between replicates than independent ones would.

    The chi-squared statistic of homogeneity, summed over cells that expect at least five misses
    and five hits in every replicate, over its degrees of freedom (Cochran, Biometrics 10, 1954).

    Returns:
        The ratio, 1 for independent misses, and the degrees of freedom; None if there are none.
    """
    total, freedom = 0.0, 0
    for cell in cells:
        if len(cell.rows) < 2 or not cell.jobs:
            continue
        jobs = np.array([row["jobs"] for row in cell.rows], dtype=np.float64)
        missed = np.array([sum(row[o] for o in MISSES) for row in cell.rows], dtype=np.float64)
        share = missed.sum() / jobs.sum()
        if min(share, 1.0 - share) * jobs.min() < 5:
            continue
        total += float(np.sum((missed - share * jobs) ** 2 / (jobs * share * (1.0 - share))))
        freedom += len(jobs) - 1
    return (total / freedom, freedom) if freedom else None
