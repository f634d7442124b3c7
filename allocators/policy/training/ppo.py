"""Proximal policy optimisation of on-off actions.

J. Schulman, F. Wolski, P. Dhariwal, A. Radford, O. Klimov, "Proximal policy optimization
algorithms", 2017. The actions of a slot are independent given what was seen, and the ratio of each
is clipped by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from allocators.policy.training.learner import VALUE_UNIT, PolicyLearner
from allocators.policy.training.samples import Samples
from allocators.policy.training.settings import PolicySettings
from allocators.training.optimiser import Optimiser

if TYPE_CHECKING:
    import torch


def improve(
    learner: PolicyLearner,
    optimiser: Optimiser,
    parts: Sequence[Samples],
    settings: PolicySettings,
    update: int,
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Take the gradient steps of an update.

    Every step sees its share of each part, so that no K is alone in one.

    Args:
        learner: moved in place.
        optimiser: of its parameters.
        parts: one for each K.
        settings: of the training.
        update: its number, from 0.
        rng: where the minibatches are drawn from.

    Returns:
        The largest norm of a gradient, and how many steps were skipped, as theirs was not finite.
    """
    rate = settings.learning_rate_at(update)
    entropy = settings.entropy * (1.0 - update / settings.updates)
    largest, skipped = 0.0, 0
    for _ in range(settings.epochs):
        orders = [rng.permutation(len(part.seen)) for part in parts]
        chunks = [np.array_split(order, settings.minibatches) for order in orders]
        for step in range(settings.minibatches):
            losses = [
                loss(learner, part, chunk[step], settings.ratio_clip, entropy)
                for part, chunk in zip(parts, chunks, strict=True)
                if len(chunk[step])
            ]
            total = sum(losses[1:], losses[0])
            norm = optimiser.backward(total, settings.clip)
            if np.isfinite(norm):
                optimiser.step(rate)
                largest = max(largest, norm)
            else:
                skipped += 1
    return largest, skipped


def loss(
    learner: PolicyLearner,
    samples: Samples,
    chosen: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    ratio_clip: float,
    entropy: float,
) -> torch.Tensor:
    """Return the clipped surrogate of some samples, less entropy, plus the critic's error."""
    import torch
    from torch.nn.functional import softplus

    seen = torch.from_numpy(samples.seen[chosen])
    sign = torch.from_numpy(2.0 * samples.action[chosen] - 1.0)
    advantage = torch.from_numpy(samples.advantage[chosen])[:, :, None]
    before = torch.from_numpy(samples.level[chosen])[:, None]
    level = learner.levels(seen)
    ratio = torch.exp(softplus(-sign * before) - softplus(-sign * level[:, None]))
    near = ratio.clamp(1.0 - ratio_clip, 1.0 + ratio_clip)
    gain = torch.minimum(ratio * advantage, near * advantage).mean()
    uncertainty = (softplus(level) - level * torch.sigmoid(level)).mean()
    total = -gain - entropy * uncertainty
    value = learner.values(seen)
    if value is not None and samples.target is not None:
        target = torch.from_numpy(samples.target[chosen]) / VALUE_UNIT
        total = total + 0.5 * (value - target).square().mean()
    return total
