r"""WMMSE power control: one class, three ways to compute the same iterates.

Maximising sum_k alpha_k log2(1 + sinr_k) is minimising sum_k alpha_k (w_k e_k - ln w_k) over
receivers u, weights w and amplitudes v in [0, sqrt(p_max)], where e_k is the mean square error of
link k. With one antenna and real amplitudes h_kj = sqrt(gain_kj), v_k^2 = p_k, and

    interference_k = noise_k + sum_{j != k} gain_kj p_j,    total_k = interference_k + gain_kk p_k

the minimiser of each block, the other two fixed, is

    u_k = h_kk v_k / total_k
    w_k = 1 / e_k = total_k / interference_k = 1 + sinr_k
    v_k = alpha_k w_k u_k h_kk / sum_j alpha_j w_j u_j^2 gain_jk, clipped to [0, sqrt(p_max_k)]

so sum_k alpha_k log2 w_k is the weighted sum rate at v, and never falls. In gains and powers, with
scale_k = alpha_k w_k u_k^2 = alpha_k gain_kk p_k / (interference_k total_k) and
leakage_k = sum_{j != k} gain_jk scale_j, both sides of the fraction times interference_k total_k:

    p_k <- min(p_max_k, ratio_k^2 p_k)
    ratio_k = alpha_k gain_kk total_k
              / (alpha_k gain_kk^2 p_k + interference_k total_k leakage_k)

No difference is taken anywhere, so nothing cancels at high SINR. Where the fraction is 0/0 (a link
without gain, weight or power that also disturbs nobody) any power is optimal, and it is switched
off.
"""

from __future__ import annotations

from importlib import import_module
from typing import Literal

from allocators.iterative import IterativeAllocator
from sim.deadline.errors import InputError, did_you_mean

_BACKENDS = {
    "compiled": "allocators.wmmse.compiled",
    "numpy": "allocators.wmmse.vectorised",
    "python": "allocators.wmmse.interpreted",
}


class WMMSE(IterativeAllocator):
    """WMMSE for interfering links with one antenna each.

    Starts at p_max and stops when the weighted sum rate rises by no more than ``tolerance``.

    Source: Q. Shi, M. Razaviyayn, Z.-Q. Luo, C. He, "An iteratively weighted MMSE approach to
    distributed sum-utility maximization for a MIMO interfering broadcast channel", IEEE Trans.
    Signal Process. 59(9), 2011; start and stop rule as in H. Sun et al., "Learning to optimize",
    IEEE Trans. Signal Process. 66(20), 2018.

    Args:
        backend: ``compiled`` (numba), ``numpy`` (vectorised over links and subbands) or ``python``
            (an interpreted loop over links, as the literature times it). All take the same
            iterates.
        max_iterations: iterations at most, from each start, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.
        restarts: further starts at random powers; the best end is kept, subband by subband.

    Raises:
        InputError: an unknown backend, or a parameter out of its range.
    """

    def __init__(
        self,
        backend: Literal["compiled", "numpy", "python"] = "compiled",
        max_iterations: int = 100,
        tolerance: float = 1e-3,
        restarts: int = 0,
    ) -> None:
        if backend not in _BACKENDS:
            raise InputError(f"backend: {backend!r}{did_you_mean(str(backend), _BACKENDS)}")
        module = import_module(_BACKENDS[backend])
        super().__init__(module.advance, max_iterations, tolerance, restarts)
