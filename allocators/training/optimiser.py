"""Muon for the matrices, Adam for the rest, and both of their memories by the parameters' names."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from sim.deadline.models.muon import Muon

if TYPE_CHECKING:
    import torch

_ADAM = ("exp_avg", "exp_avg_sq", "step")


class Optimiser:
    """Moves a learner's parameters down their gradients.

    Args:
        parameters: all, by name.
        matrices: names of those that Muon moves; Adam, betas 0.9 and 0.99, moves the others.
    """

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], matrices: Set[str]) -> None:
        import torch

        self._parameters = parameters
        self._muon_names = [name for name in parameters if name in matrices]
        self._adam_names = [name for name in parameters if name not in matrices]
        self._muon = Muon([parameters[name] for name in self._muon_names])
        others = [parameters[name] for name in self._adam_names]
        self._adam = torch.optim.Adam(others, betas=(0.9, 0.99)) if others else None

    def backward(self, loss: torch.Tensor, clip: float) -> float:
        """Take the gradient, shorten it to ``clip``, and return the norm that it had."""
        import torch

        for parameter in self._parameters.values():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self._parameters.values():
            if parameter.grad is None:  # it has no part in the loss
                parameter.grad = torch.zeros_like(parameter)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters.values(), clip)
        return float(norm)

    def step(self, learning_rate: float) -> None:
        """Move every parameter."""
        if self._adam is not None:
            for group in self._adam.param_groups:
                group["lr"] = learning_rate
            self._adam.step()
        self._muon.step(learning_rate)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what it remembers; Adam remembers nothing before its first step."""
        arrays = {
            f"momentum.{name}": momentum.numpy()
            for name, momentum in zip(self._muon_names, self._muon.momentum, strict=True)
        }
        if self._adam is not None:
            state = self._adam.state_dict()["state"]
            for i, name in enumerate(self._adam_names):
                for part, value in state.get(i, {}).items():
                    arrays[f"{part}.{name}"] = value.numpy()
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Remember what `arrays` returned."""
        import torch

        for name, momentum in zip(self._muon_names, self._muon.momentum, strict=True):
            momentum.copy_(torch.from_numpy(arrays[f"momentum.{name}"]))
        if self._adam is None:
            return
        own = self._adam.state_dict()
        own["state"] = {
            i: {part: torch.from_numpy(arrays[f"{part}.{name}"]) for part in _ADAM}
            for i, name in enumerate(self._adam_names)
            if f"step.{name}" in arrays
        }
        self._adam.load_state_dict(own)
