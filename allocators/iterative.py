"""What iterative allocators share: the stop rule's parameters, restarts, and anytime answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numba import float64, int64, njit

from allocators.vector import read_only
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import InputError
from sim.deadline.solver import AnytimeSolver
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


class IterativeAllocator(AnytimeSolver[PowerControlProblem, Allocation]):
    """Ascends from full power, and from ``restarts`` random points, and keeps the best.

    Args:
        advance: the iteration.
        max_iterations: iterations at most, from each start, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.
        restarts: further starts at powers uniform in ``[0, p_max]``, drawn anew for each problem
            from the generator that `prepare` was given.

    Raises:
        InputError: a parameter out of its range.
    """

    def __init__(
        self, advance: Advance, max_iterations: int, tolerance: float, restarts: int
    ) -> None:
        if max_iterations < 1:
            raise InputError(f"max_iterations: {max_iterations}, want at least 1")
        if not 0 <= tolerance < np.inf:
            raise InputError(f"tolerance: {tolerance}, want a finite number, at least 0")
        if restarts < 0:
            raise InputError(f"restarts: {restarts}, want at least 0")
        self._advance = advance
        self._max_iterations = max_iterations
        self._tolerance = float(tolerance)
        self._restarts = restarts
        self._rng: np.random.Generator | None = None

    def prepare(self, spec: object) -> None:
        """Compile for the spec's problems; its generator draws the restarts."""
        known = checked_spec(spec)
        self._rng = np.random.default_rng(0)
        warm_up(self, known)
        self._rng = known.rng

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Iterate until every subband converges or has taken ``max_iterations``."""
        power = problem.p_max_w.copy()
        state = np.zeros((len(power), 2))
        work, running = self._run(problem, power, state, self._max_iterations)
        if self._restarts:
            best = state[:, 0].copy()
            for start in self._random_starts(problem):
                state = np.zeros_like(state)
                more_work, more_running = self._run(problem, start, state, self._max_iterations)
                work += more_work
                running += more_running
                _keep_better(power, best, start, state)
        return Allocation(power, work, "max_iterations" if running else "converged")

    def iterates(self, problem: PowerControlProblem) -> Iterator[Allocation]:
        """Yield the best powers so far after each pass over the subbands not yet converged.

        ``status`` is ``"running"`` until the last.
        """
        best_power = problem.p_max_w.copy()
        best = np.full(len(best_power), -np.inf)
        starts = [best_power.copy(), *self._random_starts(problem)]
        work = 0
        abandoned = 0
        for n, power in enumerate(starts):
            state = np.zeros((len(power), 2))
            for done in range(1, self._max_iterations + 1):
                iterations, running = self._run(problem, power, state, 1)
                work += iterations
                answer = best_power.copy() if n else power.copy()
                if n:
                    _keep_better(answer, best.copy(), power, state)
                last = not running or done == self._max_iterations
                abandoned += running if last else 0
                status = "running"
                if last and n + 1 == len(starts):
                    status = "max_iterations" if abandoned else "converged"
                yield Allocation(answer, work, status)
                if last:
                    break
            _keep_better(best_power, best, power, state)

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

    def _random_starts(self, problem: PowerControlProblem) -> FloatArray:
        """Draw ``(restarts, S, K)`` powers: all at once, so that a cut run draws no fewer."""
        shape = (self._restarts, *problem.p_max_w.shape)
        if not self._restarts:
            return np.empty(shape)
        if self._rng is None:
            raise RuntimeError("restarts draw from the spec's generator: call prepare first")
        return self._rng.random(shape) * problem.p_max_w


@njit((float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1]), cache=True)
def _keep_better(
    best_power: FloatArray, best: FloatArray, power: FloatArray, state: FloatArray
) -> None:
    """Overwrite, subband by subband, the best powers and objectives with any better ones."""
    for s in range(len(best)):
        if state[s, 0] > best[s]:
            best[s] = state[s, 0]
            best_power[s] = power[s]
