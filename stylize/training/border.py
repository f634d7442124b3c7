"""How much a network paints the border of a picture otherwise than what is within one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_STRIP = 8  # pixels
_MIDDLE = 0.25  # of a side, on either hand of what counts as the middle


def banding(alone: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
    """Return the mean square, over sides and colours, of what is seen as a band along a border.

    That is the mean colour of the strip along a side, painted as a border, less what it is within a
    larger picture. The middle differs, too, for a part has another mean and variance than the
    whole: its difference does not count.

    Args:
        alone: a part of a picture, painted by itself, ``(1, 3, H, W)``.
        within: the same part of the whole painted, at the same place in the noise.
    """
    import torch

    apart = alone - within
    height, width = (round(_MIDDLE * side) for side in apart.shape[2:])
    middle = apart[:, :, height:-height, width:-width].mean(dim=(2, 3))
    sides = (
        apart[:, :, :_STRIP],
        apart[:, :, -_STRIP:],
        apart[:, :, :, :_STRIP],
        apart[:, :, :, -_STRIP:],
    )
    return torch.stack([side.mean(dim=(2, 3)) - middle for side in sides]).square().mean()
