"""What is done to a stylised picture: mixed with its content, or put into its colours."""

from __future__ import annotations

import numpy as np

from sim.deadline.errors import InputError
from stylize.pictures import Picture

#: Red, green and blue to luminance (ITU-R BT.601).
_LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)


def finished(
    content: Picture, styled: Picture, strength: float = 1.0, keep_color: bool = False
) -> Picture:
    """Return a stylised picture as it is wanted.

    Args:
        content: what was stylised, ``(3, H, W)``, from 0 to 1.
        styled: in the style, of the same size.
        strength: from 0, the content, to 1, the style.
        keep_color: take only the luminance from the style, and colours from the content (L. A.
            Gatys et al., "Preserving color in neural artistic style transfer", 2016).
    """
    if keep_color:
        grey = np.tensordot(_LUMINANCE, styled - content, axes=1)
        styled = np.clip(content + grey, 0.0, 1.0)
    if strength == 1.0:
        return styled
    return (content + np.float32(strength) * (styled - content)).astype(np.float32)


def check_strength(strength: float) -> None:
    """Raise InputError unless a strength is from 0 to 1."""
    if not 0.0 <= strength <= 1.0:
        raise InputError(f"--strength: {strength}, want from 0 (content) to 1 (style)")
