"""A solver in the race, with all that is charged for it.

`sim.deadline.run` and every event-driven simulator go through these same steps: solve, take, end,
settle. So they agree to the nanosecond.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic

from sim.deadline.call import PLUGIN_ERRORS, Check, attempt, fault, one_line, truncated
from sim.deadline.clock import Clock
from sim.deadline.errors import InputError
from sim.deadline.job import Outcome, Source
from sim.deadline.joined import Joined
from sim.deadline.latency import LatencyModel, Measured
from sim.deadline.policy import InForce, OnMiss, OnOverrun, execute
from sim.deadline.solver import Answer, AnytimeSolver, Problem, Solver
from sim.deadline.task import Task


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
        release_jitter: from the moment a server takes a job to the moment it starts, as hosts wake
            late; none if not given. It holds the server, and is no part of the service time. On a
            live clock the host has its own.
        size: jobs of two entrants can share a call if this is equal.
        joined: calls over several problems, where the time of a shared call is measured.
        fallback_joined: likewise those of the fallback.

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
        release_jitter: LatencyModel | None = None,
        size: Hashable = None,
        joined: Joined[Problem, Answer] | None = None,
        fallback_joined: Joined[Problem, Answer] | None = None,
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
        self._release_jitter = release_jitter
        self.size = size
        self._joined = joined
        self._fallback_joined = fallback_joined

    def solve(self, task: Task[Problem, Answer]) -> None:
        """Call the solvers; the service time follows from the latency models."""
        assert task.problem is not None
        if self._release_jitter is not None:
            task.wake_up_ns = self._release_jitter.service_ns(self._release_jitter.draw(), 0, 0)
        if self._fallback is not None:
            first = attempt(self._fallback, task.problem, self._check)
            task.fallback_answer, task.fallback_work = first.answer, first.work
            task.fallback_chance = self._fallback_latency.draw()
            task.fallback_ns = self._fallback_latency.service_ns(
                task.fallback_chance, first.elapsed_ns, first.work
            )
        main = attempt(self.solver, task.problem, self._check)
        task.answer, task.work, task.reason = main.answer, main.work, main.reason
        task.chance = self._latency.draw()
        task.service_ns = task.left_ns = task.fallback_ns + self._latency.service_ns(
            task.chance, main.elapsed_ns, main.work
        )
        self._kept(task)

    def share(self, tasks: Sequence[Task[Problem, Answer]]) -> None:
        """Charge solved tasks, one of its own first, for one call over all of their problems.

        They wake up, start and finish together; their answers stay those of their own calls.
        """
        first, size = tasks[0], len(tasks)
        fallback_ns = 0
        if self._fallback is not None:
            fallback_ns = self._fallback_latency.service_ns(
                first.fallback_chance,
                _elapsed_ns(self._fallback_joined, tasks),
                sum(task.fallback_work for task in tasks),
                size,
            )
        service_ns = fallback_ns + self._latency.service_ns(
            first.chance,
            _elapsed_ns(self._joined, tasks),
            sum(task.work for task in tasks),
            size,
        )
        for task in tasks:
            task.fallback_ns, task.wake_up_ns = fallback_ns, first.wake_up_ns
            task.service_ns = task.left_ns = service_ns

    def warm_up(self, problem: Problem) -> None:
        """Call the solvers untimed if their time is measured: others may have had the processor.

        Taking turns is the simulator's doing, and cold caches are not the solver's cost. Nor is
        the first check of an answer, which a live clock would charge to the next job.
        """
        if self._latency.measured:
            attempt(self.solver, problem, self._check)
        if self._fallback is not None and self._fallback_latency.measured:
            attempt(self._fallback, problem, self._check)
        for joined in (self._joined, self._fallback_joined):
            if joined is not None:
                joined.cool()

    def answer(self, problem: Problem) -> Answer | None:
        """Return what the solver answers where no time is charged; None if that fails."""
        answer = attempt(self.solver, problem, self._check).answer
        return None if answer is None else self._keep(answer)

    def skip(self) -> None:
        """Draw and throw away the chances of a release that is not solved."""
        if self._release_jitter is not None:
            self._release_jitter.draw()
        if self._fallback is not None:
            self._fallback_latency.draw()
        self._latency.draw()

    def take(self, task: Task[Problem, Answer], now_ns: int) -> int:
        """A server takes a solved task, or takes it again: return when it ends if left alone."""
        goes_on_ns = task.take(now_ns)
        task.ending = execute(self.on_overrun, goes_on_ns, task.left_ns, task.deadline_ns)
        end_ns = task.ending[0]
        return task.deadline_ns if end_ns is None else end_ns  # cut before it woke up

    def end(self, task: Task[Problem, Answer]) -> None:
        """Nothing took the task from its server before its end: it is done, or was cut."""
        task.finish_ns, task.outcome = task.ending
        if task.finish_ns is None:
            task.start_ns = None
        elif task.outcome is not Outcome.MET or task.reason is not None:
            self._ended(task)

    def cut(self, task: Task[Problem, Answer]) -> bool:
        """End a task that waits at its deadline or later, if it is to be cut; return whether so."""
        if self.on_overrun is not OnOverrun.ABORT:
            return False
        if task.start_ns is None:
            task.outcome = Outcome.SKIPPED
        else:
            task.finish_ns, task.outcome = task.deadline_ns, Outcome.ABORTED
            self._ended(task)
        return True

    def begin(self, task: Task[Problem, Answer], now_ns: int) -> int:
        """A server takes a solved task for good, and ends it: return when it is free again."""
        free_ns = self.take(task, now_ns)
        self.end(task)
        return free_ns

    def live(self, task: Task[Problem, Answer], clock: Clock) -> None:
        """Solve and end a task on a live clock.

        It starts when the first call begins and finishes when the last one returns: waking up
        before and checking the answer after are the harness's. A call is not cut: an aborted job
        holds the server until it returns. Under `best_so_far` the solver is stopped at the first
        iterate after the deadline.
        """
        assert task.problem is not None
        if self.on_miss is OnMiss.BEST_SO_FAR:
            task.start_ns, task.finish_ns = self._iterate(task, task.problem, clock)
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
        if own is None and (received_ns := task.received_ns()) > 0:
            substitute = self._substitute(task, received_ns)
        task.source = self.in_force.settle(task.index, task.deadline_ns, own, substitute)
        # What waits in a long queue need not keep its instance, unless a shared call will want it.
        if task.start_ns is not None or (self._joined or self._fallback_joined) is None:
            task.problem = None

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

    def _iterate(
        self, task: Task[Problem, Answer], problem: Problem, clock: Clock
    ) -> tuple[int, int]:
        """Iterate until the solver or the time is at its end; return when it began and ended."""
        assert isinstance(self.solver, AnytimeSolver)
        begun_ns = clock.now_ns()
        try:
            for iterate in self.solver.iterates(problem):
                if (ended_ns := clock.now_ns()) > task.deadline_ns:
                    if task.best is not None and fault(problem, task.best, self._check) is not None:
                        task.best = None
                    return begun_ns, ended_ns
                task.best = iterate
            ended_ns = clock.now_ns()
        except PLUGIN_ERRORS as error:
            ended_ns = clock.now_ns()
            task.reason = one_line(error)
            return begun_ns, ended_ns
        if task.best is None:
            task.reason = "iterates() yielded nothing"
        else:
            task.reason = fault(problem, task.best, self._check)
        if task.reason is None:
            task.answer, task.work = task.best, int(getattr(task.best, "work", 0))
        return begun_ns, ended_ns

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


def _elapsed_ns(
    joined: Joined[Problem, Answer] | None, tasks: Sequence[Task[Problem, Answer]]
) -> int:
    """Return what a call over the tasks' problems takes here, zero where nobody asks."""
    if joined is None:
        return 0
    problems = [task.problem for task in tasks if task.problem is not None]
    assert len(problems) == len(tasks)
    return joined.elapsed_ns(problems)
