"""What a network is worth: its sum rate over WMMSE's, on channels it has never seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from allocators.dnn.inference import infer, scratch
from allocators.dnn.network import Network
from allocators.training.samples import Setting, label, sum_rates
from sim.problem import FloatArray
from sim.seeding import stream


def measure(setting: Setting, network: Network, seed: int, samples: int = 2000) -> dict[str, Any]:
    """Compare the network with WMMSE, full power and random power on fresh channels.

    Args:
        setting: where the channels come from.
        network: for as many links.
        seed: master seed; the channels are of its stream ``quality``.
        samples: number of channels.

    Returns:
        A record for the card: WMMSE's mean sum rate and, as shares of it, those of the network
        with and without rounding, of full power and of powers drawn from U[0, 1]; ``stderr`` is
        the standard error of the rounded network's share.
    """
    rng = stream(seed, "quality")
    gain = setting.draw(rng, samples)
    problem = setting.problem(gain)
    wmmse = sum_rates(problem, label(setting, gain))
    answers = {
        "rounded": answer(network, setting, problem.gain, 0.5),
        "unrounded": answer(network, setting, problem.gain, None),
        "max_power": np.ones_like(problem.p_max_w),
        "random": rng.random(problem.p_max_w.shape),
    }
    rates = {name: sum_rates(problem, power) for name, power in answers.items()}
    return {
        "channels": samples,
        "wmmse_bps_hz": float(wmmse.mean()),
        "share_of_wmmse": {name: float(r.mean() / wmmse.mean()) for name, r in rates.items()},
        "stderr": standard_error(rates["rounded"], wmmse),
    }


def answer(
    network: Network, setting: Setting, gain: FloatArray, threshold: float | None
) -> FloatArray:
    """Return the network's powers, ``(samples, K)``."""
    shape = gain.shape[:2]
    power = np.empty(shape)
    infer(
        gain,
        np.full(shape, setting.noise_w),
        np.ones(shape),
        network.packed(),
        *scratch(network.links),
        -1.0 if threshold is None else threshold,
        power,
    )
    return power


def standard_error(rates: FloatArray, reference: FloatArray) -> float:
    """Return the standard error of mean(rates) / mean(reference) over paired samples."""
    share = rates.mean() / reference.mean()
    residual = rates - share * reference
    return float(residual.std(ddof=1) / np.sqrt(len(rates)) / reference.mean())
