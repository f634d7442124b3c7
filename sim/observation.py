"""What an agent sees of a slot: a flat vector of single precision, finite and bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.problem import FloatArray

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

#: What may be observed: name -> how many values on S subbands of K links.
PARTS: Mapping[str, Callable[[int, int], int]] = {
    "gains": lambda subbands, links: subbands * links * links,
    "power": lambda subbands, links: subbands * links,
    "csi_age": lambda _, __: 1,
    "backlog": lambda _, __: 1,
}

#: Gains are seen as received power at p_max over noise, in units of 10 dB, cut at +- 100 dB.
LARGEST_GAIN = 10.0
# What is cut is cut before its logarithm, a little inside: rounding shall not leave the bounds.
_LEAST, _MOST = 10.0**-LARGEST_GAIN * (1.0 + 1e-4), 10.0**LARGEST_GAIN * (1.0 - 1e-4)
_BEL = np.float32(1.0 / math.log(10.0))


@dataclass(frozen=True)
class Layout:
    """Which parts stand where in an observation.

    Attributes:
        parts: their names, in order.
        starts: where each of `PARTS` begins, -1 for those that are not observed.
        length: of an observation.
        snr: received power at p_max over noise at unit gain, ``(S, K, K)``.
        share: one over p_max, ``(S, K)``; zero where that is zero.
    """

    parts: tuple[str, ...]
    starts: IntArray
    length: int
    snr: FloatArray
    share: FloatArray

    @classmethod
    def of(cls, observe: Iterable[str], noise_w: FloatArray, p_max_w: FloatArray) -> Layout:
        """Return the layout of an observation of these parts, in this order.

        Raises:
            InputError: none, an unknown one, or one that stands twice.
        """
        try:
            parts = (observe,) if isinstance(observe, str) else tuple(observe)
        except TypeError:
            known = ", ".join(PARTS)
            raise InputError(f"observe: {shown(observe)}, want some of {known}") from None
        starts, length = np.full(len(PARTS), -1), 0
        for part in parts:
            if not isinstance(part, str) or part not in PARTS:
                raise InputError(f"observe: {shown(part)}{did_you_mean(str(part), PARTS)}")
            if parts.count(part) > 1:
                raise InputError(f"observe: {part!r} stands twice; keep one")
            starts[list(PARTS).index(part)] = length
            length += PARTS[part](noise_w.shape[0], noise_w.shape[1])
        if not parts:
            raise InputError(f"observe: names nothing; want some of {', '.join(PARTS)}")
        snr = p_max_w[:, None, :] / noise_w[:, :, None]
        share = np.divide(1.0, p_max_w, out=np.zeros_like(p_max_w), where=p_max_w > 0)
        return cls(parts, starts, length, np.ascontiguousarray(snr), share)

    @property
    def bounds(self) -> tuple[Float32Array, Float32Array]:
        """The least and the largest values of an observation."""
        low, high = np.zeros(self.length, np.float32), np.ones(self.length, np.float32)
        start = int(self.starts[0])
        if start >= 0:
            low[start : start + self.snr.size] = -LARGEST_GAIN
            high[start : start + self.snr.size] = LARGEST_GAIN
        return low, high

    def observe(
        self,
        gain: FloatArray,
        at: IntArray,
        power_w: FloatArray,
        csi_age: IntArray,
        backlog: IntArray,
        lead: int,
    ) -> Float32Array:
        """Return the observations of N environments, ``(N, length)``, in memory of their own.

        Args:
            gain: windows of linear power gain, ``(N, slots, S, K, K)``.
            at: which slot of its window each sees, ``(N,)``.
            power_w: powers in force, ``(N, S, K)``.
            csi_age: slots since the CSI behind them, ``(N,)``; -1 where there was none.
            backlog: jobs of earlier slots that have not ended, ``(N,)``.
            lead: slots from CSI to use.
        """
        out = np.empty((len(gain), self.length), np.float32)
        _write(gain, at, power_w, csi_age, backlog, lead, self.snr, self.share, self.starts, out)
        start = int(self.starts[0])
        if start >= 0:
            bels = out[:, start : start + self.snr.size]
            np.log(bels, out=bels)
            bels *= _BEL
        return out


@njit(cache=True)
def _write(
    gain: FloatArray,
    at: IntArray,
    power_w: FloatArray,
    csi_age: IntArray,
    backlog: IntArray,
    lead: int,
    snr: FloatArray,
    share: FloatArray,
    starts: IntArray,
    out: Float32Array,
) -> None:
    environments, subbands, links = power_w.shape
    for i in range(environments):
        if starts[0] >= 0:
            seen = gain[i, at[i]].reshape(-1)
            scale = snr.reshape(-1)
            for n in range(seen.size):
                value = min(max(seen[n] * scale[n], _LEAST), _MOST)
                out[i, starts[0] + n] = value
        if starts[1] >= 0:
            for s in range(subbands):
                for k in range(links):
                    value = power_w[i, s, k] * share[s, k]
                    out[i, starts[1] + s * links + k] = min(value, 1.0)
        if starts[2] >= 0:
            age = csi_age[i]
            out[i, starts[2]] = 1.0 if age < 0 else age / (age + lead)
        if starts[3] >= 0:
            out[i, starts[3]] = backlog[i] / (backlog[i] + 1.0)
