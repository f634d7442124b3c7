"""What the harness asks of a network that it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sim.deadline.models.model_file import Float32Array
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances of one K, normalised: noise and caps are one, so that powers are shares of a cap.

    Attributes:
        gain: ``(B, K, K)``, ``gain_kj p_max_j / noise_k``; row = receiver k, column = transmitter.
        weight: ``(B, K)``, alpha_k.
        target: ``(B, K)``, the shares that WMMSE answers; none where nobody asks for them.
    """

    gain: torch.Tensor
    weight: torch.Tensor
    target: torch.Tensor | None = None


class Trainable(Protocol):
    """What is kept of anything in training."""

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return what is trained, always in the same order."""

    def matrices(self) -> set[str]:
        """Names of the parameters that Muon moves; Adam moves the rest."""

    def tensors(self) -> dict[str, Float32Array]:
        """Return copies of the weights as they go into the file."""


class Learner(ABC):
    """A network in training.

    A subclass is made from a generator for its first weights and its config. The harness reads
    and writes ``parameters`` by name: with what `look` found they are the network's whole state.

    Attributes:
        architecture: its name, as in the file of weights: ``"dnn"``.
        links: K that it is made for; none: any.
        config: what is needed to build it again, JSON values.
    """

    architecture: str
    links: int | None
    config: dict[str, Any]

    @abstractmethod
    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return what is trained, always in the same order."""

    def look(self, batches: Sequence[Batch]) -> None:  # noqa: B027 - most learners need no look
        """See a few batches, to scale inputs by, say; called once, before anything else."""

    @abstractmethod
    def shares(self, batch: Batch) -> torch.Tensor:
        """Return shares of the caps, ``(B, C, K)`` in [0, 1], of C candidates; differentiable."""

    @abstractmethod
    def tensors(self) -> dict[str, Float32Array]:
        """Return copies of the weights as they go into the file."""

    @abstractmethod
    def allocator(
        self, tensors: dict[str, Float32Array]
    ) -> Solver[PowerControlProblem, Allocation]:
        """Return the compiled allocator with these tensors: validation tries what is shipped."""

    @abstractmethod
    def matrices(self) -> set[str]:
        """Names of the parameters that Muon moves, by their last two axes; Adam moves the rest."""
