"""What agents see and are paid, written down as slowly as it reads."""

from __future__ import annotations

import numpy as np

from sim.measurements import LARGEST_GAIN, LARGEST_RATE
from sim.problem import FloatArray, PowerControlProblem, sum_rate


def bels(ratio: float) -> float:
    """Return a power ratio in units of 10 dB, cut."""
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log10(ratio), -LARGEST_GAIN, LARGEST_GAIN))


def observations(
    now: PowerControlProblem,
    before: PowerControlProblem,
    power_w: FloatArray,
    before_w: FloatArray,
    neighbours: int,
) -> FloatArray:
    """Return what all agents see, ``(K, n)``."""
    noise, cap, links = now.noise_w, now.p_max_w, range(now.links)
    mean = now.weight.mean()

    def heard(problem: PowerControlProblem, power: FloatArray, s: int, k: int) -> float:
        return 1.0 + sum(problem.gain[s, k, j] * power[s, j] / noise[s, k] for j in links if j != k)

    def rate(s: int, k: int) -> float:
        signal = before.gain[s, k, k] * before_w[s, k] / noise[s, k]
        worth = now.weight[k] / mean if mean else 0.0
        return float(min(worth * np.log2(1 + signal / heard(before, before_w, s, k)) / 10, 4.0))

    def own(problem: PowerControlProblem, s: int, k: int) -> float:
        return bels(problem.gain[s, k, k] * cap[s, k] / noise[s, k])

    rows = []
    for k in links:
        row: list[float] = []
        for s in range(now.subbands):
            row += [
                min(power_w[s, k] / cap[s, k], 1.0) if cap[s, k] else 0.0,
                own(now, s, k),
                own(before, s, k),
                bels(heard(now, power_w, s, k)),
                bels(heard(before, before_w, s, k)),
                rate(s, k),
            ]
            others = [j for j in links if j != k]
            received = {j: now.gain[s, k, j] * power_w[s, j] for j in others}
            caused = {j: before.gain[s, j, k] / noise[s, j] for j in others}
            interferers = sorted(others, key=lambda j: (-received[j], j))[:neighbours]
            disturbed = sorted(others, key=lambda j: (-caused[j], j))[:neighbours]
            empty = [0.0] * 4 * (neighbours - len(interferers))
            for j in interferers:
                row += [
                    bels(now.gain[s, k, j] * cap[s, j] / noise[s, k]),
                    bels(received[j] / noise[s, k]),
                    own(before, s, j),
                    rate(s, j),
                ]
            row += empty
            for j in disturbed:
                row += [
                    bels(caused[j] * cap[s, k]),
                    bels(heard(before, before_w, s, j)),
                    own(before, s, j),
                    rate(s, j),
                ]
            row += empty
        rows.append(row)
    assert 0.0 <= max(map(max, rows)) <= max(LARGEST_GAIN, LARGEST_RATE)
    return np.array(rows)


def difference(problem: PowerControlProblem, power_w: FloatArray) -> list[float]:
    """Return what the sum rate would lose without each transmitter."""
    whole, out = sum_rate(problem, power_w), []
    for k in range(problem.links):
        without = power_w.copy()
        without[:, k] = 0.0
        out.append(whole - sum_rate(problem, without))
    return out
