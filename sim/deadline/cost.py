"""What one call costs, as measured: a base, a price per unit of work, and jitter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.deadline.latency import LONGEST_NS, LatencyModel

FloatArray = NDArray[np.float64]

#: Probabilities at which jitter is kept: even through the body, dense in the tail, with both ends.
CHANCES: FloatArray = np.concatenate(
    [np.linspace(0.0, 0.98, 197), 1.0 - np.geomspace(0.0195, 1e-5, 59), [1.0]]
)

#: Strata of work that a median is taken of, and the fewest calls in one. Where few calls were
#: timed they were slow, and a slow call is no clock's grain: fewer do then, in so many strata.
_STRATA = 24
_FEWEST = 16
_LEAST_STRATA = 4


@dataclass(frozen=True)
class Cost:
    """Service time of a call: ``base + work x per_work + typical x jitter(chance)``, or the least.

    Attributes:
        base_ns: of each call.
        per_work_ns: of each unit of work; zero where work did not vary.
        typical_ns: the median call, which jitter is relative to.
        jitter: quantiles of what is left, in units of ``typical_ns``, at `CHANCES`.
        least_ns: of all calls. Jitter is drawn whatever the work, and the quickest of much work
            would leave a call of little work less time than any has taken.
    """

    base_ns: float
    per_work_ns: float
    typical_ns: float
    jitter: FloatArray
    least_ns: float = 0.0

    def time_ns(self, work: int, chance: float) -> float:
        """Return the time of a call that does ``work`` units, at quantile ``chance`` of jitter."""
        time_ns = self.base_ns + work * self.per_work_ns + self.typical_ns * self._jitter_at(chance)
        return max(time_ns, self.least_ns)

    def expected_ns(self, work: NDArray[np.int64]) -> FloatArray:
        """Return the times of calls without their jitter, one for each count of work."""
        return self.base_ns + work.astype(np.float64) * self.per_work_ns

    def _jitter_at(self, chance: float) -> float:
        # numpy's interp takes ten times as long on a single value, and this is asked once a slot.
        place = bisect_right(_CHANCES, chance) - 1
        if place >= len(_CHANCES) - 1:
            return float(self.jitter[-1])
        low, high = self.jitter[place], self.jitter[place + 1]
        share = (chance - _CHANCES[place]) / (_CHANCES[place + 1] - _CHANCES[place])
        return float(low + share * (high - low))


_CHANCES: list[float] = CHANCES.tolist()


def fit_cost(service_ns: NDArray[np.int64], work: NDArray[np.int64]) -> Cost:
    """Return the cost that explains measured calls.

    The line through the medians of strata of equal work, weighted by their size: a call that the
    host interrupted moves a median little, and least squares of the raw times a lot. What the line
    leaves is jitter, whole, so that the fitted calls have the distribution of the measured ones.

    Args:
        service_ns: what each call took, ``(n,)``.
        work: units of work it did, ``(n,)``.

    Raises:
        ValueError: no calls, or arrays of different lengths.
    """
    if len(service_ns) != len(work) or len(work) == 0:
        raise ValueError(f"{len(service_ns)} times and {len(work)} counts of work; want as many")
    base, per_work = _line(service_ns.astype(float), work.astype(float))
    typical = float(np.median(service_ns))
    left = service_ns - (base + work * per_work)
    jitter = np.quantile(left, CHANCES) / max(typical, 1.0)
    return Cost(base, per_work, max(typical, 1.0), jitter, float(service_ns.min()))


def _line(time: FloatArray, work: FloatArray) -> tuple[float, float]:
    strata = _strata(work)
    size = np.array([len(stratum) for stratum in strata], dtype=float)
    x = np.array([np.median(work[stratum]) for stratum in strata])
    y = np.array([np.median(time[stratum]) for stratum in strata])
    mean_x, mean_y = np.average(x, weights=size), np.average(y, weights=size)
    spread = float(np.average((x - mean_x) ** 2, weights=size))
    if spread == 0.0:
        return float(np.median(time)), 0.0
    slope = float(np.average((x - mean_x) * (y - mean_y), weights=size)) / spread
    base = float(mean_y - slope * mean_x)
    if slope < 0.0:  # more work cannot cost less: the price is below what can be seen here
        return float(np.median(time)), 0.0
    if base < 0.0:  # nor can a call without work; the line through the origin then
        return 0.0, float(np.average(x * y, weights=size) / np.average(x * x, weights=size))
    return base, slope


def _strata(work: FloatArray) -> list[NDArray[np.int64]]:
    """Return calls sorted by work and cut into strata; equal work is never cut apart."""
    order = np.argsort(work, kind="stable")
    fewest = max(min(_FEWEST, len(work) // _LEAST_STRATA), 1)
    size = max(fewest, -(-len(work) // _STRATA))
    _, first = np.unique(work[order], return_index=True)
    cuts: list[int] = []
    for start in first.tolist()[1:]:
        if start - (cuts[-1] if cuts else 0) >= size:
            cuts.append(start)
    if cuts and len(work) - cuts[-1] < fewest:
        cuts.pop()
    return [np.asarray(part) for part in np.split(order, cuts)]


def mixed(costs: Sequence[Cost], weights: Sequence[float]) -> Cost:
    """Return the cost between several measured ones: geometric in times, linear in jitter.

    Costs follow powers of the problem's size, and a geometric mean is a straight line there. No
    power leads to zero: where one of them is, times are linear.

    Args:
        costs: the measured ones around.
        weights: of each, adding up to one; one above one goes on beyond, and jitter with it does
            not.
    """
    if len(costs) == 1:
        return costs[0]

    def between(values: Sequence[float]) -> float:
        if min(values) > 0.0:
            return float(np.exp(np.dot(weights, np.log(values))))
        return max(float(np.dot(weights, values)), 0.0)

    return Cost(
        between([cost.base_ns for cost in costs]),
        between([cost.per_work_ns for cost in costs]),
        between([cost.typical_ns for cost in costs]),
        np.asarray(np.dot(np.clip(weights, 0.0, 1.0), np.array([cost.jitter for cost in costs]))),
        between([cost.least_ns for cost in costs]),
    )


class Calibrated(LatencyModel):
    """Measured costs, replayed: deterministic, portable, fit to run in parallel.

    Jitter is drawn anew for each call, so bursts of a noisy host are not replayed as bursts.

    Args:
        cost: of one call over so many problems (see `LatencyModel.service_ns`).
        rng: generator that the chances come from, one a call.
        speed: how many times faster the modelled processor is than the measured one.
    """

    _BLOCK = 1024

    def __init__(
        self, cost: Callable[[int], Cost], rng: np.random.Generator, speed: float = 1.0
    ) -> None:
        self._cost_of = cost
        self._costs = {1: cost(1)}
        self._rng = rng
        self._speed = speed
        self._drawn: list[float] = []

    @property
    def typical_work(self) -> int:
        """Units of work of the median call; zero where work costs nothing."""
        cost = self._costs[1]
        if cost.per_work_ns <= 0.0:
            return 0
        return max(round((cost.typical_ns - cost.base_ns) / cost.per_work_ns), 0)

    def draw(self) -> float:
        """Return the next chance, uniform in [0, 1)."""
        if not self._drawn:
            self._drawn = self._rng.random(self._BLOCK).tolist()[::-1]
        return self._drawn.pop()

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:  # noqa: ARG002
        """Return the measured cost of such a call, at this quantile of its jitter."""
        cost = self._costs.get(batch)
        if cost is None:
            cost = self._costs[batch] = self._cost_of(batch)
        return round(min(max(cost.time_ns(work, chance) / self._speed, 0.0), LONGEST_NS))
