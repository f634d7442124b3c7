"""WMMSE as the literature runs and times it: an interpreted loop over links, numpy inside."""

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
    iterations = 0
    running = 0
    for s in range(len(gain)):
        if state[s, 1]:
            continue
        h = np.sqrt(gain[s])
        v = np.sqrt(power_w[s])
        v_max = np.sqrt(p_max_w[s])
        u, w = _receivers(h, v, noise_w[s])
        objective = _objective(w, weight)
        for _ in range(passes):
            v = _amplitudes(h, u, w, weight, v_max)
            u, w = _receivers(h, v, noise_w[s])
            before, objective = objective, _objective(w, weight)
            iterations += 1
            if objective - before <= tolerance:
                state[s, 1] = 1
                break
        running += not state[s, 1]
        state[s, 0] = objective
        power_w[s] = np.where(v < v_max, v * v, p_max_w[s])  # sqrt(p)^2 is not always p
    return iterations, running


def _receivers(h: FloatArray, v: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
    u = np.zeros(len(v))
    w = np.zeros(len(v))
    for k in range(len(v)):
        received = np.square(h[k, :]) * np.square(v)
        signal = received[k]
        received[k] = 0
        interference = np.sum(received) + noise[k]
        u[k] = h[k, k] * v[k] / (interference + signal)
        # 1 / (1 - u h v) is the same number, but cancels at high SINR
        w[k] = (interference + signal) / interference
    return u, w


def _amplitudes(
    h: FloatArray, u: FloatArray, w: FloatArray, weight: FloatArray, v_max: FloatArray
) -> FloatArray:
    v = np.zeros(len(u))
    for k in range(len(u)):
        up = weight[k] * w[k] * u[k] * h[k, k]
        down = np.sum(weight * w * np.square(u) * np.square(h[:, k]))
        if down > 0:
            v[k] = min(up / down, v_max[k])
    return v


def _objective(w: FloatArray, weight: FloatArray) -> float:
    total = 0.0
    for k in range(len(w)):
        total = total + weight[k] * np.log2(w[k])
    return float(total)
