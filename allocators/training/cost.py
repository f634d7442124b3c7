"""What a wrong answer for one link costs: the weight of its error in training.

Squared error counts all links alike, but most links of a crowded channel hardly matter: turning
one on that WMMSE leaves off may cost nothing, or half the sum rate. Each squared error is weighted
by what the sum rate loses if that link alone is switched the other way.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from allocators.dnn.network import Float32Array


def switching_cost(gain: Float32Array, noise_w: float, power: Float32Array) -> Float32Array:
    """Return the change of the sum rate when one link is switched to its other extreme.

    Args:
        gain: ``(samples, K, K)``.
        noise_w: noise power; caps are 1 W.
        power: WMMSE's powers, ``(samples, K)``.

    Returns:
        Absolute changes in bit/s/Hz over their mean, ``(samples, K)``: weights of mean 1.
    """
    cost = np.empty_like(power)
    _switching_cost(gain, noise_w, power, cost)
    mean = cost.mean(dtype=np.float64)
    if not mean > 0.0:
        return np.ones_like(cost)
    cost /= np.float32(mean)
    return cost


@njit(cache=True, fastmath={"reassoc", "contract"})
def _switching_cost(
    gain: Float32Array, noise_w: float, power: Float32Array, cost: Float32Array
) -> None:
    samples, links = power.shape
    interference = np.empty(links)
    for n in range(samples):
        before = 0.0
        for k in range(links):
            total = noise_w
            for j in range(links):
                if j != k:
                    total += gain[n, k, j] * power[n, j]
            interference[k] = total
            before += np.log2(1.0 + gain[n, k, k] * power[n, k] / total)
        for k in range(links):
            switched = 0.0 if power[n, k] > 0.5 else 1.0
            change = switched - power[n, k]
            after = np.log2(1.0 + gain[n, k, k] * switched / interference[k])
            for i in range(links):
                if i != k and power[n, i] > 0.0:
                    worse = interference[i] + change * gain[n, i, k]
                    after += np.log2(1.0 + gain[n, i, i] * power[n, i] / worse)
            cost[n, k] = abs(after - before)
