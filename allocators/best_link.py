"""One link a subband, the best one."""

from __future__ import annotations

import numpy as np
from numba import float64, njit

from allocators.vector import read_only
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.solver import Solver
from sim.problem import Allocation, FloatArray, PowerControlProblem


class BestLink(Solver[PowerControlProblem, Allocation]):
    """On each subband, only the link with the largest weight * log2(1 + SNR) at p_max transmits.

    Optimal where interference is so strong that two links at once are worse than either. Of equals
    the first is taken.

    Source: greedy TDMA, the high-interference corner of A. Gjendemsjø, D. Gesbert, G. E. Øien,
    S. G. Kiani, "Binary power control for sum rate maximization over multiple interfering links",
    IEEE Trans. Wireless Commun. 7(8), 2008.
    """

    def prepare(self, spec: object) -> None:
        """Compile and warm up."""
        warm_up(self, checked_spec(spec))

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Switch on one link per subband."""
        power = np.zeros(problem.p_max_w.shape)
        _switch_on(problem.gain, problem.noise_w, problem.p_max_w, problem.weight, power)
        return Allocation(power)


@njit(
    (read_only(3), read_only(2), read_only(2), read_only(1), float64[:, ::1]),
    cache=True,
)
def _switch_on(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
) -> None:
    subbands, links = noise_w.shape
    for s in range(subbands):
        best = 0
        best_rate = -1.0
        for k in range(links):
            snr = gain[s, k, k] * p_max_w[s, k] / noise_w[s, k]
            rate = weight[k] * np.log2(1.0 + snr)
            if rate > best_rate:
                best = k
                best_rate = rate
        power_w[s, best] = p_max_w[s, best]
