"""One cell while it is measured: an allocator at one size, called once a period.

A call comes on an instance that it has not seen, after the processor slept: what it finds in the
caches is what it would find in its slot. Calls back to back are published beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError, Solver
from sim.deadline.call import Attempt, attempt
from sim.deadline.clock import LiveClock
from sim.deadline.cost import Cost, fit_cost
from sim.deadline.stats import percentile
from sim.host import live_clock
from sim.problem import Allocation, PowerControlProblem, check_allocation
from sim.profile.cell import Cell, CellKey
from sim.profile.plan import FEWEST, Plan
from sim.seeding import stream

IntArray = NDArray[np.int64]

#: Instances of one cell are drawn until they fill so much, more than a cache of the second level.
_INSTANCE_BYTES = 16 << 20

_FEWEST_INSTANCES = 8

#: In one of them; no scenario has more.
_MOST_GAINS = 1 << 24

#: Rayleigh fading, every other instance at each of these: work varies, and its price shows.
_SNR_DB = (0.0, 10.0)

_UNTIMED = 16  # calls before each round: compilation, caches, branch predictors
_UNTIMED_NS = 20_000_000  # that they may take, but for the first
_APART = 512  # calls of one instance, and calls back to back, in all
_APART_NS = 2_000_000_000  # that they may take
_FEWEST = 4  # calls in a round

#: Consecutive parts of a calibration whose medians are held against each other.
_PARTS = 8


class TooSlowError(Exception):
    """A cell would take longer than it may; the message says why."""


class Null(Solver[PowerControlProblem, Allocation]):
    """Answers at once: what is left is the call itself."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Return full power."""
        return Allocation(problem.p_max_w)


