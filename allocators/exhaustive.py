"""Every binary power vector tried: the reference that tests compare with."""

from __future__ import annotations

import numpy as np
from numba import float64, njit

from allocators.vector import FASTMATH, padded, read_only, split_gain, weighted_log2
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import InputError
from sim.deadline.solver import Solver
from sim.problem import Allocation, FloatArray, PowerControlProblem

MAX_LINKS = 14


class Exhaustive(Solver[PowerControlProblem, Allocation]):
    """The best of the 2^K vectors in which every link is off or at p_max, subband by subband.

    Not the optimum over all powers, except for K = 2 with equal weights, but close to it at high
    interference. Of equals it takes the first, counting in binary with link 0 the highest digit.
    ``work`` counts vectors.

    Source: A. Gjendemsjø, D. Gesbert, G. E. Øien, S. G. Kiani, "Binary power control for sum rate
    maximization over multiple interfering links", IEEE Trans. Wireless Commun. 7(8), 2008.
    """

    def prepare(self, spec: object) -> None:
        """Compile and warm up.

        Raises:
            InputError: more than `MAX_LINKS` links.
        """
        known = checked_spec(spec)
        _check_links(known.links)
        warm_up(self, known)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Try them all.

        Raises:
            InputError: more than `MAX_LINKS` links.
        """
        _check_links(problem.links)
        power = np.empty(problem.p_max_w.shape)
        tried = _search(problem.gain, problem.noise_w, problem.p_max_w, problem.weight, power)
        return Allocation(power, int(tried))


def _check_links(links: int) -> None:
    if links > MAX_LINKS:
        raise InputError(
            f"exhaustive: {links} links are 2^{links} power vectors, want at most {MAX_LINKS} links"
        )


@njit(
    (read_only(3), read_only(2), read_only(2), read_only(1), float64[:, ::1]),
    cache=True,
    error_model="numpy",
    fastmath=FASTMATH,
)
def _search(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
) -> int:
    """Walk the binary tree of on and off, link after link, in counting order.

    ``interference[k]`` holds noise plus what links 0..k-1 add, so that a step from one vector to
    the next adds two rows on average. Nothing is ever subtracted: a Gray code would leave
    rounding errors behind that drown the noise.
    """
    subbands, links = noise_w.shape
    width = padded(links)
    received = np.zeros((width, width))
    caused = np.zeros((width, width))
    interference = np.ones((links + 1, width))
    signal = np.zeros((links + 1, width))
    direct, alpha, w = np.zeros(width), np.zeros(width), np.empty(width)
    alpha[:links] = weight
    vectors = 1 << links
    for s in range(subbands):
        split_gain(gain, s, received, caused, direct)
        interference[0, :links] = noise_w[s]
        best = -1.0
        best_vector = 0
        first_changed = 0
        for vector in range(vectors):
            for j in range(first_changed, links):
                power = p_max_w[s, j] if vector >> (links - 1 - j) & 1 else 0.0
                for k in range(width):
                    interference[j + 1, k] = interference[j, k] + power * received[j, k]
                    signal[j + 1, k] = signal[j, k]
                signal[j + 1, j] = power * direct[j]
            for k in range(width):
                w[k] = 1.0 + signal[links, k] / interference[links, k]
            objective = weighted_log2(alpha, w)
            if objective > best:
                best = objective
                best_vector = vector
            first_changed = links - 1
            while first_changed > 0 and vector >> (links - 1 - first_changed) & 1:
                first_changed -= 1
        for k in range(links):
            power_w[s, k] = p_max_w[s, k] if best_vector >> (links - 1 - k) & 1 else 0.0
    tried: int = subbands * vectors
    return tried
