"""WMMSE in numpy: vectorised over links and over the subbands that still run."""

from __future__ import annotations

import numpy as np

from sim.problem import FloatArray


def advance(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    state: FloatArray,
    tolerance: float,
    passes: int,
    /,
) -> tuple[int, int]:
    """Take up to ``passes`` iterations on every subband that has not converged.

    See `allocators.ascent.Advance` for the arguments, `allocators.wmmse.solver` for the update.
    """
    rows = np.flatnonzero(state[:, 1] == 0)
    direct = gain[rows].diagonal(axis1=1, axis2=2)
    cross = gain[rows] * (1.0 - np.eye(gain.shape[1]))
    noise, cap, power = noise_w[rows], p_max_w[rows], power_w[rows]
    before = np.full(len(rows), -np.inf)
    iterations = 0
    for done in range(passes + 1):
        interference = noise + (cross @ power[:, :, None])[:, :, 0]
        signal = direct * power
        total = interference + signal
        objective = np.log2(total / interference) @ weight
        converged = objective - before <= tolerance
        power_w[rows] = power
        state[rows, 0] = objective
        if done and converged.any():
            state[rows, 1] = converged
            keep = ~converged
            rows, direct, cross, noise, cap = (x[keep] for x in (rows, direct, cross, noise, cap))
            power, signal = power[keep], signal[keep]
            interference, total, objective = interference[keep], total[keep], objective[keep]
        if done == passes or not len(rows):
            break
        up = weight * direct
        product = interference * total
        leakage = ((weight * signal / product)[:, None, :] @ cross)[:, 0]
        down = up * signal + product * leakage
        on = (down > 0) & (power > 0)
        ratio = np.divide(up * total, down, out=np.zeros_like(down), where=on)
        power = np.minimum(cap, ratio * ratio * power)
        before = objective
        iterations += len(rows)
    return iterations, len(rows)
