"""Fractional programming (FP) in closed form."""

from __future__ import annotations

import numpy as np
from numba import njit

from allocators.ascent import ADVANCE_SIGNATURE
from allocators.iterative import IterativeAllocator
from allocators.vector import (
    FASTMATH,
    add_scaled_rows,
    aligned_zeros,
    padded,
    split_gain,
    weighted_log2,
)
from sim.problem import FloatArray


class FractionalProgramming(IterativeAllocator):
    """Closed-form fractional programming for power control.

    The Lagrangian dual transform takes the SINR out of the logarithm (gamma), the quadratic
    transform takes the fraction apart (y), and each of gamma, y and p then has a closed form:

        gamma_k = sinr_k
        y_k = sqrt(alpha_k (1 + gamma_k) gain_kk p_k) / (noise_k + sum_j gain_kj p_j)
        p_k = min(p_max_k, y_k^2 alpha_k (1 + gamma_k) gain_kk / (sum_j gain_jk y_j^2)^2)

    Starts at p_max and stops when the weighted sum rate rises by no more than ``tolerance``. With
    one antenna, y_k^2 is WMMSE's alpha_k w_k u_k^2 and 1 + gamma_k its w_k: insert them, and both
    algorithms take the same steps, up to rounding. They race here under both names.

    Source: K. Shen, W. Yu, "Fractional programming for communication systems, part I: power
    control and beamforming", IEEE Trans. Signal Process. 66(10), 2018, Algorithm 3.

    Args:
        max_iterations: iterations at most, on each subband.
        tolerance: rise of a subband's weighted sum rate, bit/s/Hz, at which it stops.

    Raises:
        InputError: a parameter out of its range.
    """

    def __init__(self, max_iterations: int = 100, tolerance: float = 1e-3) -> None:
        super().__init__(_advance, max_iterations, tolerance, restarts=0)


@njit(ADVANCE_SIGNATURE, cache=True, error_model="numpy", fastmath=FASTMATH)
def _advance(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    state: FloatArray,
    tolerance: float,
    passes: int,
) -> tuple[int, int]:
    """Take up to ``passes`` iterations on every subband that has not converged."""
    subbands, links = noise_w.shape
    width = padded(links)
    received = aligned_zeros(width, width)
    caused = aligned_zeros(width, width)
    vectors = aligned_zeros(9, width)
    direct, noise, cap, alpha, power = vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]
    interference, one_plus_gamma, y_squared = vectors[5], vectors[6], vectors[7]
    leakage = vectors[8]
    noise[:] = 1.0
    alpha[:links] = weight
    iterations = 0
    running = 0
    for s in range(subbands):
        if state[s, 1] != 0.0:
            continue
        split_gain(gain, s, received, caused, direct)
        noise[:links] = noise_w[s]
        cap[:links] = p_max_w[s]
        power[:links] = power_w[s]
        objective = -np.inf
        done = 0
        while True:
            interference[:] = noise
            add_scaled_rows(interference, power, received, links)
            for k in range(width):
                signal = direct[k] * power[k]
                total = interference[k] + signal
                one_plus_gamma[k] = 1.0 + signal / interference[k]
                y_squared[k] = alpha[k] * one_plus_gamma[k] * signal / (total * total)
            before = objective
            objective = weighted_log2(alpha, one_plus_gamma)
            if objective - before <= tolerance:
                state[s, 1] = 1.0
                break
            if done == passes:
                running += 1
                break
            for k in range(width):
                leakage[k] = direct[k] * y_squared[k]
            add_scaled_rows(leakage, y_squared, caused, links)
            for k in range(width):
                up = y_squared[k] * alpha[k] * one_plus_gamma[k] * direct[k]
                update = min(cap[k], up / (leakage[k] * leakage[k]))
                power[k] = update if leakage[k] > 0.0 else 0.0
            done += 1
        state[s, 0] = objective
        iterations += done
        power_w[s] = power[:links]
    return iterations, running
