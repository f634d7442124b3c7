"""WMMSE from many random starts side by side, in the vectors that `unfolded` is written in."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, njit

from allocators.simd import Float32Array, aligned_zeros
from allocators.unfolded.inference import answer, wmmse_iteration
from allocators.unfolded.instance import Layout, layout, read_links
from allocators.unfolded.network import CANDIDATES
from allocators.vector import read_only
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import InputError, check_range
from sim.deadline.solver import Solver
from sim.problem import Allocation, FloatArray, PowerControlProblem


class Multistart(Solver[PowerControlProblem, Allocation]):
    """WMMSE in single precision from full power and random starts, as many as fill a register.

    All take the same number of iterations, without a stop rule, so the cost does not depend on the
    instance; the best by weighted sum rate is the answer, held against full power for all and the
    one best link alone. What a network's candidates are to `unfolded`, the starts are here: the
    solver to hold it against. The random starts, uniform in [0, p_max], are drawn once for each K,
    from the generator that `prepare` was given.

    Args:
        starts: 4, 8 or 16.
        iterations: from each start.

    Raises:
        InputError: a parameter out of its range.
    """

    def __init__(self, starts: int = 16, iterations: int = 16) -> None:
        if starts not in CANDIDATES:
            raise InputError(f"starts: {starts}, want one of {CANDIDATES}")
        check_range("iterations", iterations, 0)
        self._starts, self._iterations = starts, iterations
        self._rng: np.random.Generator | None = None
        self._links = 0

    def prepare(self, spec: object) -> None:
        """Draw the starts, and compile."""
        known = checked_spec(spec)
        self._rng = known.rng
        self._make_room(known.links)
        warm_up(self, known)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Iterate on every subband; ``work`` is the number of iterations, starts together."""
        subbands, links = problem.noise_w.shape
        if links != self._links:
            self._make_room(links)
        power_w = np.empty((subbands, links))
        _solve(
            problem.gain,
            problem.noise_w,
            problem.p_max_w,
            problem.weight,
            self._first,
            self._starts,
            self._iterations,
            self._room,
            power_w,
        )
        return Allocation(power_w, self._iterations * subbands)

    def _make_room(self, links: int) -> None:
        if self._rng is None:
            raise RuntimeError("the starts are drawn from the spec's generator: call prepare first")
        first = self._rng.random((links, self._starts), dtype=np.float32)
        first[:, 0] = 1.0
        self._first = first.ravel()
        self._room = aligned_zeros(layout(links, self._starts, 0, 0).size)
        self._links = links


@njit(
    (
        read_only(3),
        read_only(2),
        read_only(2),
        read_only(1),
        float32[::1],
        int64,
        int64,
        float32[::1],
        float64[:, ::1],
    ),
    cache=True,
    error_model="numpy",
)
def _solve(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    first: Float32Array,
    starts: int,
    iterations: int,
    room: Float32Array,
    power_w: FloatArray,
) -> None:
    subbands, links = noise_w.shape
    at: Layout = layout(links, starts, 0, 0)
    for s in range(subbands):
        read_links(gain[s], noise_w[s], p_max_w[s], weight, starts, room, at)
        room[at.flow : at.flow + links * starts] = first
        for _ in range(iterations):
            wmmse_iteration(room, links, starts, at)
        answer(gain[s], p_max_w[s], weight, starts, room, at, power_w[s])
