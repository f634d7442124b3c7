"""What a network is worth: its sum rate over WMMSE's, on channels it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.max_power import MaxPower
from allocators.training.mixture import Draw
from allocators.training.suites import Suite, share
from sim.problem import FloatArray

if TYPE_CHECKING:
    from sim.deadline.solver import Solver
    from sim.problem import Allocation, PowerControlProblem


def evaluation(
    solver: Solver[PowerControlProblem, Allocation],
    suites: list[tuple[str, Draw]],
    seed: int,
    channels: int = 2000,
) -> list[dict[str, Any]]:
    """Compare an allocator with WMMSE and full power on fresh channels; the card's table.

    Args:
        solver: the compiled allocator.
        suites: what to draw from, by name.
        seed: master seed; the channels are of its stream ``quality``.
        channels: how many of each.

    Returns:
        A row a suite: WMMSE's mean weighted sum rate, the shares of it, and the standard error of
        the allocator's.
    """
    rows = []
    for number, (name, draw) in enumerate(suites):
        suite = Suite.drawn(name, draw, number, channels, seed, "quality")
        rates = suite.rates(solver)
        rows.append(
            {
                "suite": name,
                "links": int(suite.samples.weight.shape[1]),
                "channels": channels,
                "wmmse_bps_hz": float(suite.reference.mean()),
                "share_of_wmmse": share(rates, suite.reference),
                "stderr": standard_error(rates, suite.reference),
                "max_power_share_of_wmmse": suite.share(MaxPower()),
            }
        )
    return rows


def standard_error(rates: FloatArray, reference: FloatArray) -> float:
    """Return the standard error of mean(rates) / mean(reference) over paired samples."""
    if len(rates) < 2 or not reference.any():
        return 0.0
    residual = rates - share(rates, reference) * reference
    return float(residual.std(ddof=1) / np.sqrt(len(rates)) / reference.mean())
