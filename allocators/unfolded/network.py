"""The unfolded network: its equations, its arrays, its file.

An instance is taken as if noise and caps were one: a_kj = gain_kj p_max_j / noise_k, d_k = a_kk,
and answers are shares p_k of the caps. C candidates are worked on side by side; they differ in
biases alone. Every link of every candidate has a state of Z numbers, of which the first moves its
power and the next two are what it tells others. Before the first layer, with weights scaled to a
maximum of 1 and r_k = alpha_k log(1 + d_k), the rate's worth of link k alone on air, two
quantities say how links conflict:

    e_kj = 1 - log(1 + d_k / (1 + a_kj)) / log(1 + d_k)     share of its rate that k loses to j
    hurt_k = sum_j e_kj,    harm_k = sum_j e_jk r_j / r_k

and a small network of them (shared by all links, as are all others) gives the first state. A layer
then takes the quantities of a WMMSE iteration at the shares p (see `allocators.wmmse.solver`),

    interference_k = 1 + sum_{j != k} a_kj p_j,    sinr_k = d_k p_k / interference_k
    price_k = interference_k / (alpha_k d_k) sum_{j != k} a_jk alpha_j sinr_j
              / (interference_j (1 + sinr_j))
    proposal_k = p_k / (sinr_k / (1 + sinr_k) + price_k)^2          WMMSE's own next share

and messages, sum_j e_kj z_j1 and sum_j e_jk r_j z_j2 / r_k, and a small network of their logarithms
and the state gives the next state z. The next share is

    p_k = sigmoid(min(2, log(proposal_k + 1/64)) + 4 z_k0),

so that a layer that has learned nothing is a softened WMMSE iteration. At the end come ``polish``
true WMMSE iterations on every candidate, and the candidate of the highest weighted sum rate is the
answer, unless full power for all or one link alone is better still.

Weights are shared by links, so one network serves any K, and the answer does not depend on how
links are numbered. The idea of unfolding WMMSE: A. Chowdhury, G. Verma, C. Rao, A. Swami, S.
Segarra, "Unfolding WMMSE using graph neural networks for efficient power allocation", IEEE Trans.
Wireless Commun. 20(9), 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from allocators.unfolded.instance import FEATURES, STATIC_FEATURES
from allocators.unfolded.lanes import OUTPUTS, pack_dense
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import Float32Array
from sim.deadline.models.model_file import load as load_model

ARCHITECTURE = "unfolded"

CANDIDATES = (4, 8, 16)
"""How many candidates there may be: they share registers evenly."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an unfolded network.

    Attributes:
        candidates: C, one of `CANDIDATES`.
        layers: T, after the first.
        hidden: hidden units of a layer, a multiple of 4.
        state: Z, at least 3, a multiple of 4.
        polish: WMMSE iterations at the end.

    Raises:
        InputError: a size that cannot be.
    """

    candidates: int
    layers: int
    hidden: int
    state: int
    polish: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
                raise InputError(f"{name}: {value!r}, want a whole number, 0 to 1000")
        if self.candidates not in CANDIDATES:
            raise InputError(f"candidates: {self.candidates}, want one of {CANDIDATES}")
        for name in ("hidden", "state"):
            value = getattr(self, name)
            if value < OUTPUTS or value % OUTPUTS:
                raise InputError(f"{name}: {value}, want a multiple of {OUTPUTS}")

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the network's arrays."""
        hidden, layers, state = self.hidden, self.layers, self.state
        inputs = FEATURES + state
        return {
            "first.inner.weight": (hidden, STATIC_FEATURES),
            "first.inner.bias": (self.candidates, hidden),
            "first.outer.weight": (state, hidden),
            "first.outer.bias": (state,),
            "layers.inner.weight": (layers, hidden, inputs),
            "layers.inner.bias": (layers, self.candidates, hidden),
            "layers.outer.weight": (layers, state, hidden),
            "layers.outer.bias": (layers, state),
        }


@dataclass(frozen=True, slots=True)
class Network:
    """An unfolded network as plain arrays.

    Attributes:
        shape: its sizes.
        arrays: float32, by the names and of the shapes that `Shape.tensors` lists.
    """

    shape: Shape
    arrays: Mapping[str, Float32Array]

    def packed(self) -> Float32Array:
        """Return all weights in the order that compiled code reads them in."""
        arrays = self.arrays
        parts = [
            pack_dense(arrays["first.inner.weight"], arrays["first.inner.bias"].T),
            pack_dense(arrays["first.outer.weight"], arrays["first.outer.bias"]),
        ]
        for t in range(self.shape.layers):
            inner, outer = arrays["layers.inner.weight"][t], arrays["layers.outer.weight"][t]
            parts.append(pack_dense(inner, arrays["layers.inner.bias"][t].T))
            parts.append(pack_dense(outer, arrays["layers.outer.bias"][t]))
        return np.concatenate(parts)


def load(path: Path) -> Network:
    """Read a network.

    Raises:
        InputError: what `sim.deadline.models.model_file.load` raises;
            sizes that cannot be; a tensor missing, too many, or of another shape than
            the config says.
    """
    model = load_model(path, ARCHITECTURE)
    names = [field.name for field in fields(Shape)]
    if set(model.config) != set(names):
        raise InputError(f"{path}: config: {sorted(model.config)}, want {', '.join(names)}")
    try:
        shape = Shape(**model.config)
    except InputError as error:
        raise InputError(f"{path}: config: {error}") from None
    model.check(shape.tensors())
    return Network(shape, model.tensors)
