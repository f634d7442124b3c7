"""How fading moves in time: complex processes of unit variance.

Three laws, each stationary from its first slot on: independent slots, a first-order
autoregression, and Clarke's scattering. What they share is the marginal, E|h|^2 = 1; what they
differ in is the autocorrelation r(n) = E[h_t conj(h_{t+n})].
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.channel import checks
from sim.channel.buffer import SlotBuffer
from sim.deadline.errors import InputError
from sim.problem import FloatArray

ComplexArray = NDArray[np.complex128]

SPEED_OF_LIGHT_M_S = 299_792_458.0
_RESTART_SLOTS = 256  # a multiple of every piece length


def doppler_hz(speed_m_s: float, carrier_hz: float) -> float:
    """Maximum Doppler shift, v f / c, in hertz, of a terminal that moves at ``speed_m_s``.

    Raises:
        InputError: the speed is negative or the carrier is not positive.
    """
    speed = checks.not_negative("speed_m_s", speed_m_s)
    return speed * checks.positive("carrier_hz", carrier_hz) / SPEED_OF_LIGHT_M_S


class FadingProcess(ABC):
    """A running sequence of slots of complex fading, E|h|^2 = 1, independent across entries."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._slots: SlotBuffer[np.complex128] = SlotBuffer(shape, np.complex128)

    def block(self, slots: int) -> ComplexArray:
        """Return the next ``slots`` slots, ``(slots, *shape)``; the cut does not change them."""
        return self._slots.take(slots, self._fill)

    @abstractmethod
    def _fill(self, piece: ComplexArray) -> None:
        """Write the next slots into ``piece``, ``(slots, *shape)``."""


class Evolution(ABC):
    """A law of fading in time.

    Attributes:
        memoryless: whether slots are independent of each other. Layouts then drop their terminals
            anew in every slot.
    """

    memoryless: ClassVar[bool] = False

    @abstractmethod
    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> FadingProcess:
        """Return a new process whose slots have ``shape``, drawn from ``rng``."""


@dataclass(frozen=True)
class Iid(Evolution):
    """Independent slots: h ~ CN(0, 1)."""

    memoryless: ClassVar[bool] = True

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> FadingProcess:
        """Return a new process whose slots have ``shape``, drawn from ``rng``."""
        return _IidProcess(shape, rng)


@dataclass(frozen=True)
class GaussMarkov(Evolution):
    """First-order autoregression, r(n) = rho^n.

    h[t+1] = rho h[t] + sqrt(1 - rho^2) w[t], with w ~ CN(0, 1).

    Args:
        correlation: rho, between one slot and the next, -1..1.

    Raises:
        InputError: the correlation is not within -1..1.
    """

    correlation: float

    def __post_init__(self) -> None:
        if not -1.0 <= self.correlation <= 1.0:
            raise InputError(f"correlation: {self.correlation!r}, want a number from -1 to 1")

    @classmethod
    def from_doppler(cls, doppler_hz: float, interval_s: float) -> Self:
        """Match Clarke's model from one slot to the next: rho = J0(2 pi f_d T).

        Args:
            doppler_hz: maximum Doppler shift f_d.
            interval_s: slot length T, in seconds.
        """
        from scipy.special import j0

        doppler = checks.not_negative("doppler_hz", doppler_hz)
        interval = checks.positive("interval_s", interval_s)
        return cls(float(j0(2.0 * math.pi * doppler * interval)))

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> FadingProcess:
        """Return a new process whose slots have ``shape``, drawn from ``rng``."""
        return _GaussMarkovProcess(shape, rng, float(self.correlation))


