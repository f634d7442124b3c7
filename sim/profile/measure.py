"""All cells of a calibration, in rounds, so that a machine that changes its speed shows.

Rounds are short and many, each in an order drawn anew: what the machine does in one second or
another falls on all cells alike.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.deadline import InputError
from sim.deadline.collector import collector_paused
from sim.deadline.cost import Cost, fit_cost
from sim.deadline.errors import check_range
from sim.host import Conditions, busy_ns, check_cpu, quiet
from sim.named import named_allocator
from sim.problem import PowerControlProblem, PowerControlSpec
from sim.profile.bench import Bench, Null, TooSlowError, instances, joined
from sim.profile.cell import Cell, CellKey
from sim.profile.plan import Plan
from sim.registry import load_plugin, prepare_allocator
from sim.seeding import stream


class Measurement(NamedTuple):
    """What was measured.

    Attributes:
        cells: each allocator at each size.
        release: how late the host starts a call, and the call itself.
        conditions: pinning and priority.
        timer_ns: two readings of the clock, one after the other.
        call_ns: the call of an allocator that does nothing, median; subtracted from every cell.
        release_ns: percentiles of the lateness of the host alone.
        null_drift: of the null allocator's calls.
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


def measure(plan: Plan, progress: Callable[[int, str], None]) -> Measurement:
    """Measure a plan in this process; progress counts calls.

    Raises:
        InputError: no cell can be had, or an allocator fails.
    """
    check_range("--samples", plan.samples, 2 * plan.rounds)
    check_cpu(plan.cpu)
    for plugin in plan.plugins:
        load_plugin(plugin)
    rng = stream(plan.seed, "calibration.order")
    with collector_paused() as collect:
        null, benches, left_out = _benches(plan)
        with quiet(plan.cpu, plan.wait) as conditions:
            timer_ns = _timer_ns()
            began, busy, own = time.perf_counter_ns(), busy_ns(), time.process_time_ns()
            for number in range(plan.rounds):
                for place in rng.permutation(len(benches) + 1):
                    bench = [null, *benches][place]
                    calls = bench.round(number, plan)
                    collect()
                    progress(calls, bench.label)
            elapsed = time.perf_counter_ns() - began
            others = max(busy_ns() - busy - (time.process_time_ns() - own), 0) / elapsed
    lateness, calls = joined(null.lateness), joined(null.service)
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


def _benches(plan: Plan) -> tuple[Bench, list[Bench], list[str]]:
    """Return the null allocator's bench, those that can be had, and why others cannot."""
    drawn: dict[tuple[int, int], list[PowerControlProblem]] = {}
    for size in itertools.product(plan.links, plan.subbands):
        drawn[size] = instances(plan, *size)
    null = Bench("null", Null(), plan.links[0], plan.subbands[0])
    try:
        null.prepare(plan, drawn[plan.links[0], plan.subbands[0]])
    except TooSlowError as error:
        raise InputError(f"{error}; null does nothing: want a longer --longest") from None
    benches: list[Bench] = []
    left_out: list[str] = []
    for label in plan.allocators:
        name, parameters = named_allocator(label)
        key = CellKey.of(name, parameters)
        found = len(benches)
        for links, subbands in drawn:
            spec = PowerControlSpec(links, subbands, stream(plan.seed, "allocator", 0))
            place = f"{label} K = {links} S = {subbands}"
            try:
                bench = Bench(place, prepare_allocator(name, parameters, spec), links, subbands)
                bench.prepare(plan, drawn[links, subbands])
            except (InputError, TooSlowError) as error:
                left_out.append(str(error) if place in str(error) else f"{place}: {error}")
                continue
            bench.key = key
            benches.append(bench)
        if len(benches) == found:
            raise InputError(f"--allocators: {left_out[-1]}")
    return null, benches, left_out


def _timer_ns(readings: int = 10_000) -> float:
    taken = np.array([time.perf_counter_ns() for _ in range(readings)])
    return float(np.median(np.diff(taken)))
