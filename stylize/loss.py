"""The loss: one object trains the fast network, drives the slow solver, and scores both.

L. A. Gatys, A. S. Ecker, M. Bethge, "Image style transfer using convolutional neural networks",
CVPR 2016; J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual losses for real-time style transfer and
super-resolution", ECCV 2016. With F_l a picture's activations at tap l, C channels of H x W, and
G_l = F_l F_l^T / (H W):

    content = mean (F_3(y) - F_3(c))^2 / mean F_3(s)^2,  at relu3_3
    style = sum over taps l of  mean (G_l(y) - G_l(s))^2 / mean G_l(s)^2
    variation = sum of squared differences of neighbouring pixels, on 0..255, / (H W)
    total = content_weight content + style_weight style + variation_weight variation

All is taken relative to the style's own activations: unweighted, relu2_2 would be a hundred
thousand times as heavy as relu4_3, and another network's scale would move the balance.

Convolutions see the border once more around it, where VGG-16 was trained with zeros: of these it
makes an edge, so that a crop of 128 pixels of a painting has Gram matrices at relu4_3 that are 1.7
times the painting's. With mirrored borders they are the same but for a few hundredths: a loss
means the same for pictures of any size, and nobody has to paint a border away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from stylize.pictures import Picture
from stylize.vgg import TAPS, VGG16

if TYPE_CHECKING:
    import torch

CONTENT_TAP = "relu3_3"

#: See `stylize.vgg.VGG16`.
PADDING = "replicate"


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What counts how much.

    Attributes:
        content: of the content.
        style: of the style.
        variation: of the total variation.

    Raises:
        InputError: one is negative or not finite, or that of the style is zero.
    """

    content: float = 0.7
    style: float = 1.0
    variation: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("content", "style", "variation"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf or (name == "style" and value == 0.0):
                raise InputError(f"{name}: {value}, want a positive number")


class Terms(NamedTuple):
    """The weighted parts of a loss, and their sum, ``(N,)`` each: of every picture its own."""

    content: torch.Tensor
    style: torch.Tensor
    variation: torch.Tensor
    total: torch.Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """All that the loss knows of a style.

    Attributes:
        grams: Gram matrices ``(C, C)`` by tap, each over its own root mean square.
        sizes: those root mean squares.
        content_size: mean square of the style's own activations where content is compared.
    """

    grams: Mapping[str, NDArray[np.float32]]
    sizes: Mapping[str, float]
    content_size: float

    @classmethod
    def of(cls, vgg: VGG16, style: Picture) -> Target:
        """Return what there is to know of a painting ``(3, H, W)``, from 0 to 1."""
        import torch

        with torch.no_grad():
            seen = vgg(torch.from_numpy(style)[None], padding=PADDING)
            grams = {tap: gram(seen[tap])[0] for tap in TAPS}
            sizes = {tap: float(value.square().mean().sqrt()) for tap, value in grams.items()}
            content_size = float(_exact(seen[CONTENT_TAP]).square().mean())
        return cls(
            {tap: (value / sizes[tap]).numpy() for tap, value in grams.items()},
            sizes,
            content_size,
        )


class StyleLoss:
    """How far pictures are from a content in a style.

    Args:
        vgg: what looks at them.
        target: the style, as the same network saw it.
        weights: of the parts.
    """

    def __init__(self, vgg: VGG16, target: Target, weights: LossWeights | None = None) -> None:
        import torch

        self.vgg = vgg
        self.weights = LossWeights() if weights is None else weights
        self._grams = {tap: torch.from_numpy(target.grams[tap]) for tap in TAPS}
        self._sizes = target.sizes
        self._content_size = target.content_size

    def content_of(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what of pictures ``(N, 3, H, W)`` is to be kept."""
        import torch

        with torch.no_grad():
            return self.vgg(pictures, CONTENT_TAP, PADDING)[CONTENT_TAP]

    def __call__(self, pictures: torch.Tensor, content: torch.Tensor) -> Terms:
        """Return the loss of pictures ``(N, 3, H, W)``, from 0 to 1.

        Args:
            pictures: they may ask for gradients.
            content: from `content_of`, of pictures of the same size.
        """
        known = self.weights
        seen = self.vgg(pictures, padding=PADDING)
        apart = _exact(seen[CONTENT_TAP]) - _exact(content)
        kept = known.content * apart.square().mean(dim=(1, 2, 3)) / self._content_size
        taps = [
            (gram(seen[tap]) / self._sizes[tap] - self._grams[tap]).square().mean(dim=(1, 2))
            for tap in TAPS
        ]
        styled = known.style * sum(taps[1:], taps[0])
        rough = known.variation * variation(pictures)
        return Terms(kept, styled, rough, kept + styled + rough)

    def score(self, picture: Picture, content: Picture) -> float:
        """Return the total loss of one picture ``(3, H, W)``, of a content of the same size."""
        import torch

        with torch.no_grad():
            kept = self.content_of(torch.from_numpy(content)[None])
            return float(self(torch.from_numpy(picture)[None], kept).total)


def gram(activations: torch.Tensor) -> torch.Tensor:
    """Return the Gram matrices ``(N, C, C)`` of activations ``(N, C, H, W)``, over H W."""
    # Channels lie together in memory: to turn them would take longer than the product.
    flat = _exact(activations).permute(0, 2, 3, 1).flatten(1, 2)
    return _squared().apply(flat) / flat.shape[1]  # type: ignore[no-any-return]


@cache
def _squared() -> Any:
    """Return X^T X as an autograd function, whose gradient is one product in place of two."""
    import torch

    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x.mT @ x

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            (x,) = ctx.saved_tensors
            return x @ (gradient + gradient.mT)  # type: ignore[no-any-return]

    return Squared


def variation(pictures: torch.Tensor) -> torch.Tensor:
    """Return the squared differences of neighbouring pixels, on 0..255, of a pixel, ``(N,)``."""
    scaled = 255.0 * pictures
    down = (scaled[:, :, 1:] - scaled[:, :, :-1]).square().sum(dim=(1, 2, 3))
    across = (scaled[:, :, :, 1:] - scaled[:, :, :, :-1]).square().sum(dim=(1, 2, 3))
    return (down + across) / (pictures.shape[2] * pictures.shape[3])


def _exact(x: torch.Tensor) -> torch.Tensor:
    """Return what was computed in half precision in single precision: sums need it."""
    return x.float() if x.element_size() < 4 else x
