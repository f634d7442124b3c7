"""The unfolded network in training; the equations are in `allocators.unfolded.network`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from allocators.training.learner import Batch, Learner
from allocators.unfolded import Unfolded
from allocators.unfolded.inference import SHARE_FLOOR, SMALLEST_SHARE
from allocators.unfolded.instance import LARGEST_GAIN, SMALLEST_GAIN, SMALLEST_WEIGHT
from allocators.unfolded.network import ARCHITECTURE, Network, Shape
from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.models.model_file import Float32Array
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem

if TYPE_CHECKING:
    import torch

SIZES = {
    "s": Shape(candidates=4, layers=3, hidden=8, state=4, polish=2),
    "m": Shape(candidates=8, layers=5, hidden=8, state=8, polish=2),
    "l": Shape(candidates=16, layers=7, hidden=16, state=8, polish=3),
}
"""The shapes that are shipped."""

_TINY = 1e-9  # under a divisor that vanishes where a link has no gain and disturbs nobody


class UnfoldedLearner(Learner):
    """An unfolded network, for any number of links.

    Args:
        rng: where the first weights are drawn from.
        size: one of `SIZES`; none: as the others say.
        sizes: the fields of `Shape`, without ``size``.

    Raises:
        InputError: no such size, or sizes that cannot be.
    """

    architecture = ARCHITECTURE
    links = None

    def __init__(self, rng: np.random.Generator, size: str | None = None, **sizes: int) -> None:
        import torch

        if size is not None and size not in SIZES:
            raise InputError(f"size: {size!r}{did_you_mean(size, SIZES)}")
        self.shape = Shape(**sizes) if size is None else SIZES[size]
        self.config = asdict(self.shape)
        self._parameters = {
            name: torch.nn.Parameter(torch.from_numpy(array))
            for name, array in _initial(self.shape, rng).items()
        }

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return weights and biases."""
        return self._parameters

    def matrices(self) -> set[str]:
        """Leave all to Adam: these matrices are too small to have directions worth balancing."""
        return set()

    def shares(self, batch: Batch) -> torch.Tensor:
        """Return the candidates' shares after polishing, ``(B, C, K)``."""
        return unfold(batch, self._parameters, self.shape.polish).mT

    def tensors(self) -> dict[str, Float32Array]:
        """Return copies of the weights."""
        return {name: value.detach().numpy().copy() for name, value in self._parameters.items()}

    def allocator(
        self, tensors: dict[str, Float32Array]
    ) -> Solver[PowerControlProblem, Allocation]:
        """Return `unfolded` with these weights."""
        return Unfolded.of(Network(self.shape, tensors))


def unfold(batch: Batch, parameters: Mapping[str, torch.Tensor], polish: int) -> torch.Tensor:
    """Return the shares of all candidates, ``(B, K, C)``; gradients flow through every clamp.

    Args:
        batch: the instances.
        parameters: by the names in `Shape.tensors`, of the batch's type.
        polish: WMMSE iterations at the end.
    """
    import torch
    from torch.nn.functional import linear, relu

    links = batch.gain.shape[1]
    own = torch.diagonal(batch.gain, dim1=1, dim2=2)
    direct = own.clamp(float(SMALLEST_GAIN), float(LARGEST_GAIN))
    cross = batch.gain.clamp(max=float(LARGEST_GAIN))
    cross = cross.masked_fill(torch.eye(links, dtype=torch.bool), 0.0)
    weight = batch.weight / batch.weight.amax(dim=1, keepdim=True).clamp_min(1e-30)
    weight = weight.clamp_min(float(SMALLEST_WEIGHT))
    potential = torch.log1p(direct)
    value = weight * potential
    # exactly zero on the diagonal
    lost = 1.0 - torch.log1p(direct[:, :, None] / (1.0 + cross)) / potential[:, :, None]
    harm = (lost.mT @ value[:, :, None])[:, :, 0] / value
    mean = value.sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
    static = torch.stack(
        (
            potential / 4.0,
            torch.log1p(lost.sum(dim=2)),
            torch.log1p(harm) / 2.0,
            (potential - mean) / 4.0,
            torch.log1p(weight - 1.0),
            torch.full_like(potential, math.log(links) / 4.0),
        ),
        dim=-1,
    )
    inner = linear(static, parameters["first.inner.weight"])[:, :, None]
    inner = relu(inner + parameters["first.inner.bias"])
    state = linear(inner, parameters["first.outer.weight"], parameters["first.outer.bias"])
    iteration = _Iteration(cross, direct[:, :, None], weight[:, :, None])
    value, scale = value[:, :, None], 0.5 / math.sqrt(links)
    level = torch.zeros_like(state[..., 0])
    for t in range(parameters["layers.outer.bias"].shape[0]):
        shares = _share(level, state)
        interference, sinr, price, proposal = iteration(shares)
        level = torch.log1p(proposal * SHARE_FLOOR) - math.log(SHARE_FLOOR)
        level = level.clamp(max=2.0)
        features = torch.stack(
            (
                torch.log1p(interference) / 4.0,
                torch.log1p(sinr) / 4.0,
                torch.log1p(direct[:, :, None] / (1.0 + interference)) / 4.0,
                torch.log1p(price) / 2.0,
                level / 4.0,
                shares,
                lost @ state[..., 1] * scale,
                lost.mT @ (state[..., 2] * value) / value * scale,
            ),
            dim=-1,
        )
        inner = linear(torch.cat((features, state), dim=-1), parameters["layers.inner.weight"][t])
        inner = relu(inner + parameters["layers.inner.bias"][t])
        state = linear(
            inner, parameters["layers.outer.weight"][t], parameters["layers.outer.bias"][t]
        )
    shares = _share(level, state)
    for _ in range(polish):
        shares = iteration(shares)[3].clamp(max=1.0)
    return shares


class _Iteration:
    """WMMSE's quantities at given shares, ``(B, K, C)`` all of them."""

    def __init__(self, cross: torch.Tensor, direct: torch.Tensor, weight: torch.Tensor) -> None:
        self._cross, self._direct, self._weight = cross, direct, weight

    def __call__(self, shares: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return interference without noise, SINR, price and WMMSE's proposal."""
        interference = self._cross @ shares
        total = 1.0 + interference
        sinr = self._direct * shares / total
        sent = self._weight * sinr / (total * (1.0 + sinr))
        price = total * (self._cross.mT @ sent) / (self._weight * self._direct)
        step = 1.0 / (sinr / (1.0 + sinr) + price + _TINY)
        return interference, sinr, price, step * step * shares


def _share(level: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.sigmoid(level + 4.0 * state[..., 0]).clamp_min(float(SMALLEST_SHARE))


def _initial(shape: Shape, rng: np.random.Generator) -> dict[str, Float32Array]:
    """Return first weights: candidates that differ, layers that begin near WMMSE's own step."""
    deviation = {
        "first.inner.weight": math.sqrt(1.0 / 3.0),
        "first.inner.bias": 0.7,
        "first.outer.weight": math.sqrt(1.0 / shape.hidden),
        "layers.inner.weight": math.sqrt(2.0 / (8 + shape.state)),
        "layers.inner.bias": 0.1,
        "layers.outer.weight": 0.3 * math.sqrt(1.0 / shape.hidden),
    }
    return {
        name: (deviation.get(name, 0.0) * rng.standard_normal(size)).astype(np.float32)
        for name, size in shape.tensors().items()
    }