def instances(plan: Plan, links: int, subbands: int) -> list[PowerControlProblem]:
    """Return Rayleigh channels of one size, the same for every allocator.

    Raises:
        InputError: no scenario may have so large ones.
    """
    if subbands * links**2 > _MOST_GAINS:
        raise InputError(
            f"--links {links}, --subbands {subbands}: {subbands * links**2} gains in a call; want "
            f"at most {_MOST_GAINS}, as in a scenario"
        )
    rng = stream(plan.seed, "calibration", links, subbands)
    count = int(
        np.clip(_INSTANCE_BYTES // (8 * subbands * links**2), _FEWEST_INSTANCES, plan.samples)
    )
    gain = rng.standard_exponential((count, subbands, links, links))
    return [
        PowerControlProblem(one, 10.0 ** (-_SNR_DB[i % len(_SNR_DB)] / 10.0), 1.0)
        for i, one in enumerate(gain)
    ]


class Bench:
    """One cell while it is measured."""

    def __init__(self, label: str, solver: Solver[Any, Any], links: int, subbands: int) -> None:
        self.label = label
        self.solver = solver
        self.links = links
        self.subbands = subbands
        self.key: CellKey | None = None
        self.samples = 0
        self.period_ns = 0
        self.rounds = 0
        self.problems: Sequence[PowerControlProblem] = ()
        self.lateness: list[list[int]] = []
        self.service: list[list[int]] = []
        self.work: list[list[int]] = []
        self.repeated: list[int] = []
        self.repeated_work = 0
        self.back_to_back: list[float] = []
        self.cpu_ns = 0
        self.wall_ns = 0
        self._next = 0

    def prepare(self, plan: Plan, problems: Sequence[PowerControlProblem]) -> None:
        """Call untimed, and find a period that leaves room for a call.

        Raises:
            TooSlowError: not even a few calls fit into the time of a cell.
        """
        self.problems = problems
        took = self._call().elapsed_ns  # compiles, perhaps
        took = self._call().elapsed_ns
        if took * FEWEST > plan.longest_ns:
            raise TooSlowError(
                f"{self.label}: a call takes {took / 1e9:.2g} s, and {FEWEST} of them, the least, "
                f"more than the {plan.longest_ns / 1e9:g} s of --longest"
            )
        # The median, as one call that the host interrupted would make a period of another kind.
        took = int(np.median([self._call().elapsed_ns for _ in range(self._untimed(took))]))
        self.period_ns = max(plan.period_ns, 2 * took)
        self.samples = int(np.clip(plan.longest_ns // self.period_ns, FEWEST, plan.samples))
        # Slow cells sit rounds out, rather than take part with a call or two.
        self.rounds = int(np.clip(self.samples // _FEWEST, 2, plan.rounds))

    def round(self, number: int, plan: Plan) -> int:
        """Time this cell's calls of one round; return how many."""
        own = number * self.rounds // plan.rounds
        if own == (number + 1) * self.rounds // plan.rounds:
            return 0
        samples = len(range(own, self.samples, self.rounds))
        for _ in range(self._untimed(self.period_ns)):
            self._call()
        clock = live_clock(plan.wait)
        lateness, service, work = [], [], []
        release_ns = clock.now_ns()
        for _ in range(samples):
            release_ns += self.period_ns
            clock.wait_until(release_ns)
            result = self._call(clock.now_ns)
            lateness.append(result.begun_ns - release_ns)
            service.append(result.elapsed_ns)
            work.append(result.work)
        self.lateness.append(lateness)
        self.service.append(service)
        self.work.append(work)
        self._beside(clock)
        return samples

    @staticmethod
    def _untimed(took_ns: int) -> int:
        return int(np.clip(_UNTIMED_NS // max(took_ns, 1), 1, _UNTIMED))

    def _beside(self, clock: LiveClock) -> None:
        """Time one instance over and over, and calls back to back."""
        few = max(min(_APART_NS // self.period_ns, _APART) // self.rounds, 1)
        same = self.problems[0]
        for _ in range(few):
            clock.wait_until(clock.now_ns() + self.period_ns)
            result = attempt(self.solver, same, check_allocation, clock.now_ns)
            self.repeated.append(result.elapsed_ns)
            self.repeated_work = result.work
        problems = [self._problem() for _ in range(few)]
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        for problem in problems:
            self.solver.solve(problem)
        wall = time.perf_counter_ns() - wall
        self.cpu_ns += time.process_time_ns() - cpu
        self.wall_ns += wall
        self.back_to_back.append(wall / few)

    def drift(self, cost: Cost, call_ns: float = 0.0) -> float:
        """Return how far apart the medians of its parts lie, of times over what they should be."""
        medians = []
        for part in np.array_split(np.arange(self.rounds), min(_PARTS, self.rounds)):
            times = joined([self.service[own] for own in part]) - call_ns
            work = joined([self.work[own] for own in part])
            medians.append(float(np.median(times / np.maximum(cost.expected_ns(work), 1.0))))
        return max(medians) / max(min(medians), 1e-9) - 1.0

    def _call(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> Attempt[Allocation]:
        result = attempt(self.solver, self._problem(), check_allocation, now_ns)
        if result.reason is not None:
            raise InputError(f"{self.label}: fails on a Rayleigh channel: {result.reason}")
        return result

    def _problem(self) -> PowerControlProblem:
        self._next = (self._next + 1) % len(self.problems)
        return self.problems[self._next]

    def cell(self, call_ns: float) -> Cell:
        """Return what came of it, with the call itself taken off."""
        assert self.key is not None
        service = np.maximum(joined(self.service) - round(call_ns), 0)
        work = joined(self.work)
        cost = fit_cost(service, work)
        same = float(np.median(self.repeated)) - call_ns
        alike = cost.time_ns(self.repeated_work, 0.5)
        return Cell(
            self.key,
            self.links,
            self.subbands,
            cost,
            len(service),
            {
                **_percentiles(service),
                "work_p50": float(np.median(work)),
                "same_instance_p50_us": round(same / 1e3, 3),
                "varied_over_same": round(max(alike, 1.0) / max(same, 1.0), 3),
                "back_to_back_us": round((float(np.median(self.back_to_back))) / 1e3, 3),
                "cpu_over_wall": round(self.cpu_ns / max(self.wall_ns, 1), 3),
                "drift": round(self.drift(cost, call_ns), 4),
                "period_us": self.period_ns / 1e3,
            },
        )


def _percentiles(service: IntArray) -> dict[str, float | None]:
    ordered = np.sort(service)
    found: dict[str, float | None] = {}
    for name, q in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)):
        value = percentile(ordered, q)
        found[name] = None if value is None else value.value / 1e3
    return {**found, "max_us": float(ordered[-1]) / 1e3}


def joined(rounds: Sequence[Sequence[int]]) -> IntArray:
    """Return the calls of all rounds in one array."""
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in rounds])
