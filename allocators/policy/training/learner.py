"""Our own policies in training; the equations are in `allocators.policy.network`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocators.policy.network import CentralShape, LocalShape, Network, Shape
from allocators.policy.solver import Policy
from sim.deadline.models.model_file import Float32Array
from sim.measurements import DISTURBED, INTERFERER, OWN

if TYPE_CHECKING:
    import torch

#: What a critic's output is in, bit/s/Hz: so its errors weigh about as much as the policy's.
VALUE_UNIT = 10.0

_CRITIC = "critic."
_OWN_GAIN = INTERFERER.index("own_gain_before")  # and of those disturbed
_LN_10 = math.log(10.0)


class PolicyLearner(ABC):
    """A policy in training, and a critic if it has one.

    Args:
        shape: sizes of the policy.
        shapes: names and shapes of all that is trained.
        rng: where the first weights are drawn from.
    """

    def __init__(
        self, shape: Shape, shapes: dict[str, tuple[int, ...]], rng: np.random.Generator
    ) -> None:
        import torch

        self.shape = shape
        self._parameters = {
            name: torch.nn.Parameter(torch.from_numpy(_initial(name, size, rng)))
            for name, size in shapes.items()
        }

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return what is trained, always in the same order."""
        return self._parameters

    def matrices(self) -> set[str]:
        """Leave all to Adam."""
        return set()

    def tensors(self) -> dict[str, Float32Array]:
        """Return copies of the policy's weights; the critic stays behind."""
        return {
            name: value.detach().numpy().copy()
            for name, value in self._parameters.items()
            if not name.startswith(_CRITIC)
        }

    def allocator(self, tensors: dict[str, Float32Array]) -> Policy:
        """Return the compiled allocator with these tensors: validation tries what is shipped."""
        return Policy.of(Network(self.shape, tensors))

    @abstractmethod
    def levels(self, seen: torch.Tensor) -> torch.Tensor:
        """Return the levels ``(B, A)`` of A on-off actions for observations ``(B, n)``."""

    def values(self, seen: torch.Tensor) -> torch.Tensor | None:
        """Return what is expected of observations, ``(B,)``, in `VALUE_UNIT`; None: no critic."""
        del seen
        return None


class CentralLearner(PolicyLearner):
    """One network for all links. It sees the environment's ``gains``, of any K, one subband.

    Args:
        shape: its sizes.
        rng: where the first weights are drawn from.
    """

    def __init__(self, shape: CentralShape, rng: np.random.Generator) -> None:
        super().__init__(shape, shape.tensors(), rng)
        self._rounds = shape.rounds

    def levels(self, seen: torch.Tensor) -> torch.Tensor:
        """See `PolicyLearner`; ``n`` is K K, and A is K."""
        import torch
        from torch.nn.functional import linear, relu, softplus

        weights = self._parameters
        links = math.isqrt(seen.shape[1])
        # log(1 + snr), of an snr in units of 10 dB
        x = 0.5 * softplus(_LN_10 * seen.reshape(-1, links, links))
        own = torch.diagonal(x, dim1=1, dim2=2)[..., None]
        pairs = torch.stack((x, x.mT), dim=-1)
        state = relu(linear(own, weights["first.weight"], weights["first.bias"]))
        for t in range(self._rounds):
            received = linear(state, weights["receive.weight"][t], weights["receive.bias"][t])
            sent = linear(state, weights["send.weight"][t])
            message = linear(pairs, weights["edge.weight"][t])
            message = relu(message + received[:, :, None] + sent[:, None])
            itself = torch.diagonal(message, dim1=1, dim2=2).mT
            pooled = 0.25 * (message.sum(dim=2) - itself)
            state = torch.cat((state, pooled, own), dim=-1)
            state = relu(linear(state, weights["update.weight"][t], weights["update.bias"][t]))
        return linear(state, weights["out.weight"], weights["out.bias"])[..., 0]


