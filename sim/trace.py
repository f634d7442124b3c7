"""What a trace shows of a race besides its jobs: slots, budgets and the pool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.deadline.trace_calls import Pool
from sim.deadline.trace_tracks import Grid
from sim.scenario import Controller, Scenario


def grids_of(timings: Sequence[Controller]) -> list[Grid]:
    """Return the slots of controllers; those without a name get their number."""
    return [
        Grid(
            f"controller {timing.name}" if timing.name == str(timing.number) else timing.name,
            timing.slot_ns,
            release_after_ns=timing.release_after_ns,
            before="CSI & fronthaul",
            effect_after_ns=timing.budget.lead * timing.slot_ns,
            after_ns=timing.budget.control_ns,
            after="control",
        )
        for timing in timings
    ]


def pool_of(scenario: Scenario, timings: Iterable[Controller]) -> Pool:
    """Return what computes the jobs of a scenario."""
    compute = scenario.compute
    priorities = tuple(timing.priority for timing in timings)
    return Pool(compute.discipline, compute.preemptive, compute.batch, priorities)
