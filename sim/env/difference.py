"""The difference reward: what the weighted sum rate would lose without one transmitter."""

from __future__ import annotations

import numpy as np
from numba import njit

from sim.env.observation import IntArray
from sim.problem import FloatArray


def difference_rewards(
    gain: FloatArray,
    at: IntArray,
    noise_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    link_rate: FloatArray,
) -> FloatArray:
    """Return each agent's weighted rate less what its interference takes from the others'.

    That is the weighted sum rate less what it would be if this transmitter alone were off: the
    reward of Y. S. Nasir and D. Guo, IEEE J. Sel. Areas Commun. 37(10), 2019, with all other links
    as neighbours.

    Args:
        gain: windows of linear power gain, ``(N, slots, S, K, K)``.
        at: which slot of its window each environment is rated in, ``(N,)``.
        noise_w: ``(S, K)``.
        weight: ``(K,)``.
        power_w: powers in force in that slot, ``(N, S, K)``.
        link_rate: rates in that slot, bit/s/Hz, ``(N, K)``.

    Returns:
        ``(N, K)``, bit/s/Hz.
    """
    out = weight * link_rate
    _subtract_prices(gain, at, noise_w, weight, power_w, out)
    return out


@njit(cache=True)
def _subtract_prices(
    gain: FloatArray,
    at: IntArray,
    noise_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    out: FloatArray,
) -> None:
    environments, subbands, links = power_w.shape
    behind = np.empty(links)  # what comes from all transmitters after this one
    for i in range(environments):
        now = gain[i, at[i]]
        for s in range(subbands):
            for k in range(links):
                signal = now[s, k, k] * power_w[i, s, k]
                worth = weight[k] / subbands
                if signal == 0.0 or worth == 0.0:
                    continue
                total = 0.0
                for j in range(links - 1, -1, -1):
                    behind[j] = total
                    if j != k:
                        total += now[s, k, j] * power_w[i, s, j]
                rate = np.log2(1.0 + signal / (noise_w[s, k] + total))
                # Summed anew without j: a difference would lose weak ones beside strong ones.
                ahead = noise_w[s, k]
                for j in range(links):
                    if j == k:
                        continue
                    received = now[s, k, j] * power_w[i, s, j]
                    if received > 0.0:
                        alone = np.log2(1.0 + signal / (ahead + behind[j]))
                        out[i, j] -= worth * (alone - rate)
                    ahead += received