class LocalLearner(PolicyLearner):
    """The same network in each transmitter, and a critic of the same shape beside it.

    Args:
        shape: its sizes.
        rng: where the first weights are drawn from.
    """

    def __init__(self, shape: LocalShape, rng: np.random.Generator) -> None:
        self._neighbours = shape.neighbours
        own = shape.tensors()
        super().__init__(
            shape, {**own, **{f"{_CRITIC}{name}": size for name, size in own.items()}}, rng
        )
        # While gains alone are seen, the rest must not count for an allocator that sees it.
        encoded = 2 * shape.hidden * ("a gain",)
        inputs = {
            "interferer": (*INTERFERER, *OWN),
            "disturbed": (*DISTURBED, *OWN),
            "second": (*OWN, *encoded, *INTERFERER, *encoded, *DISTURBED),
        }
        for name, seen in inputs.items():
            for prefix in ("", _CRITIC):
                self._parameters[f"{prefix}{name}.weight"].data[:, ~are_gains(seen)] = 0.0

    def levels(self, seen: torch.Tensor) -> torch.Tensor:
        """See `PolicyLearner`; ``n`` is what one agent sees, and A is one."""
        return self._network("", seen)

    def values(self, seen: torch.Tensor) -> torch.Tensor:
        """See `PolicyLearner`."""
        return self._network(_CRITIC, seen)[:, 0]

    def _network(self, prefix: str, seen: torch.Tensor) -> torch.Tensor:
        import torch
        from torch.nn.functional import linear, relu

        def of(name: str) -> tuple[torch.Tensor, torch.Tensor]:
            return (
                self._parameters[f"{prefix}{name}.weight"],
                self._parameters[f"{prefix}{name}.bias"],
            )

        own = seen[:, : len(OWN)]
        others = seen[:, len(OWN) :].reshape(len(seen), 2, self._neighbours, len(INTERFERER))
        pooled = [own]
        for side, name in enumerate(("interferer", "disturbed")):
            values, (weight, bias) = others[:, side], of(name)
            present = (values != 0.0).any(dim=2, keepdim=True)
            # What is the same for all neighbours is multiplied once.
            here = linear(own, weight[:, len(INTERFERER) :], bias)[:, None]
            encoded = relu(linear(values, weight[:, : len(INTERFERER)]) + here)
            encoded = encoded * present
            gain = values[:, :, _OWN_GAIN].masked_fill(~present[:, :, 0], -math.inf)
            best = gain.argmax(dim=1)[:, None, None].expand(-1, 1, len(INTERFERER))
            pooled += [0.25 * encoded.sum(dim=1), encoded.amax(dim=1), values.gather(1, best)[:, 0]]
        x = relu(linear(torch.cat(pooled, dim=1), *of("second")))
        return linear(relu(linear(x, *of("third"))), *of("out"))


def are_gains(names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which of an agent's values, by name, depend on gains alone, not on powers."""
    return np.array(["gain" in name.rpartition("/")[2] for name in names])


def make_learner(
    kind: str, hidden: int, neighbours: int, rng: np.random.Generator
) -> PolicyLearner:
    """Return a new learner of a kind; see `PolicySettings`."""
    if kind == "central":
        return CentralLearner(CentralShape(hidden, hidden, rounds=3), rng)
    return LocalLearner(LocalShape(hidden, neighbours), rng)


def _initial(name: str, size: tuple[int, ...], rng: np.random.Generator) -> Float32Array:
    """Return weights of variance 2 / inputs (He et al. 2015), small ones last, and no biases."""
    if name.endswith(".bias"):
        # Not all kinks of the first layer in the same place: its input may be a single number.
        spread = 0.5 if name == "first.bias" else 0.0
        return (spread * rng.standard_normal(size)).astype(np.float32)
    scale = math.sqrt((0.01 if "out." in name else 2.0) / size[-1])
    if name.startswith(("receive", "send", "edge")):
        scale *= math.sqrt(1.0 / 3.0)  # the three are added up
    return (scale * rng.standard_normal(size)).astype(np.float32)
