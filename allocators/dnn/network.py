"""The emulator's network as plain arrays: its shape, its file and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allocators.simd import aligned_zeros
from sim.deadline.models.model_file import Float32Array
from sim.deadline.models.model_file import load as load_model

ARCHITECTURE = "dnn"

HIDDEN = (200, 80, 80)
"""Width of the hidden layers (Sun et al. 2018, Section V)."""

MOST_LINKS, MOST_MEMBERS = 2000, 1000
"""Of a network, in memory and in a file."""

_LINE = 16  # float32 in a cache line


@dataclass(frozen=True, slots=True)
class Network:
    """Multilayer perceptrons of one shape, M of them: the members of an ensemble, or one alone.

    Layer ``i`` of member ``m`` maps x to ``weight[i][m] @ x + bias[i][m]``.

    Attributes:
        weight: one ``(M, out, in)`` array a layer, float32.
        bias: one ``(M, out)`` array a layer, float32.
    """

    weight: tuple[Float32Array, ...]
    bias: tuple[Float32Array, ...]

    @property
    def links(self) -> int:
        """K, the number of links it was made for: one output each."""
        return int(self.bias[-1].shape[1])

    @property
    def members(self) -> int:
        """M."""
        return int(self.bias[-1].shape[0])

    @property
    def config(self) -> dict[str, Any]:
        """What the file says about its shape."""
        return {"links": self.links, "members": self.members}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Float32Array]) -> Network:
        """Build from arrays under the names they have in the file."""
        depth = range(len(HIDDEN) + 1)
        return cls(
            tuple(tensors[f"layers.{i}.weight"] for i in depth),
            tuple(tensors[f"layers.{i}.bias"] for i in depth),
        )

    def tensors(self) -> dict[str, Float32Array]:
        """Return the arrays under the names they have in the file."""
        named: dict[str, Float32Array] = {}
        for i, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            named[f"layers.{i}.weight"] = weight
            named[f"layers.{i}.bias"] = bias
        return named

    def packed(self) -> Float32Array:
        """Return a row a member: every layer's transposed weight, then its bias, end to end.

        One array costs one argument to the compiled code, and the transposed order lets it run
        along memory while it adds up one input after another. Rows begin on a cache line: that is
        a tenth of an answer's time at K = 30.
        """
        layers = list(zip(self.weight, self.bias, strict=True))
        size = sum(weight[0].size + bias[0].size for weight, bias in layers)
        width = -(-size // _LINE) * _LINE
        flat = aligned_zeros(self.members * width).reshape(self.members, width)
        for m, row in enumerate(flat):
            parts = [part for weight, bias in layers for part in (weight[m].T.ravel(), bias[m])]
            np.concatenate(parts, out=row[:size])
        return flat


def joined(networks: Sequence[Network]) -> Network:
    """Return one ensemble of the members of all, which are for the same number of links."""
    return Network(
        tuple(np.concatenate(layer) for layer in zip(*(n.weight for n in networks), strict=True)),
        tuple(np.concatenate(layer) for layer in zip(*(n.bias for n in networks), strict=True)),
    )


def layer_sizes(links: int) -> tuple[int, ...]:
    """Return the widths from input to output: K*K, 200, 80, 80, K."""
    return (links * links, *HIDDEN, links)


def tensor_shapes(links: int, members: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors in the file."""
    sizes = layer_sizes(links)
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(len(sizes) - 1):
        shapes[f"layers.{i}.weight"] = (members, sizes[i + 1], sizes[i])
        shapes[f"layers.{i}.bias"] = (members, sizes[i + 1])
    return shapes


def load(path: Path) -> Network:
    """Read a network.

    Raises:
        InputError: what `sim.deadline.models.model_file.load` raises;
            a tensor missing, too many, or of another shape than the config says.
    """
    model = load_model(path, ARCHITECTURE)
    model.check(tensor_shapes(model.size("links", MOST_LINKS), model.size("members", MOST_MEMBERS)))
    return Network.from_tensors(model.tensors)
