"""What each transmitter measures by itself in a slot, or is told by its neighbours a slot later.

After Y. S. Nasir and D. Guo, "Multi-agent deep reinforcement learning for dynamic power allocation
in wireless networks", IEEE J. Sel. Areas Commun. 37(10), 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from sim.problem import FloatArray, PowerControlProblem

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Powers over noise are in units of 10 dB, cut at +- 100 dB.
LARGEST_GAIN = 10.0
#: Rates are in units of 10 bit/s/Hz, cut at 40 bit/s/Hz.
LARGEST_RATE = 4.0

#: What is known on each subband: of the own link, of each interferer, of each link disturbed.
OWN = ("power", "gain", "gain_before", "interference", "interference_before", "rate_before")
INTERFERER = ("gain", "received", "own_gain_before", "rate_before")
DISTURBED = ("gain_before", "interference_before", "own_gain_before", "rate_before")

_RATE_UNIT = 10.0  # bit/s/Hz
_BEL = 1.0 / math.log(10.0)
_MAGNITUDE = (1 << 63) - 1  # of the bits of a double, all but its sign
# What is cut is cut before its logarithm, a little inside: rounding shall not leave the bounds.
_LEAST, _MOST = 10.0**-LARGEST_GAIN * (1.0 + 1e-4), 10.0**LARGEST_GAIN * (1.0 - 1e-4)


@dataclass(frozen=True)
class LocalLayout:
    """Which values stand where in an agent's observation.

    One subband after the other: `OWN`, then `INTERFERER` for each of the strongest interferers,
    the strongest first, then `DISTURBED` for each of the links disturbed most, likewise.

    Attributes:
        subbands: S.
        neighbours: how many interferers, and how many links disturbed, c.
    """

    subbands: int
    neighbours: int

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each value."""
        of_a_subband = [
            *(f"own/{name}" for name in OWN),
            *(f"interferer{j}/{name}" for j in range(self.neighbours) for name in INTERFERER),
            *(f"disturbed{j}/{name}" for j in range(self.neighbours) for name in DISTURBED),
        ]
        return tuple(f"subband{s}/{name}" for s in range(self.subbands) for name in of_a_subband)

    @property
    def length(self) -> int:
        """Number of values, S (6 + 8 c)."""
        each = len(OWN) + self.neighbours * (len(INTERFERER) + len(DISTURBED))
        return self.subbands * each

    @property
    def bounds(self) -> tuple[Float32Array, Float32Array]:
        """The least and the largest values."""
        known = {
            "power": (0.0, 1.0),
            "interference": (0.0, LARGEST_GAIN),
            "interference_before": (0.0, LARGEST_GAIN),
            "rate_before": (0.0, LARGEST_RATE),
        }
        pairs = [
            known.get(name.rpartition("/")[2], (-LARGEST_GAIN, LARGEST_GAIN)) for name in self.names
        ]
        low, high = np.array(pairs, np.float32).T.copy()
        return low, high


class LocalMeasurements:
    """The observations of all transmitters of N radios, and the memory of a slot that they take.

    Each call is the next slot. In the first one, what was a slot ago is taken to be as it is now.

    Args:
        links: K.
        subbands: S.
        neighbours: how many interferers, and how many links disturbed, an agent knows of, c.
        size: N.

    Attributes:
        layout: of an observation.
        gain: linear power gain of the slot observed last, ``(N, S, K, K)``.
    """

    def __init__(self, links: int, subbands: int, neighbours: int, size: int = 1) -> None:
        self.layout = LocalLayout(subbands, neighbours)
        self.gain: FloatArray = np.zeros((size, subbands, links, links))
        self._length = self.layout.length
        self._first: Flags = np.ones(size, np.bool_)
        self._here: IntArray = np.zeros(size, np.int64)

    def restart(self) -> None:
        """Forget what was: the next slot is the first one."""
        self._first[:] = True

    def observe(
        self,
        gain: FloatArray,
        at: IntArray,
        noise_w: FloatArray,
        p_max_w: FloatArray,
        weight: FloatArray,
        power_w: FloatArray,
        before_w: FloatArray,
    ) -> Float32Array:
        """Return the observations in the next slot, ``(N, K, length)``, in memory of their own.

        Args:
            gain: windows of linear power gain, ``(N, slots, S, K, K)``, row = receiver.
            at: which slot of its window is the next of each radio, ``(N,)``.
            noise_w: ``(S, K)``.
            p_max_w: ``(S, K)``.
            weight: ``(K,)``.
            power_w: powers in force when this slot begins, ``(N, S, K)``.
            before_w: powers in force in the slot before, ``(N, S, K)``.
        """
        out = np.empty((len(gain), gain.shape[-1], self._length), np.float32)
        observe_local(
            gain, at, noise_w, p_max_w, weight, power_w, before_w, self.layout.neighbours,
            self.gain, self._first, out,
        )  # fmt: skip
        return out

    def of_problem(self, problem: PowerControlProblem, power_w: ArrayLike) -> Float32Array:
        """Return the observations of one radio in the next slot, ``(K, length)``.

        Args:
            problem: of that slot.
            power_w: powers in force in the slot before and when this one begins, ``(S, K)``: what
                was last answered.

        Raises:
            ValueError: a problem or powers of another size, or more than one radio.
        """
        last = np.ascontiguousarray(power_w, dtype=np.float64)[None]
        if self.gain.shape != (1, *problem.gain.shape):
            raise ValueError(
                f"problem: gain of shape {problem.gain.shape}, want {self.gain.shape[1:]} of one "
                f"radio; these are {len(self.gain)}"
            )
        if last.shape != (1, *problem.noise_w.shape):
            raise ValueError(f"power_w: shape {last.shape[1:]}, want {problem.noise_w.shape}")
        seen: Float32Array = self.observe(
            problem.gain[None, None], self._here, problem.noise_w, problem.p_max_w, problem.weight,
            last, last,
        )[0]  # fmt: skip
        return seen


