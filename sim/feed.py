"""What the allocators are given: each controller's problems, slot by slot, the same for all."""

from __future__ import annotations

import numpy as np

from sim.channel import Channel
from sim.problem import FloatArray, PowerControlProblem

_BLOCK_BYTES = 4 << 20
_LARGEST_BLOCK = 128  # short enough for a progress bar that moves


class Problems:
    """A window of consecutive slots' problems.

    Args:
        first: the first slot of the window.
        gain: linear power gain, ``(slots, S, K, K)``.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        weight: ``(K,)``.
    """

    def __init__(
        self,
        first: int,
        gain: FloatArray,
        noise_w: FloatArray,
        p_max_w: FloatArray,
        weight: FloatArray,
    ) -> None:
        self.first = first
        self.gain = gain
        self._noise_w = noise_w
        self.p_max_w = p_max_w
        self._weight = weight

    def __len__(self) -> int:
        return len(self.gain)

    def at(self, slot: int) -> PowerControlProblem:
        """Return the problem of a slot of this window."""
        return PowerControlProblem.trusted(
            self.gain[slot - self.first], self._noise_w, self.p_max_w, self._weight
        )

    def copy(self, slots: int | None = None) -> Problems:
        """Return the window, or its first ``slots`` slots, in memory of its own."""
        return Problems(
            self.first,
            self.gain[:slots].copy(),
            self._noise_w.copy(),
            self.p_max_w.copy(),
            self._weight.copy(),
        )


class Feed:
    """One controller's problems, drawn window by window so that memory stays flat.

    Args:
        channel: its channel.
        noise_w: noise of each receiver in each subband, ``(S, K)``.
        p_max_w: power cap of each transmitter in each subband, ``(S, K)``.
        weight: ``(K,)``.
        slots: how many it will be asked for.
    """

    def __init__(
        self,
        channel: Channel,
        noise_w: FloatArray,
        p_max_w: FloatArray,
        weight: FloatArray,
        slots: int,
    ) -> None:
        self.channel = channel
        self.noise_w = noise_w
        self.p_max_w = p_max_w
        self.weight = weight
        self.slots = slots
        self._drawn = 0

    @property
    def limits(self) -> PowerControlProblem:
        """A problem of this size that carries the caps; no allocator is ever given it."""
        gain = np.empty((self.channel.subbands, self.channel.links, self.channel.links))
        return PowerControlProblem.trusted(gain, self.noise_w, self.p_max_w, self.weight)

    @property
    def window_slots(self) -> int:
        """How many slots a window of reasonable memory holds."""
        slot_bytes = 8 * self.channel.subbands * self.channel.links**2
        return int(np.clip(_BLOCK_BYTES // slot_bytes, 1, _LARGEST_BLOCK))

    def draw(self, until: int) -> Problems:
        """Return the window that starts where the last one ended and ends before ``until``."""
        first, until = self._drawn, max(min(until, self.slots), self._drawn)
        self._drawn = until
        if first == until:
            size = self.channel.subbands, self.channel.links, self.channel.links
            gain = np.empty((0, *size))
        else:
            gain = self.channel.block(until - first)
        return Problems(first, gain, self.noise_w, self.p_max_w, self.weight)
