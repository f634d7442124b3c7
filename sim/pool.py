"""The compute pool: m servers, one queue, jobs of any controller, on SimPy."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any, Literal

import simpy
from simpy.events import EventPriority

from sim.deadline import Entrant, Task

Discipline = Literal["fifo", "edf", "priority"]

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
    """

    def __init__(
        self,
        env: simpy.Environment,
        delay_ns: int,
        rank: int,
        callback: Callable[[simpy.Event], None] | None = None,
    ) -> None:
        super().__init__(env)
        if callback is not None:
            assert self.callbacks is not None
            self.callbacks.append(callback)
        self._ok = True
        self._value = None
        env.schedule(self, priority=EventPriority(rank), delay=delay_ns)


class ComputePool:
    """Serves jobs one at a time on each of its servers, without preemption.

    Args:
        env: a SimPy environment that counts integer nanoseconds.
        servers: how many.
        discipline: ``fifo`` by release, ``edf`` by deadline, ``priority`` by the number given at
            `submit`, smallest first; ties by release, then in the order submitted.
    """

    def __init__(self, env: simpy.Environment, servers: int, discipline: Discipline) -> None:
        self._env = env
        self._idle = servers
        self._discipline = discipline
        self._waiting: list[tuple[int, int, int, Task[Any, Any], Entrant[Any, Any]]] = []
        self._submitted = itertools.count()
        self._dispatching = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for a server."""
        return len(self._waiting)

    def submit(self, task: Task[Any, Any], entrant: Entrant[Any, Any], priority: int = 0) -> None:
        """Queue a solved task, at its release."""
        rank = 0
        if self._discipline == "edf":
            rank = task.deadline_ns
        elif self._discipline == "priority":
            rank = priority
        heapq.heappush(self._waiting, (rank, task.release_ns, next(self._submitted), task, entrant))
        self._dispatch_soon()

    def _dispatch_soon(self) -> None:
        if self._idle and self._waiting and not self._dispatching:
            self._dispatching = True
            Instant(self._env, 0, DISPATCH, self._dispatch)

    def _dispatch(self, _: simpy.Event) -> None:
        self._dispatching = False
        now = int(self._env.now)
        while self._idle and self._waiting:
            task, entrant = heapq.heappop(self._waiting)[3:]
            entrant.begin(task, now)
            # A job that no longer starts, or that takes no time, leaves its server to the next.
            if task.finish_ns is not None and task.finish_ns > now:
                self._idle -= 1
                Instant(self._env, task.finish_ns - now, FINISH, self._finish)

    def _finish(self, _: simpy.Event) -> None:
        self._idle += 1
        self._dispatch_soon()
