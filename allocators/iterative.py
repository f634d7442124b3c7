"""Allocators that climb from full power, and from random points, and keep the best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from allocators.ascent import Advance, Ascent, keep_better
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import check_range
from sim.deadline.solver import AnytimeSolver
from sim.problem import Allocation, FloatArray, PowerControlProblem, PowerControlSpec

_BLOCK = 16
_PLACES = 1000


class RandomStarts:
    """Powers uniform in ``[0, p_max]`` to climb from, as shares of the caps.

    Of problems of the spec's size they depend on the problem alone: `solve` and `iterates` climb
    from the same points, whatever was solved before. A pool is drawn once for each size, those of
    other sizes as they come, and where in it a problem's starts lie follows from two of its gains:
    a mean over problems is one over many sets of starts.

    Args:
        count: how many.

    Raises:
        InputError: fewer than none.
    """

    def __init__(self, count: int) -> None:
        check_range("restarts", count, 0)
        self._count = count
        self._pools: dict[tuple[int, ...], FloatArray] = {}
        self._rng: np.random.Generator | None = None

    def prepare(self, spec: PowerControlSpec) -> None:
        """Draw for the spec's problems, from its generator."""
        self._rng = spec.rng
        self._pools = {}
        if self._count:
            self._draw((spec.subbands, spec.links))

    def of(self, problem: PowerControlProblem) -> Iterable[FloatArray]:
        """Return each start's powers, ``(S, K)``."""
        if not self._count:
            return ()
        shape = problem.p_max_w.shape
        pool = self._pools[shape] if shape in self._pools else self._draw(shape)
        gain = problem.gain
        first = hash(gain.item(0) + gain.item(gain.size - 1)) % (len(pool) - self._count + 1)
        end = first + self._count
        # a few at a time: whoever has a deadline may not come to the last of a thousand
        blocks = (pool[at : min(at + _BLOCK, end)] for at in range(first, end, _BLOCK))
        return chain.from_iterable(block * problem.p_max_w for block in blocks)

    def _draw(self, shape: tuple[int, ...]) -> FloatArray:
        if self._rng is None:
            raise RuntimeError("restarts draw from the spec's generator: call prepare first")
        more = _PLACES // shape[0]  # every subband has starts of its own
        self._pools[shape] = drawn = self._rng.random((self._count + more, *shape))
        return drawn


class IterativeAllocator(AnytimeSolver[PowerControlProblem, Allocation]):
    """Climbs from full power, and from ``restarts`` random points, and keeps the best.

    Args:
        advance: the iteration.
        max_iterations: iterations at most, from each start, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.
        restarts: further starts, see `RandomStarts`.

    Raises:
        InputError: a parameter out of its range.
    """

    def __init__(
        self, advance: Advance, max_iterations: int, tolerance: float, restarts: int
    ) -> None:
        self._ascent = Ascent(advance, max_iterations, tolerance)
        self._restarts = RandomStarts(restarts)

    def prepare(self, spec: object) -> None:
        """Compile for the spec's problems; its generator draws the restarts."""
        known = checked_spec(spec)
        self._restarts.prepare(known)
        warm_up(self, known)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Iterate until every subband converges or has taken ``max_iterations``."""
        power = problem.p_max_w.copy()
        state = np.zeros((len(power), 2))
        work, running = self._ascent.climb(problem, power, state)
        best: FloatArray | None = None
        for start in self._restarts.of(problem):
            if best is None:
                best = state[:, 0].copy()
            state = np.zeros_like(state)
            more_work, more_running = self._ascent.climb(problem, start, state)
            work += more_work
            running += more_running
            keep_better(power, best, start, state)
        return Allocation(power, work, "max_iterations" if running else "converged")

    def iterates(self, problem: PowerControlProblem) -> Iterator[Allocation]:
        """Yield the best powers so far after each pass over the subbands not yet converged.

        ``status`` is ``"running"`` until the last.
        """
        starts = chain((problem.p_max_w.copy(),), self._restarts.of(problem))
        return self._ascent.iterates(problem, starts)
