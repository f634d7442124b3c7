"""The feed-forward network: a picture in, its stylised version out, in one pass.

After J. Johnson, A. Alahi, L. Fei-Fei (ECCV 2016): down, residual blocks, up, with instance
normalisation (D. Ulyanov, A. Vedaldi, V. Lempitsky, CVPR 2017). One trunk may serve several styles:
only the normalisations' scales and shifts are a style's own (V. Dumoulin, J. Shlens, M. Kudlur,
ICLR 2017).

    f = unshuffle 2 x 2, and noise -> convolution          half the picture's resolution
    d = stride 2 -> residual blocks                        a quarter
    x = stride 2 -> residual blocks                        an eighth
    x = resize 2 -> convolution, and d -> resize 2 -> convolution, and f -> convolution
    y = sigmoid(A n(c) + b + shuffle 2 x 2 x)

n(c) is the content with mean 0 and deviation 1 in each colour; A and b begin as what turns that
into the style's colours: training begins with a picture in the right colours, not with noise.
Of a flat sky convolutions make one small pattern all over. What is drawn from is therefore also
noise, as in D. Ulyanov et al., "Texture networks" (ICML 2016): always the same, so that a picture
looks the same again, and the frames of a video alike.

Resizing by repetition, and a last convolution that begins at zero, leave no checkerboard; mirrored
borders leave none of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class Size(NamedTuple):
    """What a network is made of.

    Attributes:
        half: channels at half the picture's resolution.
        quarter: channels at a quarter of it.
        eighth: channels at an eighth of it.
        middle: residual blocks at a quarter.
        deep: residual blocks at an eighth.
        kernel: side of the first and the last convolution.
    """

    half: int
    quarter: int
    eighth: int
    middle: int
    deep: int
    kernel: int


SIZES: Mapping[str, Size] = {"s": Size(24, 40, 64, 1, 3, 3), "m": Size(32, 64, 96, 4, 2, 3)}

#: Pictures are worked on in multiples of this.
MULTIPLE = 8

#: How the names of those weights end of which each style has its own, along the first axis.
PER_STYLE = (".scale", ".shift")

#: Channels of noise, at half the picture's resolution.
NOISE = 4

_PERIOD = 509  # of the noise, in pixels of half the resolution; a prime

_PACKED = 12  # channels of a picture whose 2 x 2 pixels lie one behind the other

#: Added to the variances of what is normalised, and to those of the picture: a flat one stays flat.
EPSILON, FLAT = 1e-5, 1e-3


@dataclass(frozen=True, slots=True)
class Colours:
    """The mean colour of a style, and how its colours vary.

    Attributes:
        mean: red, green, blue, ``(3,)``.
        root: ``(3, 3)``, the symmetric square root of their covariance.
    """

    mean: torch.Tensor
    root: torch.Tensor

    @classmethod
    def of(cls, picture: torch.Tensor) -> Colours:
        """Return those of a picture ``(3, H, W)``."""
        import torch

        flat = picture.flatten(1)
        values, vectors = torch.linalg.eigh(torch.cov(flat))
        root = vectors @ torch.diag(values.clamp(min=0.0).sqrt()) @ vectors.T
        return cls(flat.mean(dim=1), root)


def noise(height: int, width: int, top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """Return the noise of a part of a picture, ``(NOISE, height / 2, width / 2)``, variance 1.

    It repeats itself, far apart, so that no picture is too large for it.

    Args:
        height: of the part, in pixels of the picture; even, as all of these.
        width: of the part.
        top: where the part begins.
        left: where the part begins.
    """
    field = _field()
    rows, columns = (
        np.arange(begin // 2, (begin + length) // 2) % _PERIOD
        for begin, length in ((top, height), (left, width))
    )
    return np.ascontiguousarray(field[:, rows[:, None], columns])


@cache
def _field() -> NDArray[np.float32]:
    """Return all of the noise: the same wherever and whenever, and so from raw bits."""
    bits = np.random.Philox(key=0).random_raw(NOISE * _PERIOD**2) >> np.uint64(40)
    uniform = bits.astype(np.float32) / np.float32(1 << 24)
    return (np.float32(math.sqrt(12.0)) * (uniform - np.float32(0.5))).reshape(
        NOISE, _PERIOD, _PERIOD
    )


def convolutions(size: Size) -> dict[str, tuple[int, int, int, int]]:
    """Return the convolutions that are normalised, in order: inputs, outputs, side, stride."""
    half, quarter, eighth, middle, deep, kernel = size
    return {
        "first": (_PACKED + NOISE, half, kernel, 1),
        "down1": (half, quarter, 3, 2),
        **{f"middle{i}.{j}": (quarter, quarter, 3, 1) for i in range(middle) for j in "ab"},
        "down2": (quarter, eighth, 3, 2),
        **{f"deep{i}.{j}": (eighth, eighth, 3, 1) for i in range(deep) for j in "ab"},
        "up2": (eighth, quarter, 3, 1),
        "up1": (quarter, half, 3, 1),
    }


def shapes(size: Size, styles: int = 1) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's weights.

    Args:
        size: what it is made of.
        styles: how many share the convolutions.
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs, side, _) in convolutions(size).items():
        found[f"{name}.weight"] = (outputs, inputs, side, side)
        found[f"{name}.scale"] = found[f"{name}.shift"] = (styles, outputs)
    found["last.weight"] = (_PACKED, size.half, size.kernel, size.kernel)
    found["last.bias"] = (_PACKED,)
    found["colour.scale"] = (styles, 3, 3)
    found["colour.shift"] = (styles, 3)
    return found


def initial(
    size: Size, colours: Sequence[Colours], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Return the weights to begin with.

    Args:
        size: what the network is made of.
        colours: of each style.
        generator: where convolutions are drawn from, with variance 1 / inputs.
    """
    import torch

    weights: dict[str, torch.Tensor] = {}
    for name, shape in shapes(size, len(colours)).items():
        if name.startswith("last") or name.endswith("shift"):
            weights[name] = torch.zeros(shape)
        elif name.endswith("scale"):
            weights[name] = torch.ones(shape)
        else:
            spread = 1.0 / math.sqrt(math.prod(shape[1:]))
            weights[name] = spread * torch.randn(shape, generator=generator)
    mean = torch.stack([one.mean for one in colours]).clamp(0.02, 0.98)
    slope = (mean * (1.0 - mean))[:, :, None]  # of the sigmoid there
    weights["colour.shift"] = torch.logit(mean)
    weights["colour.scale"] = torch.stack([one.root for one in colours]) / slope
    return weights


