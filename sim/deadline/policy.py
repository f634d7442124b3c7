"""What happens to a job that overruns, and whose answer serves when it misses: pure functions."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic

from sim.deadline.job import Outcome, Source
from sim.deadline.solver import Answer


class OnOverrun(StrEnum):
    """What a job does to those behind it."""

    CONTINUE = "continue"  #: runs to its end; later releases queue behind it
    SKIP = "skip"  #: runs to its end; releases while it is in the system are dropped
    ABORT = "abort"  #: is cut at its deadline; one still waiting then never starts


class OnMiss(StrEnum):
    """Whose answer serves when a job misses its deadline."""

    HOLD = "hold"  #: the last answer in force stays
    FALLBACK = "fallback"  #: a cheap solver, run first in every job and charged there
    BEST_SO_FAR = "best_so_far"  #: the last iterate completed by the deadline (anytime solvers)
    USE_LATE = "use_late"  #: hold, but put a late answer in force at the next deadline


def admits(on_overrun: OnOverrun, busy: bool) -> bool:
    """Whether a release enters, given that its controller's previous job is still in the system."""
    return not (busy and on_overrun is OnOverrun.SKIP)


def execute(
    on_overrun: OnOverrun, start_ns: int, service_ns: int, deadline_ns: int
) -> tuple[int | None, Outcome]:
    """Return when a job that may start at ``start_ns`` ends, and how.

    The finish is None where the job never starts: under `OnOverrun.ABORT`, at or past its deadline.
    """
    finish_ns = start_ns + service_ns
    if on_overrun is OnOverrun.ABORT:
        if start_ns >= deadline_ns:
            return None, Outcome.SKIPPED
        if finish_ns > deadline_ns:
            return deadline_ns, Outcome.ABORTED
    return finish_ns, Outcome.MET if finish_ns <= deadline_ns else Outcome.LATE


class InForce(Generic[Answer]):
    """The answer in force, as it changes from one deadline to the next.

    Args:
        initial: what is in force before any job was answered.
        on_miss: the miss policy.
    """

    __slots__ = ("_index", "_late", "_on_miss", "answer")

    def __init__(self, initial: Answer, on_miss: OnMiss) -> None:
        self.answer = initial
        self._index = -1
        self._on_miss = on_miss
        self._late: list[tuple[int, int, Answer]] = []

    def finished_late(self, index: int, finish_ns: int, answer: Answer) -> None:
        """Note that job ``index`` was answered after its deadline."""
        if self._on_miss is OnMiss.USE_LATE:
            self._late.append((index, finish_ns, answer))

    def settle(
        self,
        index: int,
        deadline_ns: int,
        own: Answer | None,
        substitute: tuple[Source, Answer] | None = None,
    ) -> Source:
        """Decide what is in force after job ``index``'s deadline.

        Args:
            index: which job; called once for each, in order.
            deadline_ns: its deadline; late answers finished by then can serve.
            own: its own answer if it met the deadline, else None.
            substitute: what the miss policy puts in its place, if it can.
        """
        if own is not None:
            return self._put(index, own, Source.OWN)
        if substitute is not None:
            source, answer = substitute
            return self._put(index, answer, source)
        if self._late:
            ready = [late for late in self._late if late[1] <= deadline_ns]
            self._late = [late for late in self._late if late[1] > deadline_ns]
            newest = max(ready, key=lambda late: late[0], default=None)
            if newest is not None and newest[0] > self._index:
                return self._put(newest[0], newest[2], Source.LATE)
        return Source.INITIAL if self._index < 0 else Source.HELD

    def _put(self, index: int, answer: Answer, source: Source) -> Source:
        self._index = index
        self.answer = answer
        return source
