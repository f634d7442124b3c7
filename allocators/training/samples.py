"""Samples: normalised instances of one K, their weights, and the shares WMMSE answers them with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from allocators.training.law import channel_model, law, start_channel
from sim.deadline.errors import InputError, check_range
from sim.deadline.models.model_file import Float32Array
from sim.problem import FloatArray, PowerControlProblem, sinr

if TYPE_CHECKING:
    from sim.deadline.solver import Solver
    from sim.problem import Allocation

_BLOCK = 1000  # channels drawn at a time: bounds memory, and is part of what a seed means
_MOST_LINKS = 2000  # no scenario has more
_LARGEST = 1e30  # normalised gains are cut here: sums of them stay finite in single precision


@dataclass(frozen=True, slots=True)
class Samples:
    """Instances with noise and caps of one.

    Attributes:
        gain: ``(N, K, K)``, ``gain_kj p_max_j / noise_k``.
        weight: ``(N, K)``, alpha_k.
        target: ``(N, K)``, WMMSE's shares of the caps; none if not asked for.
    """

    gain: Float32Array
    weight: Float32Array
    target: Float32Array | None = None

    def __len__(self) -> int:
        return len(self.gain)

    def labelled(self) -> Samples:
        """Return the same with WMMSE's answers as targets."""
        if self.target is not None:
            return self
        return Samples(self.gain, self.weight, label(self).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Setting:
    """What a sample is: caps are 1 W, the noise follows from the SNR.

    Attributes:
        links: K.
        channel: the law of the channels, as in a scenario: see `start_channel`.
        snr_db: p_max over noise, at unit gain.

    Raises:
        InputError: no links or too many, not a law to draw from, an SNR that is out of range.
    """

    links: int
    channel: str = "rayleigh"
    snr_db: float = 0.0

    def __post_init__(self) -> None:
        check_range("links", self.links, 1, _MOST_LINKS)
        self._model()
        if not math.isfinite(self.snr_db) or abs(self.snr_db) > 200.0:
            raise InputError(f"snr_db: {self.snr_db}, want a number between -200 and 200")

    @property
    def noise_w(self) -> float:
        """Noise power at every receiver, in watts."""
        return float(10.0 ** (-self.snr_db / 10.0))

    def draw(self, rng: np.random.Generator, samples: int) -> Float32Array:
        """Return independent power gains, ``(samples, K, K)``, in single precision."""
        channel = start_channel(self._model(), rng)
        gain = np.empty((samples, self.links, self.links), dtype=np.float32)
        for first in range(0, samples, _BLOCK):
            part = gain[first : first + _BLOCK]
            part[:] = channel.block(len(part))[:, 0]
        return gain

    def samples(self, rng: np.random.Generator, samples: int) -> Samples:
        """Return independent instances, of equal weights."""
        gain = self.draw(rng, samples)
        return Samples(normalised(gain, self.noise_w), np.ones(gain.shape[:2], np.float32))

    def problem(self, gain: Float32Array) -> PowerControlProblem:
        """Return gains as the subbands of one problem: one call then answers them all."""
        return PowerControlProblem(gain, self.noise_w, 1.0)

    def _model(self) -> object:
        return channel_model(law(self.channel), self.links)


def normalised(
    gain: FloatArray | Float32Array,
    noise_w: FloatArray | float,
    p_max_w: FloatArray | float = 1.0,
) -> Float32Array:
    """Return ``gain_kj p_max_j / noise_k`` in single precision, ``(..., K, K)``.

    Args:
        gain: ``(..., K, K)``.
        noise_w: one for all, or ``(..., K)``.
        p_max_w: likewise.
    """
    noise = np.atleast_1d(np.asarray(noise_w, dtype=np.float64))
    cap = np.atleast_1d(np.asarray(p_max_w, dtype=np.float64))
    scale = (1.0 / noise)[..., None] * cap[..., None, :]
    with np.errstate(over="ignore"):  # infinity is cut, too
        scaled: Float32Array = np.minimum(gain * scale, _LARGEST).astype(np.float32)
    return scaled


def label_gains(setting: Setting, gain: Float32Array) -> Float32Array:
    """Return WMMSE's powers, ``(samples, K)``, for gains as they are stored in a data set."""
    from allocators.wmmse import WMMSE

    solver = WMMSE()
    power = np.empty(gain.shape[:2], dtype=np.float32)
    for first in range(0, len(gain), _BLOCK):
        part = slice(first, first + _BLOCK)
        power[part] = solver.solve(setting.problem(gain[part])).power_w
    return power


def label(samples: Samples) -> FloatArray:
    """Return WMMSE's shares of the caps, ``(N, K)``, with its defaults (as in Sun et al. 2018)."""
    from allocators.wmmse import WMMSE

    return answers(WMMSE(), samples)


def answers(solver: Solver[PowerControlProblem, Allocation], samples: Samples) -> FloatArray:
    """Return a prepared allocator's shares of the caps, ``(N, K)``.

    Instances of the same weights are answered as subbands of one problem.
    """
    shares = np.empty(samples.weight.shape)
    for part, problem in _problems(samples):
        shares[part] = solver.solve(problem).power_w
    return shares


def weighted_sum_rates(samples: Samples, shares: FloatArray | Float32Array) -> FloatArray:
    """Return every instance's weighted sum rate, ``(N,)``, bit/s/Hz."""
    rates = np.empty(len(samples))
    for part, problem in _problems(samples):
        rates[part] = np.log2(1.0 + sinr(problem, shares[part])) @ problem.weight
    return rates


def _problems(samples: Samples) -> list[tuple[slice, PowerControlProblem]]:
    """Cut into problems; a problem has one weight vector."""
    same = bool(np.all(samples.weight == samples.weight[:1]))
    size = _BLOCK if same else 1
    parts = [slice(first, first + size) for first in range(0, len(samples), size)]
    links = samples.weight.shape[1]
    ones = np.ones((size, links))
    return [
        (
            part,
            PowerControlProblem.trusted(
                samples.gain[part].astype(np.float64),
                ones[: len(samples.gain[part])],
                ones[: len(samples.gain[part])],
                samples.weight[part.start].astype(np.float64),
            ),
        )
        for part in parts
    ]