def stylised(
    weights: Mapping[str, torch.Tensor],
    size: Size,
    pictures: torch.Tensor,
    noise: torch.Tensor,
    style: int = 0,
) -> torch.Tensor:
    """Return pictures in a style.

    Args:
        weights: by the names of `shapes`.
        size: what the network is made of.
        pictures: ``(N, 3, H, W)``, red, green, blue from 0 to 1; H and W multiples of `MULTIPLE`,
            at least 16.
        noise: ``(N, NOISE, H / 2, W / 2)``; see `noise`.
        style: which.
    """
    import torch
    from torch.nn.functional import (
        batch_norm,
        conv2d,
        interpolate,
        pad,
        pixel_shuffle,
        pixel_unshuffle,
    )

    strides = {name: stride for name, (_, _, _, stride) in convolutions(size).items()}

    def convolved(x: torch.Tensor, name: str) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        side = weight.shape[2] // 2
        bias = weights.get(f"{name}.bias")
        x = pad(x, (side, side, side, side), mode="reflect")
        return conv2d(x, weight, bias, stride=strides.get(name, 1))

    def layer(x: torch.Tensor, name: str) -> torch.Tensor:
        x = convolved(x, name)
        scale, shift = (weights[f"{name}.{part}"][style] for part in ("scale", "shift"))
        # A batch of one: three times as quick as torch's instance_norm where channels are last.
        normal = partial(
            batch_norm, running_mean=None, running_var=None, weight=scale, bias=shift,
            training=True, eps=EPSILON,
        )  # fmt: skip
        return normal(x) if len(x) == 1 else torch.cat([normal(one[None]) for one in x])

    variance, mean = torch.var_mean(pictures, dim=(2, 3), keepdim=True, correction=0)
    plain = (pictures - mean) * (variance + FLAT).rsqrt()
    # Channels last: convolutions are quicker so.
    packed = torch.cat([pixel_unshuffle(plain, 2), noise], dim=1)
    first = layer(packed.contiguous(memory_format=torch.channels_last), "first").relu()
    middle = layer(first, "down1").relu()
    for i in range(size.middle):
        middle = middle + layer(layer(middle, f"middle{i}.a").relu(), f"middle{i}.b")
    x = layer(middle, "down2").relu()
    for i in range(size.deep):
        x = x + layer(layer(x, f"deep{i}.a").relu(), f"deep{i}.b")
    x = (middle + layer(interpolate(x, scale_factor=2.0, mode="nearest"), "up2")).relu()
    x = (first + layer(interpolate(x, scale_factor=2.0, mode="nearest"), "up1")).relu()
    drawn = pixel_shuffle(convolved(x, "last"), 2)
    coloured = torch.einsum("ij,njhw->nihw", weights["colour.scale"][style], plain)
    return torch.sigmoid(coloured + weights["colour.shift"][style][:, None, None] + drawn)
