"""Where the best of several curves changes: interpolated, with its uncertainty.

Curves are means over replicates that met the same chances, so their differences are paired: a
crossover's 95% interval is where the interval of the difference holds zero, as Fieller's is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.deadline.stats import replicate_interval
from sim.report.cells import FEWEST

#: Rates nearer to each other than this are level: who leads there leads by chance.
LEVEL = 0.001


@dataclass(frozen=True)
class Curve:
    """A rate over an axis.

    Attributes:
        label: the allocator's.
        rates: at a number on the axis, the rate of each replicate.
        tried: where on the axis it was run, or refused; everywhere if not given.
    """

    label: str
    rates: Mapping[float, Mapping[int, float]]
    tried: frozenset[float] | None = None

    def at(self, x: float) -> float | None:
        """Return the mean over replicates at a value of the grid."""
        found = self.rates.get(x)
        return float(np.mean(list(found.values()))) if found else None


@dataclass(frozen=True)
class Crossover:
    """A change of the best.

    Attributes:
        before: who is best below it.
        after: who is best above it.
        between: the neighbouring values of the grid.
        at: where the curves cross; None if they do not, as one of them ends there.
        rate: where they cross.
        interval: of ``at``, 95%; an end that the grid does not hold is None. None altogether from
            fewer than `FEWEST` replicates.
    """

    before: str
    after: str
    between: tuple[float, float]
    at: float | None = None
    rate: float = math.nan
    interval: tuple[float | None, float | None] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the two cannot be told apart anywhere in the study."""
        return self.interval == (None, None)


def leaders(curves: Sequence[Curve]) -> list[tuple[float, str]]:
    """Return who is best at each value of the grid that all were tried at, if anyone has a rate.

    Where one was not run, who has the most of the others says nothing of it. Who leads keeps the
    lead until another is better by more than `LEVEL`.
    """
    found: list[tuple[float, str]] = []
    for x in sorted({x for curve in curves for x in curve.rates}):
        rates = {c.label: rate for c in curves if (rate := c.at(x)) is not None}
        if not rates or any(c.tried is not None and x not in c.tried for c in curves):
            continue
        near = max(rates.values()) - LEVEL * abs(max(rates.values()))
        level = [label for label, rate in rates.items() if rate >= near]
        keeps = found and found[-1][1] in level
        found.append((x, found[-1][1] if keeps else level[0]))
    return found


def crossovers(curves: Sequence[Curve], log: bool = False) -> list[Crossover]:
    """Return the changes of the best along the axis, in order.

    Args:
        curves: of every allocator, in order; the first of those that are level leads.
        log: whether to interpolate over the logarithm of the axis.
    """
    grid = leaders(curves)
    by_label = {curve.label: curve for curve in curves}
    found: list[Crossover] = []
    for (x, before), (y, after) in pairwise(grid):
        if before != after:
            placed = {before, after}
            found += _changes(curves, by_label[before], by_label[after], x, y, log, placed)
    return found


def _changes(
    curves: Sequence[Curve],
    before: Curve,
    after: Curve,
    x: float,
    y: float,
    log: bool,
    placed: set[str],
) -> list[Crossover]:
    """Return the changes from one curve to another between two values where the best changes.

    ``placed`` has the labels of those with a place there, and takes in who gets one: a straight
    line is the best on one stretch alone. Curves that are level and lack values date each other's
    leads back to other stretches, and would be placed for ever.
    """
    if before.at(y) is None or after.at(x) is None:
        return [Crossover(before.label, after.label, (x, y))]
    grid = sorted(set(before.rates) & set(after.rates))
    means = [float(np.mean(_differences(before, after, at))) for at in grid]
    i = grid.index(x)
    while i > 0 and means[i] < 0:  # level there: who led was behind already
        i -= 1
    share = _zero(means[i], means[i + 1])
    at = _between(grid[i], grid[i + 1], share, log)
    rate = _mix(before, grid[i], grid[i + 1], share)
    third = _above(curves, rate, grid[i], grid[i + 1], share)
    if third is not None and third.label not in placed:
        placed.add(third.label)
        first = _changes(curves, before, third, grid[i], grid[i + 1], log, placed)
        return first + _changes(curves, third, after, grid[i], grid[i + 1], log, placed)
    interval = _interval(before, after, grid, i, log)
    return [Crossover(before.label, after.label, (grid[i], grid[i + 1]), at, rate, interval)]


def _above(curves: Sequence[Curve], rate: float, x: float, y: float, share: float) -> Curve | None:
    """Return the curve that is best at a crossing, if that is none of the two by far."""
    best, found = rate + LEVEL * abs(rate), None
    for curve in curves:
        ends = curve.at(x), curve.at(y)
        if None not in ends and 0.0 < share < 1.0 and _mix(curve, x, y, share) > best:
            best, found = _mix(curve, x, y, share), curve
    return found


def _mix(curve: Curve, x: float, y: float, share: float) -> float:
    low, high = curve.at(x), curve.at(y)
    assert low is not None
    assert high is not None
    return (1.0 - share) * low + share * high


def _differences(before: Curve, after: Curve, x: float) -> list[float]:
    """Return the differences of the replicates that both have; of the means if there are none."""
    one, other = before.rates[x], after.rates[x]
    both = [one[r] - other[r] for r in one if r in other]
    if len(both) == len(one) == len(other):
        return both
    return [float(np.mean(list(one.values())) - np.mean(list(other.values())))]


def _interval(
    before: Curve, after: Curve, grid: Sequence[float], i: int, log: bool
) -> tuple[float | None, float | None] | None:
    differences = [_differences(before, after, x) for x in grid]
    if min(len(differences[i]), len(differences[i + 1])) < FEWEST:
        return None
    bounds = [
        replicate_interval(d) if len(d) >= FEWEST else (-math.inf, math.inf) for d in differences
    ]
    low = next((k for k in range(i, -1, -1) if bounds[k][0] > 0), None)
    high = next((k for k in range(i + 1, len(grid)) if bounds[k][1] < 0), None)
    ends: list[float | None] = [None, None]
    if low is not None:
        share = _zero(bounds[low][0], bounds[low + 1][0])
        ends[0] = _between(grid[low], grid[low + 1], share, log)
    if high is not None:
        share = _zero(bounds[high - 1][1], bounds[high][1])
        ends[1] = _between(grid[high - 1], grid[high], share, log)
    return ends[0], ends[1]


def _zero(left: float, right: float) -> float:
    """Return where, of the way from left to right, a line from one to the other is zero."""
    if not (math.isfinite(left) and math.isfinite(right)) or left == right:
        return 0.0 if math.isfinite(left) and not math.isfinite(right) else 1.0
    return min(max(left / (left - right), 0.0), 1.0)


def _between(x: float, y: float, share: float, log: bool) -> float:
    return float(x ** (1.0 - share) * y**share) if log else (1.0 - share) * x + share * y
