"""The published setting: 1000 Rayleigh channels at 0 dB, H. Sun et al., "Learning to optimize"."""

from __future__ import annotations

import numpy as np
import pytest

from allocators.max_power import MaxPower
from allocators.random import Random
from allocators.wmmse import WMMSE
from sim.problem import FloatArray, PowerControlProblem, PowerControlSpec, sinr

SAMPLES = 1000


@pytest.mark.parametrize(
    ("links", "wmmse", "iterations", "max_power", "random"),
    [
        (10, 2.7917, 10.7, 0.502, 0.460),
        (20, 3.6552, 15.8, 0.394, 0.378),
        (30, 4.1243, 19.1, 0.347, 0.337),
    ],
)
def test_sum_rates_of_the_published_setting(
    links: int, wmmse: float, iterations: float, max_power: float, random: float
) -> None:
    """Both sides are estimates from 1000 channels: 4 standard errors, false alarm 6e-5 each.

    The shares are held to half a point, more than 4 of their standard errors (0.1 points).
    """
    rng = np.random.default_rng(2018 + links)
    problem = PowerControlProblem(rng.exponential(size=(SAMPLES, links, links)), 1.0, 1.0)
    drawn = Random()
    drawn.prepare(PowerControlSpec(links, SAMPLES, rng))

    def rates(power_w: FloatArray) -> FloatArray:
        out: FloatArray = np.log2(1 + sinr(problem, power_w)).sum(axis=1)
        return out

    answer = WMMSE().solve(problem)
    reached = rates(answer.power_w)
    error = reached.std() * np.sqrt(2 / SAMPLES)
    assert abs(reached.mean() - wmmse) < 4 * error
    # iterations spread by about half their mean
    assert abs(answer.work / SAMPLES - iterations) < 4 * 0.5 * iterations * np.sqrt(2 / SAMPLES)
    assert abs(rates(MaxPower().solve(problem).power_w).mean() / reached.mean() - max_power) < 0.005
    assert abs(rates(drawn.solve(problem).power_w).mean() / reached.mean() - random) < 0.005
