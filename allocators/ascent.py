"""What iterative allocators share: the ascent with its stop rule, restarts, anytime answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numba import float64, int64, njit

from allocators.vector import read_only
from sim.deadline.errors import InputError, check_range
from sim.problem import Allocation, FloatArray, PowerControlProblem


class Advance(Protocol):
    """Iterates on many subbands in lockstep, in place.

    Args:
        gain: ``(S, K, K)``.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        weight: ``(K,)``.
        power_w: ``(S, K)``, where each subband stands; written.
        state: ``(S, 2)``: weighted sum rate at ``power_w``, and 1 where converged; written.
            Subbands marked converged are left alone.
        tolerance: a subband converges when its weighted sum rate rises by no more than this.
        passes: iterations to take at most, on each subband.

    Returns:
        Iterations taken, summed over subbands, and the number of subbands not converged.
    """

    def __call__(  # noqa: D102
        self,
        gain: FloatArray,
        noise_w: FloatArray,
        p_max_w: FloatArray,
        weight: FloatArray,
        power_w: FloatArray,
        state: FloatArray,
        tolerance: float,
        passes: int,
        /,
    ) -> tuple[int, int]: ...


# The same arguments, to numba.
ADVANCE_SIGNATURE = (
    read_only(3),
    read_only(2),
    read_only(2),
    read_only(1),
    float64[:, ::1],
    float64[:, ::1],
    float64,
    int64,
)


class Pace(Protocol):
    """What tells an ascent how far it may go before its time is up."""

    def passes(self, running: int) -> int:
        """Return how many iterations on each of ``running`` subbands still fit; 0: stop."""

    def took(self, work: int) -> None:
        """Learn that ``work`` iterations, over all subbands, were done since `passes`."""


class Ascent:
    """An iteration with its stop rule, climbing from any powers.

    Args:
        advance: the iteration.
        max_iterations: iterations at most, from each start, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.

    Raises:
        InputError: a parameter out of its range.
    """

    def __init__(self, advance: Advance, max_iterations: int, tolerance: float) -> None:
        check_range("max_iterations", max_iterations, 1)
        if not 0 <= tolerance < np.inf:
            raise InputError(f"tolerance: {tolerance}, want a finite number, at least 0")
        self._advance = advance
        self._max_iterations = max_iterations
        self._tolerance = float(tolerance)

    def rate(self, problem: PowerControlProblem, power: FloatArray) -> FloatArray:
        """Return the state of a climb that has not begun: rates at ``power``, ``(S, 2)``."""
        state = np.zeros((len(power), 2))
        self._run(problem, power, state, 0)
        return state

    def climb(
        self,
        problem: PowerControlProblem,
        power: FloatArray,
        state: FloatArray,
        pace: Pace | None = None,
    ) -> tuple[int, int]:
        """Climb until all subbands converge, have had their iterations, or the pace says stop.

        Args:
            problem: the problem.
            power: ``(S, K)``, where to start; written.
            state: ``(S, 2)``, as in `Advance`; written.
            pace: how far it may go at a time; all the way if not given.

        Returns:
            Iterations taken, summed over subbands, and the number of subbands not converged.
        """
        if pace is None:
            return self._run(problem, power, state, self._max_iterations)
        left, work, running = self._max_iterations, 0, len(power)
        while left and running and (passes := min(left, pace.passes(running))):
            done, running = self._run(problem, power, state, passes)
            pace.took(done)
            work += done
            left -= passes
        return work, running

    def iterates(
        self,
        problem: PowerControlProblem,
        starts: Iterable[FloatArray],
        floor: tuple[FloatArray, FloatArray] | None = None,
        work: int = 0,
    ) -> Iterator[Allocation]:
        """Yield the best powers so far after each pass over the subbands not yet converged.

        Args:
            problem: the problem.
            starts: where to climb from, one after the other; at least one; written.
            floor: powers and their state that no answer falls below.
            work: units of work that were done before.

        Yields:
            Answers, ``status`` ``"running"`` until the last.
        """
        waiting = iter(starts)  # not all at once: there may be a thousand, and a deadline
        upcoming = next(waiting, None)
        best: tuple[FloatArray, FloatArray] | None = None
        abandoned = 0
        while upcoming is not None:
            power, upcoming = upcoming, next(waiting, None)
            state = np.zeros((len(power), 2))
            for done in range(1, self._max_iterations + 1):
                iterations, running = self._run(problem, power, state, 1)
                work += iterations
                if best is None:
                    answer, rate = power.copy(), state[:, 0].copy()
                    if floor is not None:
                        keep_better(answer, rate, *floor)
                else:
                    answer, rate = best[0].copy(), best[1].copy()
                    keep_better(answer, rate, power, state)
                last = not running or done == self._max_iterations
                abandoned += running if last else 0
                status = "running"
                if last and upcoming is None:
                    status = "max_iterations" if abandoned else "converged"
                yield Allocation(answer, work, status)
                if last:
                    best = answer, rate
                    break

    def _run(
        self, problem: PowerControlProblem, power: FloatArray, state: FloatArray, passes: int
    ) -> tuple[int, int]:
        return self._advance(
            problem.gain,
            problem.noise_w,
            problem.p_max_w,
            problem.weight,
            power,
            state,
            self._tolerance,
            passes,
        )


@njit((float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1]), cache=True)
def keep_better(
    best_power: FloatArray, best: FloatArray, power: FloatArray, state: FloatArray
) -> None:
    """Overwrite, subband by subband, the best powers and objectives with any better ones."""
    for s in range(len(best)):
        if state[s, 0] > best[s]:
            best[s] = state[s, 0]
            best_power[s] = power[s]
