"""What is kept of play, and how good each action turned out to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.deadline.models.model_file import Float32Array
from sim.problem import FloatArray


@dataclass(frozen=True, slots=True)
class Samples:
    """B observations with M draws of A on-off actions each.

    Attributes:
        seen: ``(B, n)``.
        action: 0 or 1, ``(B, M, A)``.
        level: what they were drawn with, ``(B, A)``.
        advantage: by how much each draw was better than expected, ``(B, M)``.
        target: what was to be expected, ``(B,)``, bit/s/Hz, where there is a critic.
    """

    seen: Float32Array
    action: Float32Array
    level: Float32Array
    advantage: Float32Array
    target: Float32Array | None = None


def joined(parts: Sequence[Samples]) -> Samples:
    """Return the samples of several as one."""
    targets = [part.target for part in parts if part.target is not None]
    return Samples(
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.action for part in parts]),
        np.concatenate([part.level for part in parts]),
        np.concatenate([part.advantage for part in parts]),
        np.concatenate(targets) if targets else None,
    )


def returns(reward: FloatArray, gamma: float) -> FloatArray:
    """Return each slot's reward and, discounted, those that follow: ``(T, ...)`` both."""
    total = reward.copy()
    for t in range(len(reward) - 2, -1, -1):
        total[t] += gamma * total[t + 1]
    return total


def against_copies(total: FloatArray) -> FloatArray:
    """Return how much better each copy of an episode fared than the mean of the others.

    The others met the same channels and acted apart, so the mean of theirs is a baseline that does
    not depend on the action (W. Kool, H. van Hoof, M. Welling, "Buy 4 REINFORCE samples, get a
    baseline for free!", 2019).

    Args:
        total: ``(..., M)``, of M copies.
    """
    copies = total.shape[-1]
    better: FloatArray = (total - total.mean(axis=-1, keepdims=True)) * (copies / (copies - 1))
    return better


def against_critic(
    reward: FloatArray, value: FloatArray, gamma: float, trace: float
) -> tuple[FloatArray, FloatArray]:
    """Return advantages and targets by generalised advantage estimation (Schulman et al. 2016).

    Args:
        reward: ``(T, ...)``.
        value: what the critic expects in each slot and in the one after the last, ``(T + 1, ...)``.
        gamma: discount.
        trace: lambda.
    """
    surprise = reward + gamma * value[1:] - value[:-1]
    advantage = returns(surprise, gamma * trace)
    return advantage, advantage + value[:-1]


def scaled(advantage: FloatArray) -> Float32Array:
    """Return advantages with a mean square of one: K and SNR shall not weigh."""
    deviation = float(np.sqrt(np.mean(advantage**2)))
    return (advantage / (deviation or 1.0)).astype(np.float32)
