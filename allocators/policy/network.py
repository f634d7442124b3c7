"""Our own policies as plain arrays: their shapes, their files and what may be wrong with them.

Both kinds switch transmitters on and off, each subband by itself: an action is -1 or 1. Training
draws it, on with probability ``1 / (1 + exp(-level))``; an allocator switches on where the level is
above zero.

**central**: one network sees all gains of a subband as the environment shows them. With
``x_kj = log(1 + snr_kj) / 2``, snr_kj what receiver k gets of transmitter j at p_max, over noise:

    h_k = relu(first x_kk)
    m_k = sum over j != k of relu(receive h_k + send h_j + edge (x_kj, x_jk)) / 4
    h_k <- relu(update (h_k, m_k, x_kk))                           this and the line above, T times
    level_k = out h_k

All links share the weights, so that one network serves any K, and the numbering of links does not
matter; the layers are those of a message-passing network (Y. Shen, Y. Shi, J. Zhang, K. B. Letaief,
"Graph neural networks for scalable radio resource management", IEEE J. Sel. Areas Commun. 39(1),
2021). If no level is above zero, the highest one counts as if it were.

**local**: each transmitter has the same network, which sees what `sim.measurements` has for it: its
own values o, v_j of each interferer and u_j of each link that it disturbs:

    a_j = relu(interferer (v_j, o)),  b_j = relu(disturbed (u_j, o))
    a = (sum of a_j / 4, largest a_j, v_best),  b = (sum of b_j / 4, largest b_j, u_best)
    h = relu(third relu(second (o, a, b)))
    level = out h

Sums and largest values are over j, the latter unit by unit; v_best and u_best are of the neighbour
whose own gain is the largest, as it is he whom others had better not disturb. What comes in which
order does not matter, and neighbours that there are not, zeros, add nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline.errors import InputError, shown
from sim.deadline.models.model_file import Float32Array, ModelFile
from sim.deadline.models.model_file import load as load_model
from sim.measurements import DISTURBED, INTERFERER, OWN

ARCHITECTURE = "policy"

MOST = 1024  # of any size in a file


@dataclass(frozen=True, slots=True)
class CentralShape:
    """Sizes of a central policy.

    Attributes:
        hidden: width of h_k.
        messages: width of m_k.
        rounds: T.
    """

    hidden: int
    messages: int
    rounds: int

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the tensors in the file."""
        hidden, messages, rounds = self.hidden, self.messages, self.rounds
        return {
            "first.weight": (hidden, 1),
            "first.bias": (hidden,),
            "receive.weight": (rounds, messages, hidden),
            "receive.bias": (rounds, messages),
            "send.weight": (rounds, messages, hidden),
            "edge.weight": (rounds, messages, 2),
            "update.weight": (rounds, hidden, hidden + messages + 1),
            "update.bias": (rounds, hidden),
            "out.weight": (1, hidden),
            "out.bias": (1,),
        }


@dataclass(frozen=True, slots=True)
class LocalShape:
    """Sizes of a local policy.

    Attributes:
        hidden: width of its layers.
        neighbours: how many interferers, and how many links disturbed, it knows of.
    """

    hidden: int
    neighbours: int

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the tensors in the file."""
        hidden, own = self.hidden, len(OWN)
        pooled = 4 * hidden + len(INTERFERER) + len(DISTURBED)
        return {
            "interferer.weight": (hidden, len(INTERFERER) + own),
            "interferer.bias": (hidden,),
            "disturbed.weight": (hidden, len(DISTURBED) + own),
            "disturbed.bias": (hidden,),
            "second.weight": (hidden, own + pooled),
            "second.bias": (hidden,),
            "third.weight": (hidden, hidden),
            "third.bias": (hidden,),
            "out.weight": (1, hidden),
            "out.bias": (1,),
        }


Shape = CentralShape | LocalShape
KINDS: Mapping[str, type[CentralShape] | type[LocalShape]] = {
    "central": CentralShape,
    "local": LocalShape,
}


@dataclass(frozen=True, slots=True)
class Network:
    """A policy of ours.

    Attributes:
        shape: its sizes.
        tensors: its weights, by the names in `Shape.tensors`.
    """

    shape: Shape
    tensors: Mapping[str, Float32Array]

    def packed(self) -> Float32Array:
        """Return all weights, the matrices transposed, end to end in the order of their use."""
        shape, tensors = self.shape, self.tensors
        names = list(shape.tensors())
        if isinstance(shape, LocalShape):
            return np.concatenate([tensors[name].T.ravel() for name in names])
        parts = [tensors[name].T.ravel() for name in names[:2]]
        for t in range(shape.rounds):
            parts += [tensors[name][t].T.ravel() for name in names[2:-2]]
        return np.concatenate([*parts, *(tensors[name].T.ravel() for name in names[-2:])])


def config_of(shape: Shape) -> dict[str, Any]:
    """Return what the file says about a policy's shape."""
    kind = next(name for name, cls in KINDS.items() if isinstance(shape, cls))
    return {"kind": kind, **asdict(shape)}


def load(path: Path) -> Network:
    """Read a policy.

    Raises:
        InputError: what `sim.deadline.models.model_file.load` raises;
            an unknown kind; a tensor missing, too many, or of another shape than the
            config says.
    """
    model = load_model(path, ARCHITECTURE)
    shape = _shape(model)
    model.check(shape.tensors())
    return Network(shape, model.tensors)


def _shape(model: ModelFile) -> Shape:
    kind = model.config.get("kind")
    if kind == "central":
        sizes = (model.size(key, MOST) for key in ("hidden", "messages", "rounds"))
        return CentralShape(*sizes)
    if kind == "local":
        return LocalShape(model.size("hidden", MOST), model.size("neighbours", MOST))
    raise InputError(f"{model.path}: config: kind: {shown(kind)}, want one of {', '.join(KINDS)}")
