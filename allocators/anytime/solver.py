"""A quick allocator's answer, improved by WMMSE until it converges or the deadline is near."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numba import float64, njit

from allocators.anytime.pace import DeadlinePace
from allocators.ascent import Ascent, keep_better
from allocators.iterative import RandomStarts
from allocators.vector import read_only
from allocators.warm_up import checked_spec, warm_up
from allocators.wmmse.compiled import advance
from sim.deadline.errors import InputError, check_range, shown
from sim.deadline.solver import AnytimeSolver, Solver
from sim.problem import Allocation, FloatArray, PowerControlProblem
from sim.registry import allocator_class, make_allocator

Start = Solver[PowerControlProblem, Allocation]


class Anytime(AnytimeSolver[PowerControlProblem, Allocation]):
    """WMMSE from a learned start; never worse than that start, subband by subband.

    The start answers first. WMMSE then climbs from there, and, as far as ``restarts`` says, from
    full power, as it does by itself, and from random powers. Where the spec states a budget, it
    stops when no further iteration is sure to end in time; else it goes all the way, and is as
    reproducible as its start. The start itself is not cut.

    WMMSE leaves a power of exactly zero at zero, and rounded answers are full of zeros, so powers
    below ``lift`` of their cap are raised to it before the climb. That may cost rate; whatever is
    better in the end, climb or start, is the answer. With a restart it is not worse than WMMSE's
    either, where there is time for both: far from where a start was trained that is much.

    Source: anytime algorithms: T. Dean, M. Boddy, "An analysis of time-dependent planning", AAAI
    1988; the climb: see `allocators.wmmse`.

    Args:
        start: an allocator by name, ``{name: {parameter: value}}``, or a class.
        max_iterations: iterations at most, from each start, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.
        restarts: further climbs, the first from full power, the others from random powers, see
            `allocators.iterative.RandomStarts`.
        lift: share of its cap that every power is at least raised to before the climb.
        reserve_ns: time to leave before the deadline.

    Raises:
        InputError: a start that cannot be made or is `anytime` itself, a parameter out of its
            range.
    """

    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)
    """Monotonic time in ns."""

    def __init__(
        self,
        start: str | dict[str, Any] | type = "unfolded",
        max_iterations: int = 100,
        tolerance: float = 1e-3,
        restarts: int = 1,
        lift: float = 0.1,
        reserve_ns: int = 20_000,
    ) -> None:
        if not 0.0 <= lift <= 1.0:
            raise InputError(f"lift: {lift}, want a share of the cap, from 0 to 1")
        check_range("reserve_ns", reserve_ns, 0)
        check_range("restarts", restarts, 0)
        self._ascent = Ascent(advance, max_iterations, tolerance)
        self._start = _made(start)
        self._restarts = restarts
        self._random = RandomStarts(max(restarts - 1, 0))
        self._lift = lift
        self._reserve_ns = reserve_ns
        self._pace: DeadlinePace | None = None

    def prepare(self, spec: object) -> None:
        """Prepare the start, compile, and take the spec's generator and budget."""
        known = checked_spec(spec)
        self._start.prepare(known)
        self._random.prepare(known)
        self._pace = None
        warm_up(self, known)
        if known.budget_ns is not None:
            self._pace = DeadlinePace(known.budget_ns, self._reserve_ns, self.clock)
            warm_up(self, known)  # once more: this is where it learns what an iteration takes

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Answer with the start, improved for as long as there is time.

        ``status`` is ``"deadline"`` where there was none left.
        """
        pace = self._pace
        if pace is not None:
            pace.begin()
        first, power, floor, work = self._first(problem)
        state = np.zeros((len(power), 2))
        done, running = self._ascent.climb(problem, power, state, pace)
        work += done
        best = state[:, 0].copy()
        if floor is not None:
            keep_better(power, best, first, floor)
        for restart in self._more(problem):
            if pace is not None and pace.over:
                break
            state = np.zeros_like(state)
            done, more = self._ascent.climb(problem, restart, state, pace)
            work += done
            running += more
            keep_better(power, best, restart, state)
        status = "max_iterations" if running else "converged"
        return Allocation(power, work, "deadline" if pace is not None and pace.over else status)

    def iterates(self, problem: PowerControlProblem) -> Iterator[Allocation]:
        """Yield the start's answer, then the best so far after each pass over the subbands.

        It watches no clock: whoever asks for iterates stops asking. ``status`` is ``"running"``
        until the last.
        """
        first, power, floor, work = self._first(problem)
        yield Allocation(first.copy(), work, "running")
        yield from self._ascent.iterates(
            problem,
            chain([power], self._more(problem)),
            None if floor is None else (first, floor),
            work,
        )

    def _more(self, problem: PowerControlProblem) -> Iterable[FloatArray]:
        if not self._restarts:
            return ()
        return chain((problem.p_max_w.copy(),), self._random.of(problem))

    def _first(
        self, problem: PowerControlProblem
    ) -> tuple[FloatArray, FloatArray, FloatArray | None, int]:
        """Let the start answer.

        Returns:
            Its powers; those to climb from; the state of the former where they differ, since only
            then may the climb end below them; its work.
        """
        answer = self._start.solve(problem)
        first = np.minimum(answer.power_w, problem.p_max_w)  # single precision may round up
        power = first.copy()
        raised = _raise(power, problem.p_max_w, self._lift)
        return first, power, self._ascent.rate(problem, first) if raised else None, answer.work


@njit((float64[:, ::1], read_only(2), float64), cache=True)
def _raise(power_w: FloatArray, p_max_w: FloatArray, share: float) -> bool:
    """Raise powers to at least this share of their caps, in place; return whether any was lower."""
    raised = False
    for s in range(len(power_w)):
        for k in range(power_w.shape[1]):
            least = share * p_max_w[s, k]
            if power_w[s, k] < least:
                power_w[s, k] = least
                raised = True
    return raised


def _made(start: str | dict[str, Any] | type) -> Start:
    """Make the start from what stands for it in a scenario, or from its class."""
    if isinstance(start, type):
        solver = start()
        if not isinstance(solver, Solver):
            raise InputError(f"start: {start.__name__} is not an allocator; derive it from Solver")
    else:
        entry = {start: None} if isinstance(start, str) else start
        if len(entry) != 1:
            raise InputError(
                f"start: {shown(start)}, want one allocator, as in dnn or {{dnn: {{model: FILE}}}}"
            )
        ((name, parameters),) = entry.items()
        if not isinstance(parameters, dict | None):
            raise InputError(
                f"start: {name}: {shown(parameters)}, want parameters, as in {{model: FILE}}"
            )
        if issubclass(allocator_class(name), Anytime):  # before it is made: it might never end
            raise InputError(f"start: {name} cannot start from itself")
        solver = make_allocator(name, parameters or {})
    if isinstance(solver, Anytime):
        raise InputError("start: anytime cannot start from itself")
    return solver
