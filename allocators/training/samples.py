"""Labelled samples: channels drawn from a named law, and the powers WMMSE answers them with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocators.dnn.network import Float32Array
from allocators.training.law import start_channel
from sim.deadline.errors import InputError
from sim.problem import FloatArray, PowerControlProblem, sinr

_BLOCK = 1000  # channels drawn at a time: bounds memory, and is part of what a seed means


@dataclass(frozen=True, slots=True)
class Setting:
    """What a sample is: caps are 1 W, the noise follows from the SNR.

    Attributes:
        links: K.
        channel: the law of the channels, as in a scenario: see `start_channel`.
        snr_db: p_max over noise, at unit gain.

    Raises:
        InputError: no links, not a law to draw from, an SNR that is out of range.
    """

    links: int
    channel: str = "rayleigh"
    snr_db: float = 0.0

    def __post_init__(self) -> None:
        check_at_least("links", self.links, 1)
        start_channel(self.channel, self.links, np.random.default_rng(0))
        if not math.isfinite(self.snr_db) or abs(self.snr_db) > 200.0:
            raise InputError(f"snr_db: {self.snr_db}, want a number between -200 and 200")

    @property
    def noise_w(self) -> float:
        """Noise power at every receiver, in watts."""
        return float(10.0 ** (-self.snr_db / 10.0))

    def draw(self, rng: np.random.Generator, samples: int) -> Float32Array:
        """Return independent power gains, ``(samples, K, K)``, in single precision."""
        channel = start_channel(self.channel, self.links, rng)
        gain = np.empty((samples, self.links, self.links), dtype=np.float32)
        for first in range(0, samples, _BLOCK):
            part = gain[first : first + _BLOCK]
            part[:] = channel.block(len(part))[:, 0]
        return gain

    def problem(self, gain: Float32Array) -> PowerControlProblem:
        """Return the samples as the subbands of one problem: one call then answers them all."""
        return PowerControlProblem(gain, self.noise_w, 1.0)

    def magnitudes(self, gain: Float32Array) -> Float32Array:
        """Return the network's inputs, |h| sqrt(p_max / noise), ``(samples, K*K)``."""
        x: Float32Array = np.sqrt(gain * np.float32(1.0 / self.noise_w))
        return x.reshape(len(gain), -1)


def link_order(gain: Float32Array) -> NDArray[np.intp]:
    """Return each sample's links in order of falling direct gain, ``(samples, K)``.

    It is the order the network takes them in: noise and caps are equal here.
    """
    return np.argsort(-np.diagonal(gain, axis1=1, axis2=2), axis=1, kind="stable")


def reorder(gain: Float32Array, order: NDArray[np.intp]) -> Float32Array:
    """Return the gains, ``(samples, K, K)``, with each sample's links in the given order."""
    rows = np.take_along_axis(gain, order[:, :, None], axis=1)
    return np.take_along_axis(rows, order[:, None, :], axis=2)


def label(setting: Setting, gain: Float32Array) -> Float32Array:
    """Return WMMSE's powers, ``(samples, K)``: at most 100 iterations, tolerance 1e-3 (Sun 2018).

    They answer the gains as they are stored, in single precision.
    """
    from allocators.wmmse import WMMSE

    solver = WMMSE(backend="compiled", max_iterations=100, tolerance=1e-3)
    power = np.empty(gain.shape[:2], dtype=np.float32)
    for first in range(0, len(gain), _BLOCK):
        part = slice(first, first + _BLOCK)
        power[part] = solver.solve(setting.problem(gain[part])).power_w
    return power


def sum_rates(problem: PowerControlProblem, power_w: FloatArray | Float32Array) -> FloatArray:
    """Return the sum rate of every subband on its own, ``(S,)``, bit/s/Hz."""
    rates: FloatArray = np.log2(1.0 + sinr(problem, power_w)).sum(axis=1)
    return rates


def check_at_least(name: str, value: int, least: int) -> None:
    """Raise InputError if ``value`` is below ``least``."""
    if value < least:
        raise InputError(f"{name}: {value}, want at least {least}")