@njit(cache=True)
def observe_local(
    gain: FloatArray,
    at: IntArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    before_w: FloatArray,
    neighbours: int,
    gain_before: FloatArray,
    first: Flags,
    out: Float32Array,
) -> None:
    """Do as `LocalMeasurements.observe`, for compiled callers.

    The observations are written into ``out``, ``(N, K, S (6 + 8 c))``, this slot's gain into
    ``gain_before``, ``(N, S, K, K)``, where that of the slot before is, and False into ``first``,
    ``(N,)``, which says where there was none. ``neighbours`` is c.
    """
    radios, subbands, links = power_w.shape
    width = out.shape[2] // subbands
    mean_weight = np.mean(weight)
    heard = np.empty(links)  # interference plus noise over noise, now
    heard_before = np.empty(links)  # and a slot ago
    rate = np.empty(links)
    own_before = np.empty(links)
    size = np.empty(links)
    places = np.empty(neighbours, np.int64)
    for i in range(radios):
        now = gain[i, at[i]]
        before = gain_before[i]
        if first[i]:
            before[:] = now
            first[i] = False
        for s in range(subbands):
            for k in range(links):
                heard[k] = _heard(now[s, k], noise_w[s, k], power_w[i, s], k)
                heard_before[k] = _heard(before[s, k], noise_w[s, k], before_w[i, s], k)
                signal = before[s, k, k] * before_w[i, s, k] / noise_w[s, k]
                worth = weight[k] / mean_weight if mean_weight > 0 else 0.0
                found = worth * np.log2(1.0 + signal / heard_before[k]) / _RATE_UNIT
                rate[k] = min(found, LARGEST_RATE)
                own_before[k] = _bels(before[s, k, k] * p_max_w[s, k] / noise_w[s, k])
            for k in range(links):
                base, cap, noise = s * width, p_max_w[s, k], noise_w[s, k]
                out[i, k, base] = min(power_w[i, s, k] / cap, 1.0) if cap > 0 else 0.0
                out[i, k, base + 1] = _bels(now[s, k, k] * cap / noise)
                out[i, k, base + 2] = own_before[k]
                out[i, k, base + 3] = _bels(heard[k])
                out[i, k, base + 4] = _bels(heard_before[k])
                out[i, k, base + 5] = rate[k]
                out[i, k, base + 6 : base + width] = 0.0
                base += 6
                for j in range(links):
                    size[j] = now[s, k, j] * power_w[i, s, j]
                for n in range(_largest(size, k, places)):
                    j = places[n]
                    out[i, k, base + 4 * n] = _bels(now[s, k, j] * p_max_w[s, j] / noise)
                    out[i, k, base + 4 * n + 1] = _bels(size[j] / noise)
                    out[i, k, base + 4 * n + 2] = own_before[j]
                    out[i, k, base + 4 * n + 3] = rate[j]
                base += 4 * neighbours
                for j in range(links):
                    size[j] = before[s, j, k] / noise_w[s, j]
                for n in range(_largest(size, k, places)):
                    j = places[n]
                    out[i, k, base + 4 * n] = _bels(size[j] * cap)
                    out[i, k, base + 4 * n + 1] = _bels(heard_before[j])
                    out[i, k, base + 4 * n + 2] = own_before[j]
                    out[i, k, base + 4 * n + 3] = rate[j]
        before[:] = now


@njit(cache=True)
def _heard(gain: FloatArray, noise_w: float, power_w: FloatArray, own: int) -> float:
    """Return interference plus noise over noise at receiver ``own``."""
    total = 0.0
    for j in range(own):
        total += gain[j] * power_w[j]
    for j in range(own + 1, len(gain)):
        total += gain[j] * power_w[j]
    return 1.0 + total / noise_w


@njit(cache=True)
def _bels(ratio: float) -> float:
    logarithm: float = math.log(np.float32(min(max(ratio, _LEAST), _MOST)))
    return logarithm * _BEL


@njit(cache=True)
def _largest(size: FloatArray, own: int, top: IntArray) -> int:
    """Write where the largest are, the largest first, ties by number; return how many there are.

    The bits of numbers that are not negative are in their order. The last ones make room for the
    number of a link, so that exchanges of whole numbers sort both, without a branch: sizes that
    agree in 12 digits are a tie.
    """
    links, wanted = len(size), len(top)
    room = 1
    while room < links:
        room *= 2
    bits = size.view(np.int64)
    kept = _MAGNITUDE & -room  # a zero may have a sign
    top[:] = -1
    for j in range(links):
        key = -1 if j == own else (bits[j] & kept) | (room - 1 - j)
        for n in range(wanted):
            larger = top[n] > key
            top[n], key = (top[n], key) if larger else (key, top[n])
    count = min(wanted, links - 1)
    for n in range(count):
        top[n] = room - 1 - (top[n] & (room - 1))
    return count
