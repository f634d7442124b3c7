"""Timing allocators one call at a time, released on a grid as slots release them.

A call comes once a period, on an instance it has not seen, after the processor slept: what it finds
in the caches is what it would find in its slot. Calls back to back are faster, and published beside
it. All cells take part in every round, in an order drawn anew, so that a machine that changes its
speed shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError, Solver
from sim.deadline.call import attempt
from sim.deadline.clock import LiveClock
from sim.deadline.collector import collector_paused
from sim.deadline.cost import Cost, fit_cost
from sim.deadline.errors import check_at_least
from sim.deadline.stats import CARRIED, percentile
from sim.host import Conditions, busy_ns, check_cpu, quiet
from sim.named import named_allocator
from sim.problem import Allocation, PowerControlProblem, PowerControlSpec, check_allocation
from sim.profile.cell import Cell, CellKey
from sim.registry import load_plugin, prepare_allocator
from sim.seeding import stream

IntArray = NDArray[np.int64]

#: Instances of one cell are drawn until they fill so much, more than a cache of the second level.
_INSTANCE_BYTES = 16 << 20

#: Rayleigh fading, every other instance at each of these: work varies, and its price shows.
_SNR_DB = (0.0, 10.0)

_UNTIMED = 16  # calls before each round: compilation, caches, branch predictors
_APART = 64  # calls of one instance, and calls back to back, in each round


class Plan(NamedTuple):
    """What is to be measured, and how.

    Attributes:
        allocators: as in `named_allocator`.
        links: K of each cell.
        subbands: S of each cell.
        samples: calls of each cell.
        rounds: how many.
        period_ns: from one call to the next, where the call leaves room.
        longest_ns: of one cell in all; slow cells get fewer samples.
        seed: of the instances and the order.
        cpu: which processor; the last one permitted if None.
        plugins: files or modules that register more allocators.
    """

    allocators: tuple[str, ...]
    links: tuple[int, ...]
    subbands: tuple[int, ...]
    samples: int
    rounds: int = 8
    period_ns: int = 1_000_000
    longest_ns: int = 20_000_000_000
    seed: int = 0
    cpu: int | None = None
    plugins: tuple[str, ...] = ()


class Measurement(NamedTuple):
    """What was measured.

    Attributes:
        cells: each allocator at each size.
        release: how late the host starts a call, and the call itself.
        conditions: pinning and priority.
        timer_ns: two readings of the clock, one after the other.
        call_ns: the call of an allocator that does nothing, median; subtracted from every cell.
        release_ns: percentiles of the lateness of the host alone.
        null_drift: of the null allocator's calls over the rounds.
        others: how many processors were busy with something else, on average.
        left_out: cells that cannot be had, and why.
    """

    cells: list[Cell]
    release: Cost
    conditions: Conditions
    timer_ns: float
    call_ns: float
    release_ns: dict[str, float]
    null_drift: float
    others: float
    left_out: list[str]


class _Null(Solver[PowerControlProblem, Allocation]):
    """Answers at once: what is left is the call itself."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        return Allocation(problem.p_max_w)


def samples_for(quantile: float) -> int:
    """Return how many calls carry a percentile (see `sim.deadline.stats.percentile`)."""
    return int(np.ceil(np.log(CARRIED) / np.log(quantile)))


