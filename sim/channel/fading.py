"""Rayleigh and Rician fading: power gains of mean 1, alike for every pair of terminals."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from sim.channel import checks
from sim.channel.base import Channel
from sim.channel.evolution import ComplexArray, Evolution
from sim.problem import FloatArray


class Fading:
    """Small-scale power gains of mean 1, independent across entries.

    h = sqrt(k / (k + 1)) + sqrt(1 / (k + 1)) g, where g is the scattered part, E|g|^2 = 1. The
    line-of-sight part has phase 0: g is circularly symmetric and independent across entries, as a
    process and not only slot by slot, so a random phase, drawn once or in every slot of a
    memoryless process, leaves the law of the gains |h|^2 as it is. Under a correlated evolution
    the line of sight does not rotate against the carrier: the terminals move across it.

    Args:
        shape: shape of one slot.
        k_factor: power of the line of sight over that of the scattered part, linear; 0 is Rayleigh.
        evolution: how the scattered part moves.
        rng: where it is drawn from.

    Raises:
        InputError: the K factor is negative or not finite.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        k_factor: float,
        evolution: Evolution,
        rng: np.random.Generator,
    ) -> None:
        k = checks.not_negative("k_factor", k_factor)
        self._line_of_sight = math.sqrt(k / (k + 1.0))
        self._scattered = math.sqrt(1.0 / (k + 1.0))
        self._process = evolution.start(shape, rng)

    def block(self, slots: int) -> FloatArray:
        """Return the power gains |h|^2 of the next ``slots`` slots, ``(slots, *shape)``."""
        return power_gain(self._process.block(slots), self._scattered, self._line_of_sight)


class RicianChannel(Channel):
    """K links that all hear each other equally well, with a line of sight: E[gain] = 1.

    Args:
        links: K.
        subbands: S; they fade independently.
        k_factor: power of the line of sight over that of the scattered part, linear.
        evolution: how the scattered part moves; see `Fading` for the line of sight.
        rng: where it is drawn from.

    Raises:
        InputError: no links, no subbands, or a K factor that is negative or not finite.
    """

    def __init__(
        self,
        links: int,
        subbands: int,
        k_factor: float,
        evolution: Evolution,
        rng: np.random.Generator,
    ) -> None:
        self.links = checks.count("links", links)
        self.subbands = checks.count("subbands", subbands)
        shape = (self.subbands, self.links, self.links)
        self._fading = Fading(shape, k_factor, evolution, rng)

    def block(self, slots: int) -> FloatArray:
        """Return the power gains of the next ``slots`` slots, ``(slots, S, K, K)``."""
        return self._fading.block(slots)


class RayleighChannel(RicianChannel):
    """K links that all hear each other equally well, without a line of sight: gain ~ Exp(1).

    Args:
        links: K.
        subbands: S; they fade independently.
        evolution: how the fading moves.
        rng: where it is drawn from.

    Raises:
        InputError: no links or no subbands.
    """

    def __init__(
        self, links: int, subbands: int, evolution: Evolution, rng: np.random.Generator
    ) -> None:
        super().__init__(links, subbands, 0.0, evolution, rng)


def power_gain(h: ComplexArray, scale: float = 1.0, offset: float = 0.0) -> FloatArray:
    """Return |offset + scale h|^2, in the shape of ``h``, which must be C-contiguous."""
    out = np.empty(h.shape)
    _power(h.reshape(-1), scale, offset, out.reshape(-1))
    return out


@njit(cache=True)  # no fastmath: every element the same, wherever it stands in the block
def _power(h: ComplexArray, scale: float, offset: float, out: FloatArray) -> None:
    for i in range(h.size):
        real = offset + scale * h[i].real
        imag = scale * h[i].imag
        out[i] = real * real + imag * imag
