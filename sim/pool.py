"""The compute pool: m servers, one queue, jobs of any controller, on SimPy."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import simpy

from sim.deadline import Entrant, InputError, Task
from sim.deadline.discipline import Discipline, Rank, rank
from sim.deadline.errors import check_range

# What happens at one instant happens in this order: servers become free, then slots start and jobs
# are released, then it is decided who is computed, and only then which answers serve. So a finish
# frees its server for a release at the same instant, jobs released together are ranked, not taken
# as they come, and a job that starts and ends at its deadline has met it.
FINISH, SLOT, DISPATCH, SERVE = 1, 2, 3, 4


class Instant(simpy.Event):
    """An event some time ahead, ranked among those of the same instant.

    Args:
        env: the environment.
        delay_ns: how far ahead.
        rank: `FINISH`, `SLOT`, `DISPATCH` or `SERVE`.
        callback: called then, with the event.
        value: the event's value.
    """

    def __init__(
        self,
        env: simpy.Environment,
        delay_ns: int,
        rank: int,
        callback: Callable[[simpy.Event], None],
        value: Any = None,
    ) -> None:
        # As simpy.Timeout does: a race makes several for each slot.
        self.env = env
        self.callbacks = [callback]
        self._ok = True
        self._value = value
        env.schedule(self, rank, delay_ns)  # type: ignore[arg-type]


_Job = tuple[Rank, Task[Any, Any], Entrant[Any, Any]]


class ComputePool:
    """Serves jobs on servers of equal speed.

    Args:
        env: a SimPy environment that counts integer nanoseconds.
        servers: how many.
        discipline: who goes first, as `sim.deadline.discipline.rank` tells.
        preemptive: a job that waits takes the server of the last in rank that runs, if that is of
            lower rank; ties stay. The other waits again, for any server, and loses nothing.
        batch: how many jobs one call serves at most, each of another controller, whose entrants
            are of one size.

    Raises:
        InputError: no server, no batch, or preemptive and a batch of several.
    """

    def __init__(
        self,
        env: simpy.Environment,
        servers: int,
        discipline: Discipline,
        preemptive: bool = False,
        batch: int = 1,
    ) -> None:
        check_range("servers", servers, 1)
        check_range("batch", batch, 1)
        if preemptive and batch > 1:
            raise InputError(f"batch: {batch}, want 1 in a preemptive pool")
        self._env = env
        self._idle = servers
        self._discipline = discipline
        self._preemptive = preemptive
        self._batch = batch
        self._waiting: list[_Job] = []
        self._running: dict[simpy.Event, _Job] = {}  # by the ends of those that may be preempted
        self._dispatching = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for a server."""
        return len(self._waiting)

    def submit(self, task: Task[Any, Any], entrant: Entrant[Any, Any], priority: int = 0) -> None:
        """Queue a solved task, at its release."""
        heapq.heappush(self._waiting, (rank(self._discipline, task, priority), task, entrant))
        self._dispatch_soon()

    def _dispatch_soon(self) -> None:
        if self._waiting and not self._dispatching and (self._idle or self._preemptive):
            if self._env.peek() > self._env.now:  # nothing else is to come at this instant
                self._dispatch()
            else:
                self._dispatching = True
                Instant(self._env, 0, DISPATCH, self._dispatch_last)

    def _dispatch_last(self, _: simpy.Event) -> None:
        self._dispatching = False
        self._dispatch()

    def _dispatch(self) -> None:
        now = int(self._env.now)
        while self._waiting:
            first = self._waiting[0]
            if first[1].deadline_ns <= now and first[2].cut(first[1]):
                heapq.heappop(self._waiting)
                continue
            if not self._idle and not (self._preemptive and self._preempt(first, now)):
                break
            jobs = [heapq.heappop(self._waiting)]
            if self._batch > 1:
                self._gather(jobs, now)
            end_ns = now
            for job in jobs:
                end_ns = max(end_ns, job[2].take(job[1], now))
            if end_ns == now:  # takes no time, and leaves its server to the next
                self._end(jobs)
                continue
            self._idle -= 1
            end = Instant(self._env, end_ns - now, FINISH, self._finish, jobs)
            if self._preemptive:
                self._running[end] = jobs[0]

    def _gather(self, jobs: list[_Job], now: int) -> None:
        """Take those from the queue that share the call of the first in rank, and charge them."""
        _, first, entrant = jobs[0]
        present = {first.controller}
        passed = []
        while self._waiting and len(jobs) < self._batch:
            job = heapq.heappop(self._waiting)
            task = job[1]
            if task.deadline_ns <= now and job[2].cut(task):
                continue
            if task.controller in present or job[2].size != entrant.size:
                passed.append(job)
            else:
                present.add(task.controller)
                jobs.append(job)
        for job in passed:
            heapq.heappush(self._waiting, job)
        if len(jobs) > 1:
            entrant.share([job[1] for job in jobs])

    def _preempt(self, first: _Job, now: int) -> bool:
        """Free a server for the first that waits, if it outranks one that runs."""
        end, last = max(self._running.items(), key=lambda item: item[1][0])
        if last[0][0] <= first[0][0]:
            return False
        last[1].leave(now)
        end.callbacks = []  # put off
        del self._running[end]
        self._idle += 1
        heapq.heappush(self._waiting, last)
        return True

    def _finish(self, end: simpy.Event) -> None:
        self._idle += 1
        if self._preemptive:
            del self._running[end]
        self._end(end.value or [])
        self._dispatch_soon()

    def _end(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job[2].end(job[1])
