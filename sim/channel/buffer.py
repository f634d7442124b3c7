"""Any number of slots, served from pieces of one fixed length.

Random sequences are drawn piece by piece, and the length of a piece depends on nothing but the
shape of a slot. So how a caller cuts the sequence into blocks cannot change it, whatever the
drawing does inside: vector instructions, fused operations, rejection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.float64, np.complex128)

LONGEST_PIECE = 64
_PIECE_VALUES = 2**18  # 4 MB of complex numbers, unless one slot takes more


def piece_slots(values: int) -> int:
    """Return how many slots of ``values`` numbers make a piece: a power of two, at most 64."""
    slots = LONGEST_PIECE
    while slots > 1 and slots * values > _PIECE_VALUES:
        slots //= 2
    return slots


class SlotBuffer(Generic[Scalar]):
    """A sequence of slots of one shape.

    Args:
        shape: shape of one slot.
        dtype: type of its numbers.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[Scalar]) -> None:
        self._piece: NDArray[Scalar] = np.empty((piece_slots(math.prod(shape)), *shape), dtype)
        self._used = len(self._piece)

    def take(self, slots: int, fill: Callable[[NDArray[Scalar]], None]) -> NDArray[Scalar]:
        """Return the next ``slots`` slots, ``(slots, *shape)``: a new, C-contiguous array.

        Args:
            slots: how many.
            fill: writes the next piece into the array it is given, ``(piece, *shape)``; always the
                same array. Not kept: a method of whoever keeps the buffer would be a cycle, and
                megabytes of gains wait for the garbage collector.
        """
        out: NDArray[Scalar] = np.empty((slots, *self._piece.shape[1:]), self._piece.dtype)
        done = 0
        while done < slots:
            if self._used == len(self._piece):
                fill(self._piece)
                self._used = 0
            step = min(slots - done, len(self._piece) - self._used)
            out[done : done + step] = self._piece[self._used : self._used + step]
            done += step
            self._used += step
        return out
