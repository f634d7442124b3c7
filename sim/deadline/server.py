"""One server for the jobs of several controllers, on a virtual or a live clock."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic

from sim.deadline.clock import Clock
from sim.deadline.discipline import Discipline, Rank, rank
from sim.deadline.entrant import Entrant
from sim.deadline.errors import InputError
from sim.deadline.job import Outcome
from sim.deadline.policy import admits
from sim.deadline.solver import Answer, Problem
from sim.deadline.task import Task


class Stream(Generic[Problem, Answer]):
    """The jobs of one controller, one a release.

    Args:
        entrant: a prepared solver with its latency and policies.
        problems: one a release; the shorter of the two ends the stream.
        releases_ns: intended release times, never falling.
        budget_ns: from a release to its deadline.
        controller: its number.
        priority: under the discipline ``priority``, the smallest goes first.
        first: index of the first job.

    Raises:
        InputError: a budget that is not positive.
    """

    def __init__(
        self,
        entrant: Entrant[Problem, Answer],
        problems: Iterable[Problem],
        releases_ns: Iterable[int],
        budget_ns: int,
        controller: int = 0,
        priority: int = 0,
        first: int = 0,
    ) -> None:
        if budget_ns <= 0:
            raise InputError(f"budget: {budget_ns} ns leaves no time to compute; must be positive")
        self.entrant = entrant
        self.priority = priority
        pairs = zip(problems, releases_ns, strict=False)
        self._tasks = (
            Task[Problem, Answer](index, problem, release_ns, release_ns + budget_ns, controller)
            for index, (problem, release_ns) in enumerate(pairs, first)
        )

    def next(self) -> Task[Problem, Answer] | None:
        """Return the job of the next release; None if that was the last."""
        return next(self._tasks, None)


def serve(
    streams: Sequence[Stream[Problem, Answer]], clock: Clock, discipline: Discipline = "fifo"
) -> Iterator[Task[Problem, Answer]]:
    """Serve all streams on one server, nobody preempted, and yield each job as it is settled.

    What is released at one instant is ranked before anything starts, and the server does not idle
    while a job waits. As budgets do not change, a controller's jobs start in the order of their
    releases under every discipline: of each stream only the oldest job is ever looked at, and
    what was released behind it is looked at when that has ended.

    Args:
        streams: each of another controller.
        clock: virtual: a job takes what its entrant's latency model says; live: what it takes.
        discipline: who goes first of those that wait.

    Yields:
        The jobs in the order in which the server was done with them, those of one controller in
        the order of their releases. When a job is yielded, its entrant's ``in_force`` is what is
        in force after its deadline.
    """
    oldest: dict[int, Task[Problem, Answer]] = {}
    coming: list[tuple[int, int]] = []  # releases, and which stream's
    waiting: list[tuple[Rank, int]] = []

    def release(until_ns: int) -> None:
        while coming and coming[0][0] <= until_ns:
            _, place = heapq.heappop(coming)
            stream = streams[place]
            heapq.heappush(waiting, (rank(discipline, oldest[place], stream.priority), place))

    for place, stream in enumerate(streams):
        if (task := stream.next()) is not None:
            oldest[place] = task
            heapq.heappush(coming, (task.release_ns, place))
    while coming or waiting:
        if waiting:
            now_ns = clock.now_ns()
        else:
            next_ns = coming[0][0]
            release(next_ns)  # ranked beforehand: a live clock charges what comes after the wait
            now_ns = clock.wait_until(next_ns)
        if coming and coming[0][0] <= now_ns:
            release(now_ns)
        _, place = heapq.heappop(waiting)
        stream, task = streams[place], oldest.pop(place)
        _execute(stream.entrant, task, clock, now_ns)
        stream.entrant.settle(task)
        yield task
        while (following := stream.next()) is not None:
            if admits(stream.entrant.on_overrun, _busy(task, now_ns, following.release_ns)):
                oldest[place] = following
                heapq.heappush(coming, (following.release_ns, place))
                break
            stream.entrant.skip()
            following.outcome = Outcome.SKIPPED
            stream.entrant.settle(following)
            yield following


def _execute(
    entrant: Entrant[Problem, Answer], task: Task[Problem, Answer], clock: Clock, now_ns: int
) -> None:
    """The server takes a job and is done with it, or cuts it as its deadline has come."""
    if task.deadline_ns <= now_ns and entrant.cut(task):
        entrant.skip()
    elif clock.live:
        entrant.live(task, clock)
    else:
        entrant.solve(task)
        clock.wait_until(entrant.begin(task, now_ns))


def _busy(previous: Task[Problem, Answer], taken_ns: int, release_ns: int) -> bool:
    """Whether a release finds its controller's previous job, over by now, in the system.

    One that was taken at this very instant still waited when the release came.
    """
    if previous.finish_ns is None:
        return False
    return previous.finish_ns > release_ns or previous.release_ns < release_ns == taken_ns
