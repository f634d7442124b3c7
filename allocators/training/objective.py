"""What a training minimises: the distance to WMMSE's answer, or the sum rate that is lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from allocators.training.learner import Batch
from sim.deadline.errors import InputError

if TYPE_CHECKING:
    import torch

Objective = Literal["imitate", "sum_rate"]

OBJECTIVES: tuple[Objective, ...] = ("imitate", "sum_rate")

_LEAST_WEIGHT = 1e-30
_LEAST_SCALE = 1e-3  # bit/s/Hz: an instance where nobody reaches anybody must not blow up the rest


def loss(
    objective: Objective, batch: Batch, shares: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the loss of a batch, a scalar.

    Args:
        objective: `imitate` or `sum_rate`.
        batch: with targets for `imitate`.
        shares: ``(B, C, K)``.
        temperature: see `sum_rate_loss`.
    """
    if objective == "imitate":
        return imitation_loss(batch, shares)
    return sum_rate_loss(batch, shares, temperature)


def imitation_loss(batch: Batch, shares: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error to WMMSE's shares, links by their weight alpha_k.

    With equal weights it is the loss of Sun et al., IEEE TSP 66(20), 2018. All candidates count
    alike.
    """
    if batch.target is None:
        raise InputError("objective: imitate needs WMMSE's answers; the source has none")
    # an instance in which nobody counts must not spoil the batch
    weight = batch.weight / batch.weight.sum(dim=1, keepdim=True).clamp_min(_LEAST_WEIGHT)
    error = (shares - batch.target[:, None]) ** 2
    return (weight[:, None] * error).sum(dim=2).mean()


def sum_rate_loss(batch: Batch, shares: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return minus the mean of the candidates' soft best weighted sum rate, each over its scale.

    One candidate: the loss of PCNet (F. Liang, C. Shen, W. Yu, F. Wu, "Towards optimal power
    control via ensembling deep neural networks", IEEE Trans. Commun. 68(3), 2020), but for the
    scale. With C candidates of relative rates r_c it is T log mean_c exp(r_c / T): their mean for
    a large temperature T, so that each learns on its own, as ePCNet's members do, and their
    maximum for a small one, so that they share the work.
    """
    import torch

    rates = weighted_sum_rates(batch, shares)
    scale = torch.maximum(instance_scale(batch), rates.detach().amax(dim=1))
    rates = rates / scale[:, None]
    candidates = shares.shape[1]
    if candidates == 1 or math.isinf(temperature):
        return -rates.mean()
    best = torch.logsumexp(rates / temperature, dim=1) - math.log(candidates)
    return -(temperature * best).mean()


def weighted_sum_rates(batch: Batch, shares: torch.Tensor) -> torch.Tensor:
    """Return the weighted sum rate of every candidate, ``(B, C)``, bit/s/Hz.

    Noise is one, so that no divisor is below it.
    """
    import torch

    direct = torch.diagonal(batch.gain, dim1=1, dim2=2)
    cross = batch.gain - torch.diag_embed(direct)
    interference = 1.0 + shares @ cross.mT
    sinr = direct[:, None] * shares / interference
    return (batch.weight[:, None] * torch.log1p(sinr)).sum(dim=2) / math.log(2.0)


def instance_scale(batch: Batch) -> torch.Tensor:
    """Return what an instance can be expected to yield, ``(B,)``; it carries no gradient.

    The better of full power and of the one best link alone. With it, instances of high rate do not
    drown the others.
    """
    import torch

    with torch.no_grad():
        full = weighted_sum_rates(batch, torch.ones_like(batch.weight)[:, None])[:, 0]
        direct = torch.diagonal(batch.gain, dim1=1, dim2=2)
        alone = (batch.weight * torch.log1p(direct)).amax(dim=1) / math.log(2.0)
        return torch.maximum(full, alone).clamp_min(_LEAST_SCALE)
