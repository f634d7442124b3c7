"""The emulator in training: to imitate WMMSE (Sun et al.), or for the sum rate itself (PCNet)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from allocators.dnn import DNN
from allocators.dnn.network import ARCHITECTURE, MOST_LINKS, MOST_MEMBERS, Network, layer_sizes
from allocators.training.learner import Batch, Learner
from sim.deadline.errors import check_range
from sim.deadline.models.model_file import Float32Array
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem

if TYPE_CHECKING:
    import torch


class DNNLearner(Learner):
    """M networks of one shape that learn side by side, as M candidates.

    Args:
        rng: where the first weights are drawn from.
        links: K.
        members: M.

    Raises:
        InputError: no links or no members, or more than a model's file may have.
    """

    architecture = ARCHITECTURE

    def __init__(self, rng: np.random.Generator, links: int, members: int = 1) -> None:
        import torch

        check_range("links", links, 1, MOST_LINKS)
        check_range("members", members, 1, MOST_MEMBERS)
        self.links = links
        self.config = {"links": links, "members": members}
        self._mean, self._deviation = 0.0, 1.0
        self._parameters = {
            name: torch.nn.Parameter(torch.from_numpy(array))
            for name, array in _initial(links, members, rng).items()
        }
        self._depth = len(layer_sizes(links)) - 1

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return weights and biases."""
        return self._parameters

    def matrices(self) -> set[str]:
        """Return the weights' names: a row of biases a member is no matrix."""
        return {name for name in self._parameters if name.endswith(".weight")}

    def look(self, batches: Sequence[Batch]) -> None:
        """Measure the inputs: of mean 0 and deviation 1 they train faster."""
        import torch

        magnitudes = torch.cat([batch.gain for batch in batches]).double().sqrt()
        self._mean = float(magnitudes.mean())
        self._deviation = float(magnitudes.std()) or 1.0

    def shares(self, batch: Batch) -> torch.Tensor:
        """Return the members' outputs, relu6/6, ``(B, M, K)``."""
        import torch
        from torch.nn import functional

        direct = torch.diagonal(batch.gain, dim1=1, dim2=2)
        order = torch.argsort(direct, dim=1, descending=True, stable=True)
        size = batch.gain.shape
        rows = torch.gather(batch.gain, 1, order[:, :, None].expand(size))
        gain = torch.gather(rows, 2, order[:, None, :].expand(size))
        x = (gain.sqrt().flatten(1) - self._mean) / self._deviation
        x = x.expand(self.config["members"], *x.shape)
        for i in range(self._depth):
            bias = self._parameters[f"layers.{i}.bias"][:, None]
            x = torch.baddbmm(bias, x, self._parameters[f"layers.{i}.weight"].mT)
            x = functional.relu(x) if i < self._depth - 1 else functional.relu6(x) / 6.0
        back = torch.argsort(order, dim=1)[:, None, :]
        outputs = x.transpose(0, 1)
        return torch.gather(outputs, 2, back.expand(outputs.shape))

    def tensors(self) -> dict[str, Float32Array]:
        """Return copies of the weights; the first layer takes the inputs' scaling in."""
        arrays = {name: p.detach().numpy().copy() for name, p in self._parameters.items()}
        first = arrays["layers.0.weight"].astype(np.float64) / self._deviation
        bias = arrays["layers.0.bias"] - self._mean * first.sum(axis=2)
        arrays["layers.0.weight"] = first.astype(np.float32)
        arrays["layers.0.bias"] = bias.astype(np.float32)
        return arrays

    def allocator(
        self, tensors: dict[str, Float32Array]
    ) -> Solver[PowerControlProblem, Allocation]:
        """Return `dnn` with these weights, its outputs rounded."""
        return DNN.of(Network.from_tensors(tensors))


def _initial(links: int, members: int, rng: np.random.Generator) -> dict[str, Float32Array]:
    """Return weights of variance 2 / inputs (He et al. 2015), and zero biases.

    The last layer begins small and in the middle of relu6, where every output has a gradient.
    """
    sizes = layer_sizes(links)
    last = len(sizes) - 2
    arrays: dict[str, Float32Array] = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        deviation = 0.1 if i == last else np.sqrt(2.0 / inputs)
        weight = deviation * rng.standard_normal((members, outputs, inputs))
        arrays[f"layers.{i}.weight"] = weight.astype(np.float32)
        arrays[f"layers.{i}.bias"] = np.full(
            (members, outputs), 2.0 if i == last else 0.0, dtype=np.float32
        )
    return arrays
