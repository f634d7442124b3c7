"""One solver, one server: the whole race as a recursion, on a virtual or a live clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple

from sim.deadline.clock import Clock, VirtualClock
from sim.deadline.entrant import Entrant
from sim.deadline.job import Job
from sim.deadline.server import Stream, serve
from sim.deadline.solver import Answer, Problem


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
    stream = Stream(entrant, problems, releases_ns, budget_ns)
    for task in serve([stream], clock or VirtualClock()):
        yield Served(task.job(), entrant.in_force.answer)
