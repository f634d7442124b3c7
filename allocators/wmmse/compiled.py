"""WMMSE compiled: one kernel, its vectors padded to whole registers, subband after subband."""

from __future__ import annotations

import numpy as np
from numba import njit

from allocators.ascent import ADVANCE_SIGNATURE
from allocators.vector import (
    FASTMATH,
    add_scaled_rows,
    aligned_zeros,
    padded,
    split_gain,
    weighted_log2,
)
from sim.problem import FloatArray


@njit(ADVANCE_SIGNATURE, cache=True, error_model="numpy", fastmath=FASTMATH)
def advance(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    state: FloatArray,
    tolerance: float,
    passes: int,
) -> tuple[int, int]:
    """Take up to ``passes`` iterations on every subband that has not converged.

    See `allocators.ascent.Advance` for the arguments, `allocators.wmmse.solver` for the update.
    """
    subbands, links = noise_w.shape
    width = padded(links)
    received = aligned_zeros(width, width)
    caused = aligned_zeros(width, width)
    vectors = aligned_zeros(10, width)
    direct, noise, cap, alpha = vectors[0], vectors[1], vectors[2], vectors[3]
    power, interference, total = vectors[4], vectors[5], vectors[6]
    scale, leakage, w = vectors[7], vectors[8], vectors[9]
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
                total[k] = interference[k] + direct[k] * power[k]
                inverse = 1.0 / (interference[k] * total[k])
                w[k] = total[k] * total[k] * inverse
                scale[k] = alpha[k] * direct[k] * power[k] * inverse
                leakage[k] = 0.0
            before = objective
            objective = weighted_log2(alpha, w)
            if objective - before <= tolerance:
                state[s, 1] = 1.0
                break
            if done == passes:
                running += 1
                break
            add_scaled_rows(leakage, scale, caused, links)
            for k in range(width):
                up = alpha[k] * direct[k]
                down = up * direct[k] * power[k] + interference[k] * total[k] * leakage[k]
                ratio = up * total[k] / down
                update = min(cap[k], ratio * ratio * power[k])
                power[k] = update if down > 0.0 and power[k] > 0.0 else 0.0
            done += 1
        state[s, 0] = objective
        iterations += done
        power_w[s] = power[:links]
    return iterations, running
