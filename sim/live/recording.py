"""A scenario's problems, all drawn before the clock runs: its slots leave no time for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sim.build import build_entrant, build_feed
from sim.deadline import Clock, InputError
from sim.deadline.run import periodic, settled
from sim.feed import Problems
from sim.ledger import PowerTask
from sim.network import PowerEntrant
from sim.problem import PowerControlProblem
from sim.scenario import AllocatorModel, Controller, Scenario
from sim.scenario.latency import MeasuredLatency

_LARGEST_BYTES = 4 << 30


class Recording:
    """The problems of a scenario's only controller, in memory.

    Args:
        scenario: the scenario.
        folder: what its paths are relative to.
        copies: how many times they will be gone through: an allocator that had seen a slot's
            memory before would find it in the caches.

    Raises:
        InputError: the scenario cannot be played live, or does not fit into memory.
    """

    def __init__(self, scenario: Scenario, folder: Path, copies: int = 1) -> None:
        self.scenario = playable(scenario)
        self.folder = folder
        self.timing = self.scenario.controller(0)
        self.feed = build_feed(self.scenario, self.timing, folder)
        channel = self.feed.channel
        needed = 8 * channel.subbands * channel.links**2 * self.timing.slots * (copies + 1)
        if needed > _LARGEST_BYTES:
            raise InputError(
                f"slots: {self.timing.slots} slots played live take {needed / 2**30:.1f} GiB; want "
                f"at most {_LARGEST_BYTES / 2**30:g}: fewer slots"
            )
        self.problems = self.feed.draw(self.timing.slots)

    def entrant(self, model: AllocatorModel, timing: Controller | None = None) -> PowerEntrant:
        """Return an allocator, prepared and warm.

        Args:
            model: which one.
            timing: with the budget that it is told; the scenario's if not given.
        """
        entrant = build_entrant(self.scenario, model, timing or self.timing, self.feed, self.folder)
        first = self.problems.copy(1)
        for _ in range(3):  # compiled, and its memory touched
            entrant.warm_up(first.at(0))
        return entrant


def playable(scenario: Scenario) -> Scenario:
    """Return a scenario as it is played live, its time measured.

    Raises:
        InputError: it has what one processor with one clock cannot play.
    """
    compute = scenario.compute
    if len(scenario.controllers) > 1 or compute.servers > 1:
        raise InputError(
            f"live: controllers: {len(scenario.controllers)}, compute.servers: {compute.servers}; "
            "the wall clock has one pinned processor here: want one of each"
        )
    if compute.speed != 1.0:
        raise InputError(
            f"compute.speed: {compute.speed:g} cannot be played live; want 1 (--set "
            "compute.speed=1)"
        )
    measured = MeasuredLatency()
    allocators = [model.model_copy(update={"latency": None}) for model in scenario.allocators]
    return scenario.model_copy(
        update={
            "compute": compute.model_copy(update={"latency": measured}),
            "allocators": allocators,
        }
    )


def play(
    entrant: PowerEntrant,
    problems: Problems,
    timing: Controller,
    clock: Clock,
    first: int,
    until: int,
) -> Iterator[PowerTask]:
    """Play the slots from ``first`` up to ``until`` and yield each job as it is settled.

    Args:
        entrant: an allocator.
        problems: with at least those slots, for nobody else.
        timing: slot and budget.
        clock: on the scenario's grid.
        first: slot.
        until: slot.
    """
    given: Iterator[PowerControlProblem] = (problems.at(slot) for slot in range(first, until))
    releases = periodic(
        timing.slot_ns, timing.offset_ns + first * timing.slot_ns + timing.release_after_ns
    )
    yield from settled(entrant, given, releases, timing.compute_ns, clock, first)


def lateness_ns(tasks: list[PowerTask]) -> list[int]:
    """Return how late the host began each job: after its release and the end of the one before.

    What a job waits for another one is not the host's doing. A job that the host woke up for only
    when its deadline had passed counts with the time up to there; it was later still.
    """
    late, free_ns = [], 0
    for task in tasks:
        ready_ns = max(task.release_ns, free_ns)
        if task.start_ns is not None and task.finish_ns is not None:
            late.append(task.start_ns - ready_ns)
            free_ns = task.finish_ns
        elif ready_ns < task.deadline_ns:
            late.append(task.deadline_ns - ready_ns)
    return late
