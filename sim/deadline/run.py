"""One solver, one server: the whole race as a recursion, on a virtual or a live clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple

from sim.deadline.clock import Clock, VirtualClock
from sim.deadline.entrant import Entrant
from sim.deadline.errors import InputError
from sim.deadline.job import Job, Outcome
from sim.deadline.policy import OnOverrun, admits
from sim.deadline.solver import Answer, Problem
from sim.deadline.task import Task


class Served(NamedTuple, Generic[Answer]):
    """A job and the answer in force after its deadline."""

    job: Job
    answer: Answer


def periodic(period_ns: int, offset_ns: int = 0) -> Iterator[int]:
    """Yield release times ``offset_ns + n period_ns`` for ever."""
    release_ns = offset_ns
    while True:
        yield release_ns
        release_ns += period_ns


def run(
    entrant: Entrant[Problem, Answer],
    problems: Iterable[Problem],
    releases_ns: Iterable[int],
    *,
    budget_ns: int,
    clock: Clock | None = None,
) -> Iterator[Served[Answer]]:
    """Race one entrant against its deadlines, one job a release, on one server.

    On a virtual clock ``start = max(release, previous finish)`` (Lindley's recursion), plus the
    release jitter if there is any, and a job takes what the entrant's latency model says; on a live
    one it takes what it takes.

    Args:
        entrant: a prepared solver with its latency and policies.
        problems: one a release; the shorter of the two ends the run.
        releases_ns: intended release times, never falling.
        budget_ns: from a release to its deadline.
        clock: virtual if not given.

    Yields:
        Each job as it is settled, with the answer then in force.

    Raises:
        InputError: a budget that is not positive.
    """
    for task in settled(entrant, problems, releases_ns, budget_ns, clock or VirtualClock()):
        yield Served(task.job(), entrant.in_force.answer)


def settled(
    entrant: Entrant[Problem, Answer],
    problems: Iterable[Problem],
    releases_ns: Iterable[int],
    budget_ns: int,
    clock: Clock,
    first: int = 0,
) -> Iterator[Task[Problem, Answer]]:
    """Yield the tasks of `run` as they are settled, each with all its answers.

    Args:
        entrant: as in `run`, like all that follows.
        problems: one a release.
        releases_ns: intended release times.
        budget_ns: from a release to its deadline.
        clock: virtual or live.
        first: index of the first.
    """
    if budget_ns <= 0:
        raise InputError(f"budget: {budget_ns} ns leaves no time to compute; must be positive")
    free_ns = 0
    pairs = zip(problems, releases_ns, strict=False)
    for index, (problem, release_ns) in enumerate(pairs, first):
        task = Task[Problem, Answer](index, problem, release_ns, release_ns + budget_ns)
        if admits(entrant.on_overrun, busy=free_ns > release_ns):
            start_ns = clock.wait_until(max(release_ns, free_ns))
            if entrant.on_overrun is OnOverrun.ABORT and start_ns >= task.deadline_ns:
                entrant.skip()
                task.outcome = Outcome.SKIPPED
            elif clock.live:
                entrant.live(task, clock, start_ns)
            else:
                entrant.solve(task)
                free_ns = entrant.begin(task, start_ns)
            if task.finish_ns is not None:
                free_ns = clock.wait_until(task.finish_ns)
        else:
            entrant.skip()
            task.outcome = Outcome.SKIPPED
        entrant.settle(task)
        yield task
