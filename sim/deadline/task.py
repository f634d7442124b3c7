"""One job as it unfolds, on its way to the record that it becomes."""

from __future__ import annotations

from typing import Generic

from sim.deadline.job import Job, Outcome, Source
from sim.deadline.solver import Answer, Problem


class Task(Generic[Problem, Answer]):
    """A job on its way; most attributes are those of `Job`, filled in as they become known.

    Attributes:
        problem: its instance, while it is needed.
        answer: what its solver answered; None if that failed.
        best: the last iterate of a solver that was cut live.
        fallback_answer: what the fallback answered.
        chance: what its latency model drew for it.
        fallback_chance: what that of the fallback drew.
        fallback_work: units of work of the fallback.
        fallback_ns: the part of its service time until the fallback is done.
        wake_up_ns: what it still needs of a server before it starts.
        left_ns: what it still needs of a server from then on.
        ending: when and how it ends unless its server is taken from it.
    """

    __slots__ = (
        "_away_ns",
        "_left_at_ns",
        "_taken_ns",
        "answer",
        "best",
        "chance",
        "controller",
        "deadline_ns",
        "ending",
        "fallback_answer",
        "fallback_chance",
        "fallback_ns",
        "fallback_work",
        "finish_ns",
        "index",
        "left_ns",
        "outcome",
        "problem",
        "reason",
        "release_ns",
        "service_ns",
        "source",
        "start_ns",
        "wake_up_ns",
        "work",
    )

    def __init__(
        self,
        index: int,
        problem: Problem,
        release_ns: int,
        deadline_ns: int,
        controller: int = 0,
    ) -> None:
        self.index = index
        self.problem: Problem | None = problem
        self.release_ns = release_ns
        self.deadline_ns = deadline_ns
        self.controller = controller
        self.answer: Answer | None = None
        self.fallback_answer: Answer | None = None
        self.best: Answer | None = None
        self.chance: float
        self.fallback_chance: float
        self.fallback_work: int
        self.fallback_ns = 0
        self.service_ns = 0
        self.wake_up_ns = 0
        self.left_ns = 0
        self.ending: tuple[int | None, Outcome]
        self.work = 0
        self.reason: str | None = None
        self.start_ns: int | None = None
        self.finish_ns: int | None = None
        self.outcome: Outcome | None = None
        self.source: Source | None = None
        self._taken_ns: int  # when a server last took it
        self._left_at_ns: int | None = None  # when a server last left it, if none has it now
        self._away_ns = 0  # how long it was left so, up to its deadline

    def take(self, now_ns: int) -> int:
        """A server takes it, or takes it again; return when it starts or goes on."""
        if self._left_at_ns is not None:
            self._away_ns = self._away_until(now_ns)
            self._left_at_ns = None
        self._taken_ns = now_ns
        goes_on_ns = now_ns + self.wake_up_ns
        if self.start_ns is None:
            self.start_ns = goes_on_ns
        return goes_on_ns

    def leave(self, now_ns: int) -> None:
        """Its server leaves it; what was done stays done."""
        done_ns = now_ns - self._taken_ns
        woken_ns = min(done_ns, self.wake_up_ns)
        self.wake_up_ns -= woken_ns
        self.left_ns -= done_ns - woken_ns
        assert self.start_ns is not None
        if self.start_ns < now_ns:
            self._left_at_ns = now_ns
        else:
            self.start_ns = None  # still waking up

    def received_ns(self) -> int:
        """Return the processor time it had from its start to its deadline, unless it ended first.

        Zero if it did not start before its deadline. For use at the deadline or later.
        """
        if self.start_ns is None:
            return 0
        return max(self.deadline_ns - self.start_ns - self._away_until(self.deadline_ns), 0)

    def _away_until(self, now_ns: int) -> int:
        if self._left_at_ns is None:
            return self._away_ns
        until_ns = min(now_ns, self.deadline_ns)
        return self._away_ns + max(until_ns - self._left_at_ns, 0)

    def job(self) -> Job:
        """Return the record of a job that has ended and was settled."""
        assert self.outcome is not None
        assert self.source is not None
        started = self.start_ns is not None
        return Job(
            self.index,
            self.release_ns,
            self.start_ns,
            self.finish_ns,
            self.deadline_ns,
            self.outcome,
            self.source,
            self.service_ns if started else None,
            self.work if started else 0,
            self.controller,
            self.reason if self.outcome is Outcome.FAILED else None,
        )
