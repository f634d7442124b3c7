"""What changes while the emulator trains: its network, the optimiser and the best so far."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.dnn.network import Float32Array, Network, layer_sizes
from allocators.training.checkpoint import Checkpoint
from allocators.training.muon import Muon
from allocators.training.samples import Setting
from allocators.training.settings import TrainSettings
from sim.seeding import stream

if TYPE_CHECKING:
    import torch

_ADAM = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True, slots=True)
class Trained:
    """The best network of a training and how it came about.

    Attributes:
        network: that of the epoch with the lowest validation error.
        epochs: epochs done.
        best_epoch: the one the network is from.
        validation: its validation error.
        seconds: time spent training, interruptions not counted.
    """

    network: Network
    epochs: int
    best_epoch: int
    validation: float
    seconds: float


class State:
    """Network, optimiser and what has been reached."""

    def __init__(self, setting: Setting, settings: TrainSettings) -> None:
        import torch

        self._setting = setting
        # Inputs of mean 0 and deviation 1 train faster; the first layer absorbs this at the end.
        rng = stream(settings.seed, "scale")
        magnitudes = setting.magnitudes(setting.draw(rng, 1000))
        self._mean = float(magnitudes.mean(dtype=np.float64))
        self._deviation = float(magnitudes.std(dtype=np.float64)) or 1.0
        self.parameters = [
            torch.nn.Parameter(torch.from_numpy(array))
            for array in _initial(setting.links, stream(settings.seed, "initial"))
        ]
        self._muon = Muon(self.parameters[0::2])
        self._adam = torch.optim.Adam(self.parameters[1::2], betas=(0.9, 0.99))
        self.epochs = 0
        self.best_epoch = -1
        self.best_validation = float("inf")
        self.seconds = 0.0
        self._best = self._copies()

    def inputs(self, gain: Float32Array) -> torch.Tensor:
        """Return the standardised magnitudes of a batch."""
        import torch

        x = self._setting.magnitudes(gain)
        x -= np.float32(self._mean)
        x *= np.float32(1.0 / self._deviation)
        return torch.from_numpy(x)

    def step(self, loss: torch.Tensor, learning_rate: float) -> None:
        """Take one step down: Muon for the weights, Adam for the biases."""
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()
        self._muon.step(learning_rate)

    def network(self) -> Network:
        """Return the network as it is now, to be fed with plain magnitudes."""
        return self._export(self._copies())

    def note(self, epoch: int, validation: float) -> bool:
        """Keep the network if it is the best so far; return whether it is."""
        self.epochs = epoch + 1
        if not validation < self.best_validation:
            return False
        self.best_epoch, self.best_validation = epoch, validation
        self._best = self._copies()
        return True

    def result(self) -> Trained:
        """Return the best network."""
        return Trained(
            self._export(self._best),
            self.epochs,
            self.best_epoch,
            self.best_validation,
            self.seconds,
        )

    def checkpoint(self, identity: dict[str, Any]) -> Checkpoint:
        """Return all that `restore` needs."""
        arrays: dict[str, Float32Array] = {}
        for i, (now, best) in enumerate(zip(self._copies(), self._best, strict=True)):
            arrays[f"now.{i}"], arrays[f"best.{i}"] = now, best
        for i, momentum in enumerate(self._muon.momentum):
            arrays[f"momentum.{i}"] = momentum.numpy()
        for i, moments in self._adam.state_dict()["state"].items():
            for name in _ADAM:
                arrays[f"{name}.{i}"] = moments[name].numpy()
        progress = {
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "best_validation": self.best_validation,
            "seconds": self.seconds,
        }
        return Checkpoint(identity, progress, arrays)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to what `checkpoint` returned."""
        import torch

        arrays, progress = checkpoint.arrays, checkpoint.progress
        for i, parameter in enumerate(self.parameters):
            parameter.data.copy_(torch.from_numpy(arrays[f"now.{i}"]))
        for i, momentum in enumerate(self._muon.momentum):
            momentum.copy_(torch.from_numpy(arrays[f"momentum.{i}"]))
        own = self._adam.state_dict()
        for i in range(len(self._muon.momentum)):
            own["state"][i] = {name: torch.from_numpy(arrays[f"{name}.{i}"]) for name in _ADAM}
        self._adam.load_state_dict(own)
        self._best = [arrays[f"best.{i}"] for i in range(len(self.parameters))]
        self.epochs = int(progress["epochs"])
        self.best_epoch = int(progress["best_epoch"])
        self.best_validation = float(progress["best_validation"])
        self.seconds = float(progress["seconds"])

    def _copies(self) -> list[Float32Array]:
        return [parameter.detach().numpy().copy() for parameter in self.parameters]

    def _export(self, arrays: list[Float32Array]) -> Network:
        first = arrays[0].astype(np.float64) / self._deviation
        bias = arrays[1] - self._mean * first.sum(axis=1)
        layers = [first.astype(np.float32), bias.astype(np.float32), *arrays[2:]]
        return Network(tuple(layers[0::2]), tuple(layers[1::2]))


def _initial(links: int, rng: np.random.Generator) -> list[Float32Array]:
    """Return weights of variance 2 / inputs (He et al. 2015), and zero biases.

    The last layer begins small and in the middle of relu6, where every output has a gradient.
    """
    sizes = layer_sizes(links)
    arrays: list[Float32Array] = []
    for inputs, outputs in pairwise(sizes):
        deviation = np.sqrt(2.0 / inputs)
        arrays.append((deviation * rng.standard_normal((outputs, inputs))).astype(np.float32))
        arrays.append(np.zeros(outputs, dtype=np.float32))
    arrays[-2] *= np.float32(0.1 / np.sqrt(2.0 / sizes[-2]))
    arrays[-1] += np.float32(2.0)
    return arrays