@dataclass(frozen=True)
class Jakes(Evolution):
    """Clarke's isotropic scattering as a sum of sinusoids: r(n) = J0(2 pi f_d T n), exactly.

    h[t] = M^(-1/2) sum_m exp(i (2 pi f_d T t cos(a_m) + b_m)), with one angle of arrival a_m
    uniform in each of M equal parts of 0..pi (by symmetry as good as the whole circle) and phases
    b_m uniform. The random angles make the ensemble autocorrelation exact for any M, unlike Jakes's
    fixed ones. Each realisation has unit power over time, and E|h|^4 = 2 - 1/M where Rayleigh
    fading has 2.

    Source: R. H. Clarke, Bell Syst. Tech. J. 47 (1968); random angles after Y. R. Zheng and
    C. Xiao, IEEE Trans. Commun. 51 (2003).

    Args:
        doppler_hz: maximum Doppler shift f_d.
        interval_s: slot length T, in seconds.
        oscillators: M, sinusoids for each entry.

    Raises:
        InputError: a negative Doppler shift, an interval that is not positive, no oscillators.
    """

    doppler_hz: float
    interval_s: float
    oscillators: int = 32

    def __post_init__(self) -> None:
        checks.not_negative("doppler_hz", self.doppler_hz)
        checks.positive("interval_s", self.interval_s)
        checks.count("oscillators", self.oscillators)

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> FadingProcess:
        """Return a new process whose slots have ``shape``, drawn from ``rng``."""
        turns = float(self.doppler_hz * self.interval_s)
        return _JakesProcess(shape, rng, turns, int(self.oscillators))


class _IidProcess(FadingProcess):
    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        super().__init__(shape)
        self._rng = rng

    def _fill(self, piece: ComplexArray) -> None:
        parts = piece.view(np.float64)
        self._rng.standard_normal(out=parts)
        parts *= math.sqrt(0.5)


class _GaussMarkovProcess(FadingProcess):
    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator, rho: float) -> None:
        super().__init__(shape)
        self._rng = rng
        self._rho = rho
        self._innovation = math.sqrt(0.5 * (1.0 - rho) * (1.0 + rho))
        # The slot before the first: stationary from the start.
        self._last: FloatArray = math.sqrt(0.5) * rng.standard_normal(2 * math.prod(shape))

    def _fill(self, piece: ComplexArray) -> None:
        parts = piece.view(np.float64).reshape(len(piece), -1)
        self._rng.standard_normal(out=parts)
        _autoregress(parts, self._last, self._rho, self._innovation)


class _JakesProcess(FadingProcess):
    def __init__(
        self, shape: tuple[int, ...], rng: np.random.Generator, turns: float, oscillators: int
    ) -> None:
        super().__init__(shape)
        size = (math.prod(shape), oscillators)
        angle = (np.arange(oscillators) + rng.random(size)) * (math.pi / oscillators)
        self._phase: FloatArray = rng.random(size)  # in turns
        self._shift: FloatArray = turns * np.cos(angle)  # turns a slot
        # What one slot turns an oscillator by, and where it stands: cosine, sine.
        self._step: FloatArray = _phasors(self._shift)
        self._state: FloatArray = np.empty_like(self._step)
        self._slot = 0

    def _fill(self, piece: ComplexArray) -> None:
        # The recurrence gathers rounding errors, so it starts afresh now and then: by the slot
        # count alone, from exact phases.
        if self._slot % _RESTART_SLOTS == 0:
            turns = self._phase + self._slot * self._shift
            self._state = _phasors(turns - np.floor(turns))
        _sum_sinusoids(self._state, self._step, piece.reshape(len(piece), -1))
        self._slot += len(piece)


def _phasors(turns: FloatArray) -> FloatArray:
    """Cosine and sine of angles given in turns: ``(entries, 2, oscillators)``."""
    angle = (2.0 * math.pi) * turns
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)


@njit(cache=True)
def _autoregress(parts: FloatArray, last: FloatArray, rho: float, innovation: float) -> None:
    """Turn white noise ``(slots, n)`` into the autoregression that follows ``last`` ``(n,)``."""
    slots, n = parts.shape
    for t in range(slots):
        for i in range(n):
            last[i] = rho * last[i] + innovation * parts[t, i]
            parts[t, i] = last[i]


@njit(cache=True, fastmath={"reassoc", "contract"})
def _sum_sinusoids(state: FloatArray, step: FloatArray, out: ComplexArray) -> None:
    """Write the sums of the oscillators and advance them, slot by slot."""
    slots, entries = out.shape
    oscillators = state.shape[2]
    scale = 1.0 / math.sqrt(oscillators)
    for e in range(entries):
        cosine, sine = state[e, 0], state[e, 1]
        step_cosine, step_sine = step[e, 0], step[e, 1]
        for t in range(slots):
            real = 0.0
            imag = 0.0
            for m in range(oscillators):
                c = cosine[m]
                s = sine[m]
                real += c
                imag += s
                cosine[m] = c * step_cosine[m] - s * step_sine[m]
                sine[m] = c * step_sine[m] + s * step_cosine[m]
            out[t, e] = complex(scale * real, scale * imag)
