"""One timed call of a solver, and what is left of a call that was cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple

import numpy as np

from sim.deadline.errors import shown
from sim.deadline.solver import Answer, AnytimeSolver, Problem, Solver

#: Says what is wrong with an answer, or None.
Check = Callable[[Problem, Answer], str | None]


#: What a plug-in may raise without being the end of the run: also what `sys.exit` does.
PLUGIN_ERRORS = (Exception, SystemExit)

# Work times its cost must stay far inside 64 bits of nanoseconds.
_MOST_WORK = 1 << 40


class Attempt(NamedTuple, Generic[Answer]):
    """What one call gave.

    Attributes:
        answer: the answer; None if the call failed.
        elapsed_ns: what the call took on this machine.
        work: units of work it reported.
        reason: why it failed, if it did.
        begun_ns: when the call began, by the clock that timed it.
    """

    answer: Answer | None
    elapsed_ns: int
    work: int = 0
    reason: str | None = None
    begun_ns: int = 0


def attempt(
    solver: Solver[Problem, Answer],
    problem: Problem,
    check: Check[Problem, Answer] | None = None,
    now_ns: Callable[[], int] | None = None,
) -> Attempt[Answer]:
    """Time one `solve`; a solver that raises, or whose answer fails ``check``, is no accident.

    Args:
        solver: a prepared solver.
        problem: what it is given.
        check: says what is wrong with an answer; not timed.
        now_ns: the clock; the performance counter if not given.
    """
    now_ns = now_ns or time.perf_counter_ns
    begun = now_ns()
    try:
        answer = solver.solve(problem)
    except PLUGIN_ERRORS as error:
        elapsed = now_ns() - begun
        return Attempt(None, elapsed, 0, one_line(error), begun)
    elapsed = now_ns() - begun
    if (reason := fault(problem, answer, check)) is not None:
        return Attempt(None, elapsed, 0, reason, begun)
    return Attempt(answer, elapsed, int(getattr(answer, "work", 0)), None, begun)


def fault(
    problem: Problem, answer: Answer, check: Check[Problem, Answer] | None = None
) -> str | None:
    """Return what is wrong with an answer, its count of work included, or None."""
    if check is not None and (reason := check(problem, answer)) is not None:
        return reason
    work = getattr(answer, "work", 0)
    if not isinstance(work, int | np.integer) or not 0 <= work < _MOST_WORK:
        return f"work is {shown(work)}, not a count"
    return None


def one_line(error: BaseException) -> str:
    """Return an exception as one line of text that any file can hold."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plug-in's exception may not even print
        text = ""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def truncated(
    solver: AnytimeSolver[Problem, Answer],
    problem: Problem,
    available_ns: int,
    service_ns: int,
    work: int = 0,
    check: Check[Problem, Answer] | None = None,
) -> Answer | None:
    """Return the last iterate done when a solve of ``service_ns`` is cut after ``available_ns``.

    Every unit of ``work`` that the solve reported is taken to cost the same; where it reported
    none, every unit of the iterates', or every iterate. None if not even the first iterate was
    done, or if the solver fails on the way.
    """
    best: Answer | None = None
    try:
        iterates: Iterable[Answer] = solver.iterates(problem)
        total = work
        if not total:
            iterates = known = list(iterates)
            total = getattr(known[-1], "work", 0) or len(known)
        for count, iterate in enumerate(iterates, 1):
            done = getattr(iterate, "work", 0) or count
            if done * service_ns > total * available_ns:
                break
            best = iterate
    except PLUGIN_ERRORS:
        return None
    return None if best is None or fault(problem, best, check) is not None else best
