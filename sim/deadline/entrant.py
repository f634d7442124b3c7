"""A solver in the race, with all that is charged for it, and one job of its as it unfolds.

`sim.deadline.run` and every event-driven simulator go through these same steps: solve, begin,
settle. So they agree to the nanosecond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from sim.deadline.call import Check, attempt, fault, one_line, truncated
from sim.deadline.clock import Clock
from sim.deadline.errors import InputError
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.latency import LatencyModel, Measured
from sim.deadline.policy import InForce, OnMiss, OnOverrun, execute
from sim.deadline.solver import Answer, AnytimeSolver, Problem, Solver


class Task(Generic[Problem, Answer]):
    """A job on its way; the attributes are those of `Job`, filled in as they become known."""

    __slots__ = (
        "answer",
        "best",
        "controller",
        "deadline_ns",
        "fallback_answer",
        "fallback_ns",
        "finish_ns",
        "index",
        "outcome",
        "problem",
        "reason",
        "release_ns",
        "service_ns",
        "source",
        "start_ns",
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
        self.fallback_ns = 0
        self.service_ns = 0
        self.work = 0
        self.reason: str | None = None
        self.start_ns: int | None = None
        self.finish_ns: int | None = None
        self.outcome: Outcome | None = None
        self.source: Source | None = None

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


class Entrant(Generic[Problem, Answer]):
    """A prepared solver, its latency and its policies.

    One entrant serves one controller.

    Args:
        solver: a prepared solver.
        initial: the answer in force before any other.
        latency: what a solve costs in simulated time; what it took here if not given.
        on_overrun: what a job does to those behind it.
        on_miss: whose answer serves after a miss.
        fallback: the prepared solver of `OnMiss.FALLBACK`. It runs first in every job, on the
            same server, so that its answer is there when the solver's is not (the mandatory and
            the optional part of imprecise computation; Liu et al., Computer 24(5), 1991).
        fallback_latency: its latency; what it took here if not given.
        check: says what is wrong with an answer, or None.
        keep: makes an answer safe to keep, as it may be in force long after the next call.

    Raises:
        InputError: a miss policy that the solver cannot serve.
    """

    def __init__(
        self,
        solver: Solver[Problem, Answer],
        initial: Answer,
        latency: LatencyModel | None = None,
        on_overrun: OnOverrun = OnOverrun.CONTINUE,
        on_miss: OnMiss = OnMiss.HOLD,
        fallback: Solver[Problem, Answer] | None = None,
        fallback_latency: LatencyModel | None = None,
        check: Check[Problem, Answer] | None = None,
        keep: Callable[[Answer], Answer] = lambda answer: answer,
    ) -> None:
        if (on_miss is OnMiss.FALLBACK) != (fallback is not None):
            raise InputError("on_miss: 'fallback' and a fallback solver go together")
        if on_miss is OnMiss.BEST_SO_FAR and not isinstance(solver, AnytimeSolver):
            raise InputError(
                f"on_miss: 'best_so_far' needs an anytime solver, and {type(solver).__name__} is "
                "none; use hold, use_late or fallback"
            )
        self.solver = solver
        self.on_overrun = on_overrun
        self.on_miss = on_miss
        self.in_force = InForce(initial, on_miss)
        self._latency = latency or Measured()
        self._fallback = fallback
        self._fallback_latency = fallback_latency or Measured()
        self._check = check
        self._keep = keep

    def solve(self, task: Task[Problem, Answer]) -> None:
        """Call the solvers; the service time follows from the latency models."""
        assert task.problem is not None
        if self._fallback is not None:
            first = attempt(self._fallback, task.problem, self._check)
            task.fallback_answer = first.answer
            task.fallback_ns = self._fallback_latency.service_ns(first.elapsed_ns, first.work)
        main = attempt(self.solver, task.problem, self._check)
        task.answer, task.work, task.reason = main.answer, main.work, main.reason
        task.service_ns = task.fallback_ns + self._latency.service_ns(main.elapsed_ns, main.work)
        self._kept(task)

    def warm_up(self, problem: Problem) -> None:
        """Call the solvers untimed if their time is measured: others may have had the processor.

        Taking turns is the simulator's doing, and cold caches are not the solver's cost.
        """
        if self._latency.measured:
            attempt(self.solver, problem)
        if self._fallback is not None and self._fallback_latency.measured:
            attempt(self._fallback, problem)

    def skip(self) -> None:
        """Draw and throw away the latencies of a release that is not solved."""
        if self._fallback is not None:
            self._fallback_latency.service_ns(0, 0)
        self._latency.service_ns(0, 0)

    def begin(self, task: Task[Problem, Answer], start_ns: int) -> None:
        """Let a solved task start on a server: its end follows."""
        task.finish_ns, task.outcome = execute(
            self.on_overrun, start_ns, task.service_ns, task.deadline_ns
        )
        if task.finish_ns is not None:
            task.start_ns = start_ns
            self._ended(task)

    def live(self, task: Task[Problem, Answer], clock: Clock, start_ns: int) -> None:
        """Solve and end a task on a live clock that stands at ``start_ns``.

        It starts when the first call begins and finishes when the last one returns: waking up
        before and checking the answer after are the harness's. A call is not cut: an aborted job
        holds the server until it returns. Under `best_so_far` the solver is stopped at the first
        iterate after the deadline.
        """
        assert task.problem is not None
        if self.on_miss is OnMiss.BEST_SO_FAR:
            self._iterate(task, task.problem, clock)
            task.start_ns, task.finish_ns = start_ns, clock.now_ns()
        else:
            begun_ns = None
            if self._fallback is not None:
                first = attempt(self._fallback, task.problem, self._check, clock.now_ns)
                task.fallback_answer, task.fallback_ns = first.answer, first.elapsed_ns
                begun_ns = first.begun_ns
            main = attempt(self.solver, task.problem, self._check, clock.now_ns)
            task.answer, task.work, task.reason = main.answer, main.work, main.reason
            task.start_ns = main.begun_ns if begun_ns is None else begun_ns
            task.finish_ns = main.begun_ns + main.elapsed_ns
        task.service_ns = task.finish_ns - task.start_ns
        _, task.outcome = execute(self.on_overrun, task.start_ns, task.service_ns, task.deadline_ns)
        if task.outcome is Outcome.SKIPPED:  # its deadline came between waking up and the call
            task.outcome = Outcome.ABORTED
        task.problem = None  # what was not done by the deadline is not done afterwards
        self._kept(task)
        self._ended(task)

    def settle(self, task: Task[Problem, Answer]) -> None:
        """Decide what is in force after the task's deadline, whether or not it has ended yet."""
        own = task.answer if task.outcome is Outcome.MET else None
        substitute = None
        if own is None and task.start_ns is not None and task.start_ns < task.deadline_ns:
            substitute = self._substitute(task, task.deadline_ns - task.start_ns)
        task.source = self.in_force.settle(task.index, task.deadline_ns, own, substitute)
        task.problem = None  # what waits in a long queue need not keep its instance

    def _substitute(
        self, task: Task[Problem, Answer], available_ns: int
    ) -> tuple[Source, Answer] | None:
        if task.fallback_answer is not None and task.fallback_ns <= available_ns:
            return Source.FALLBACK, task.fallback_answer
        if self.on_miss is OnMiss.BEST_SO_FAR and task.reason is None:
            best = task.best
            if best is None and task.problem is not None:
                assert isinstance(self.solver, AnytimeSolver)
                best = truncated(
                    self.solver,
                    task.problem,
                    available_ns,
                    task.service_ns,
                    task.work,
                    self._check,
                )
                self.warm_up(task.problem)  # the replay was the simulator's doing, too
            if best is not None:
                return Source.BEST_SO_FAR, best
        return None

    def _iterate(self, task: Task[Problem, Answer], problem: Problem, clock: Clock) -> None:
        assert isinstance(self.solver, AnytimeSolver)
        try:
            for iterate in self.solver.iterates(problem):
                if clock.now_ns() > task.deadline_ns:
                    if task.best is not None and fault(problem, task.best, self._check) is not None:
                        task.best = None
                    return
                task.best = iterate
        except Exception as error:  # as in `attempt`: the run goes on
            task.reason = one_line(error)
            return
        if task.best is None:
            task.reason = "iterates() yielded nothing"
            return
        task.reason = fault(problem, task.best, self._check)
        if task.reason is None:
            task.answer, task.work = task.best, int(getattr(task.best, "work", 0))

    def _kept(self, task: Task[Problem, Answer]) -> None:
        if task.answer is not None:
            task.answer = self._keep(task.answer)
        if task.fallback_answer is not None:
            task.fallback_answer = self._keep(task.fallback_answer)

    def _ended(self, task: Task[Problem, Answer]) -> None:
        # A failure shows even where the cut came first: it would have been there without it.
        if task.reason is not None:
            task.outcome = Outcome.FAILED
        elif task.outcome is Outcome.LATE and task.answer is not None:
            assert task.finish_ns is not None
            self.in_force.finished_late(task.index, task.finish_ns, task.answer)
