"""A network in training: its weights, and how a gradient moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.models.muon import Muon
from stylize.model_file import Model
from stylize.network import PER_STYLE, SIZES, Colours, initial, noise, stylised
from stylize.pictures import Picture

if TYPE_CHECKING:
    import torch

_BETAS = (0.9, 0.99)
_ADAM = ("exp_avg", "exp_avg_sq", "step")


class Learner:
    """A network that several styles share, or one alone.

    Convolutions are moved by Muon (K. Jordan et al., 2024): all directions of a matrix move equally
    fast, where Adam, which moves the rest, follows the few that dominate the gradient.

    Args:
        size: name of the size.
        styles: paintings by name, ``(3, H, W)``.
        seed: of the initial weights.
        start: a trained network of that size to begin with: its trunk, and for each style that it
            knows the style's own weights; for others their mean, but the colours.
        keep_convolutions: move each style's own weights alone.
    """

    def __init__(
        self,
        size: str,
        styles: Mapping[str, Picture],
        seed: int,
        start: Model | None = None,
        keep_convolutions: bool = False,
    ) -> None:
        import torch

        self.size = size
        self.styles = tuple(styles)
        self._made_of = SIZES[size]
        colours = [Colours.of(torch.from_numpy(picture)) for picture in styles.values()]
        weights = initial(self._made_of, colours, torch.Generator().manual_seed(seed))
        if start is not None:
            weights = _begun(weights, start, self.styles)
        self._shapes = {name: tuple(value.shape) for name, value in weights.items()}
        self._leaves: dict[str, torch.Tensor] = {}
        matrices: dict[str, torch.Tensor] = {}
        others: dict[str, torch.Tensor] = {}
        self._moved: dict[str, torch.Tensor] = {}
        for name, value in weights.items():
            convolution = value.ndim == 4
            leaf = (value.flatten(1) if convolution else value).clone()
            self._leaves[name] = leaf
            if keep_convolutions and not name.endswith(PER_STYLE):
                continue
            self._moved[name] = leaf.requires_grad_()
            (matrices if convolution else others)[name] = leaf
        self._matrices, self._others = list(matrices), list(others)
        self._muon = Muon(list(matrices.values()))
        self._adam = torch.optim.Adam(others.values(), betas=_BETAS)
        self._averaged = 0
        self._mean: dict[str, torch.Tensor] = {}

    def __call__(
        self, picture: torch.Tensor, style: int, top: int = 0, left: int = 0
    ) -> torch.Tensor:
        """Return a picture ``(1, 3, H, W)`` in a style, by the weights that are moved.

        Args:
            picture: as it is.
            style: which.
            top: where in the noise it lies; even.
            left: likewise.
        """
        return self._drawn(self._leaves, picture, style, top, left)

    def outcome(self, picture: torch.Tensor, style: int) -> torch.Tensor:
        """Return a picture ``(1, 3, H, W)`` in a style, by the weights that are left."""
        return self._drawn(self._left, picture, style)

    def forget(self) -> None:
        """Begin a step: no gradient yet."""
        for leaf in self._moved.values():
            leaf.grad = None

    def move(self, learning_rate: float, clip: float) -> float:
        """Move all weights down their gradient, shortened to ``clip``; return the norm it had."""
        import torch

        for leaf in self._moved.values():
            if leaf.grad is None:  # of a style that was not drawn yet
                leaf.grad = torch.zeros_like(leaf)
        norm = float(torch.nn.utils.clip_grad_norm_(self._moved.values(), clip))
        if not np.isfinite(norm):
            return norm
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()
        self._muon.step(learning_rate)
        return norm

    def average(self) -> None:
        """Take the weights as they are into a mean, which is what is left from then on."""
        self._averaged += 1
        for name, leaf in self._moved.items():
            mean = self._mean.setdefault(name, leaf.detach().clone())
            mean.lerp_(leaf.detach(), 1.0 / self._averaged)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights that are left: their mean if they were averaged, or as they are."""
        return {
            name: leaf.detach().view(self._shapes[name]).numpy().copy()
            for name, leaf in self._left.items()
        }

    @property
    def _left(self) -> Mapping[str, torch.Tensor]:
        return self._leaves | self._mean

    def _drawn(
        self,
        leaves: Mapping[str, torch.Tensor],
        picture: torch.Tensor,
        style: int,
        top: int = 0,
        left: int = 0,
    ) -> torch.Tensor:
        import torch

        drawn = torch.from_numpy(noise(picture.shape[2], picture.shape[3], top, left))[None]
        weights = {name: leaf.view(self._shapes[name]) for name, leaf in leaves.items()}
        return stylised(weights, self._made_of, picture, drawn, style)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that `restore` needs."""
        found = {f"weights/{name}": leaf.detach().numpy() for name, leaf in self._leaves.items()}
        for name, momentum in zip(self._matrices, self._muon.momentum, strict=True):
            found[f"momentum/{name}"] = momentum.numpy()
        for name, mean in self._mean.items():
            found[f"mean/{name}"] = mean.numpy()
        for place, memory in self._adam.state_dict()["state"].items():
            for part, value in memory.items():
                found[f"{part}/{self._others[place]}"] = value.numpy()
        return found

    def restore(self, arrays: Mapping[str, NDArray[Any]], averaged: int = 0) -> None:
        """Go back to what `arrays` returned.

        Args:
            arrays: that.
            averaged: how often `average` had been called.

        Raises:
            KeyError, ValueError: they are another network's.
        """
        import torch

        self._averaged = averaged
        self._mean = (
            {name: torch.from_numpy(arrays[f"mean/{name}"]).clone() for name in self._moved}
            if averaged
            else {}
        )
        for name, leaf in self._leaves.items():
            value = arrays[f"weights/{name}"]
            if value.shape != tuple(leaf.shape):
                raise ValueError(f"{name}: shape {value.shape}, want {tuple(leaf.shape)}")
            leaf.data.copy_(torch.from_numpy(value))
        for name, momentum in zip(self._matrices, self._muon.momentum, strict=True):
            momentum.copy_(torch.from_numpy(arrays[f"momentum/{name}"]))
        known = self._adam.state_dict()
        known["state"] = {
            place: {part: torch.from_numpy(arrays[f"{part}/{name}"]) for part in _ADAM}
            for place, name in enumerate(self._others)
            if f"step/{name}" in arrays
        }
        self._adam.load_state_dict(known)


def _begun(
    fresh: Mapping[str, torch.Tensor], start: Model, styles: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Return the weights to go on with from another network's."""
    import torch

    found: dict[str, torch.Tensor] = {}
    for name, value in fresh.items():
        before = torch.from_numpy(start.weights[name])
        if not name.endswith(PER_STYLE):
            found[name] = before
            continue
        new = value if name.startswith("colour") else before.mean(dim=0, keepdim=True)
        rows = [
            before[start.styles.index(style)]
            if style in start.styles
            else new[place if len(new) > 1 else 0]
            for place, style in enumerate(styles)
        ]
        found[name] = torch.stack(rows)
    return found