class _Bench:
    """One cell while it is measured."""

    def __init__(self, label: str, solver: Solver[Any, Any], links: int, subbands: int) -> None:
        self.label = label
        self.solver = solver
        self.links = links
        self.subbands = subbands
        self.key: CellKey | None = None
        self.samples = 0
        self.period_ns = 0
        self.problems: list[PowerControlProblem] = []
        self.lateness: list[list[int]] = []
        self.service: list[list[int]] = []
        self.work: list[list[int]] = []
        self.repeated: list[int] = []
        self.repeated_work = 0
        self.back_to_back: list[float] = []
        self.cpu_ns = 0
        self.wall_ns = 0
        self._next = 0

    def prepare(self, plan: Plan) -> None:
        """Draw instances, call untimed, and find a period that leaves room for a call."""
        rng = stream(plan.seed, "calibration", self.links, self.subbands)
        size = self.subbands * self.links**2
        count = int(np.clip(_INSTANCE_BYTES // (8 * size), 8, plan.samples))
        gain = rng.standard_exponential((count, self.subbands, self.links, self.links))
        self.problems = [
            PowerControlProblem(one, 10.0 ** (-_SNR_DB[i % len(_SNR_DB)] / 10.0), 1.0)
            for i, one in enumerate(gain)
        ]
        took = [self._call().elapsed_ns for _ in range(_UNTIMED)]
        longest = max(took[1:])  # the first may have compiled
        self.period_ns = max(plan.period_ns, int(1.5 * longest))
        self.samples = int(np.clip(plan.longest_ns // self.period_ns, plan.rounds, plan.samples))

    def round(self, number: int, rounds: int) -> None:
        """Time this cell's calls of one round."""
        samples = len(range(number, self.samples, rounds))
        for _ in range(_UNTIMED):
            self._call()
        clock = LiveClock()
        lateness, service, work = [], [], []
        release_ns = clock.now_ns()
        for _ in range(samples):
            release_ns += self.period_ns
            clock.wait_until(release_ns)
            result = attempt(self.solver, self._problem(), check_allocation, clock.now_ns)
            if result.reason is not None:
                raise InputError(f"{self.label}: fails on a Rayleigh channel: {result.reason}")
            lateness.append(result.begun_ns - release_ns)
            service.append(result.elapsed_ns)
            work.append(result.work)
        self.lateness.append(lateness)
        self.service.append(service)
        self.work.append(work)
        self._beside(clock)

    def _beside(self, clock: LiveClock) -> None:
        """Time one instance over and over, and calls back to back."""
        few = max(min(_APART, 200_000_000 // self.period_ns), 4)
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
        """Return how far apart the rounds' medians lie, of times over what they should be."""
        medians = [
            float(np.median((np.array(times) - call_ns) / np.maximum(cost.expected_ns(work), 1.0)))
            for times, work in zip(self.service, map(np.array, self.work), strict=True)
        ]
        return max(medians) / max(min(medians), 1e-9) - 1.0

    def _call(self) -> Any:
        result = attempt(self.solver, self._problem(), check_allocation)
        if result.reason is not None:
            raise InputError(f"{self.label}: fails on a Rayleigh channel: {result.reason}")
        return result

    def _problem(self) -> PowerControlProblem:
        self._next = (self._next + 1) % len(self.problems)
        return self.problems[self._next]

    def cell(self, call_ns: float) -> Cell:
        """Return what came of it, with the call itself taken off."""
        assert self.key is not None
        service = np.maximum(_joined(self.service) - round(call_ns), 0)
        work = _joined(self.work)
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


def measure(plan: Plan, progress: Callable[[int, str], None]) -> Measurement:
    """Measure a plan in this process; progress counts calls.

    Raises:
        InputError: no cell can be had, or an allocator fails.
    """
    check_at_least("--samples", plan.samples, 2 * plan.rounds)
    check_cpu(plan.cpu)
    for plugin in plan.plugins:
        load_plugin(plugin)
    benches, left_out = _benches(plan)
    null = _Bench("null", _Null(), min(plan.links), min(plan.subbands))
    rng = stream(plan.seed, "calibration.order")
    with collector_paused() as collect:
        for bench in [null, *benches]:
            bench.prepare(plan)
        with quiet(plan.cpu) as conditions:
            timer_ns = _timer_ns()
            began, busy, own = time.perf_counter_ns(), busy_ns(), time.process_time_ns()
            for number in range(plan.rounds):
                for place in rng.permutation(len(benches) + 1):
                    bench = [null, *benches][place]
                    bench.round(number, plan.rounds)
                    collect()
                    progress(len(bench.service[-1]), bench.label)
            elapsed = time.perf_counter_ns() - began
            others = max(busy_ns() - busy - (time.process_time_ns() - own), 0) / elapsed
    lateness, calls = _joined(null.lateness), _joined(null.service)
    call_ns = float(np.median(calls))
    nothing = np.zeros(len(calls), dtype=np.int64)
    return Measurement(
        [bench.cell(call_ns) for bench in benches],
        fit_cost(lateness + calls, nothing),
        conditions,
        timer_ns,
        call_ns,
        {name: float(np.quantile(lateness, q)) for name, q in _LATENESS.items()},
        null.drift(fit_cost(calls, nothing)),
        others,
        left_out,
    )


_LATENESS = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def planned_calls(plan: Plan) -> int:
    """Return the most calls a plan can take, for a progress bar."""
    return plan.samples * (1 + len(plan.allocators) * len(plan.links) * len(plan.subbands))


def _benches(plan: Plan) -> tuple[list[_Bench], list[str]]:
    benches: list[_Bench] = []
    left_out: list[str] = []
    for label in plan.allocators:
        name, parameters = named_allocator(label)
        key = CellKey.of(name, parameters)
        found = len(benches)
        for links in plan.links:
            for subbands in plan.subbands:
                spec = PowerControlSpec(links, subbands, stream(plan.seed, "allocator", 0))
                try:
                    solver = prepare_allocator(name, parameters, spec)
                except InputError as error:
                    left_out.append(f"K = {links}, S = {subbands}: {error}")
                    continue
                bench = _Bench(f"{label} K = {links} S = {subbands}", solver, links, subbands)
                bench.key = key
                benches.append(bench)
        if len(benches) == found:
            raise InputError(f"--allocators: {left_out[-1]}")
    return benches, left_out


def _percentiles(service: IntArray) -> dict[str, float | None]:
    ordered = np.sort(service)
    found: dict[str, float | None] = {}
    for name, q in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)):
        value = percentile(ordered, q)
        found[name] = None if value is None else value.value / 1e3
    return {**found, "max_us": float(ordered[-1]) / 1e3}


def _joined(rounds: Sequence[Sequence[int]]) -> IntArray:
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in rounds])


def _timer_ns(readings: int = 10_000) -> float:
    taken = np.array([time.perf_counter_ns() for _ in range(readings)])
    return float(np.median(np.diff(taken)))
