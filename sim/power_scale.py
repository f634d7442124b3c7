"""What an action means: from -1..1 to a transmit power, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.problem import FloatArray

POWER_SCALES = ("linear", "db")


@dataclass(frozen=True)
class PowerScale:
    """How an action sets a power: a share u = (action + 1) / 2 of the way from off to p_max.

    Attributes:
        range_db: zero: power is u p_max; above: u is linear in dB, from this far below p_max up to
            p_max, and an action of -1 switches the transmitter off.
    """

    range_db: float

    @classmethod
    def of(cls, name: object, min_power_db: float) -> PowerScale:
        """Return the scale that a user names.

        Args:
            name: ``"linear"`` or ``"db"``.
            min_power_db: the lowest power of ``"db"``, relative to p_max: below zero.

        Raises:
            InputError: another name, or a lowest power that is none.
        """
        if not isinstance(name, str) or name not in POWER_SCALES:
            raise InputError(f"power_scale: {shown(name)}, want one of {', '.join(POWER_SCALES)}")
        if not (isinstance(min_power_db, Real) and -300.0 <= min_power_db < 0.0):
            raise InputError(f"min_power_db: {shown(min_power_db)}, want -300 or more, below 0")
        return cls(0.0 if name == "linear" else -float(min_power_db))

    def action_for(self, power_w: ArrayLike, p_max_w: FloatArray) -> FloatArray:
        """Return the action that sets these powers, flat; on a dB scale, off for what is below it.

        Args:
            power_w: ``(S, K)``, in watts.
            p_max_w: ``(S, K)``, in watts.

        Raises:
            InputError: the powers are no numbers, or not so many.
        """
        try:
            power = np.asarray(power_w, dtype=np.float64).reshape(p_max_w.shape)
        except (TypeError, ValueError):
            power = np.full_like(p_max_w, np.nan)
        if np.isnan(power).any():
            raise InputError(f"power_w: {shown(power_w)}, want numbers, shape {p_max_w.shape}")
        share = np.divide(power, p_max_w, out=np.zeros_like(p_max_w), where=p_max_w > 0)
        if self.range_db:
            with np.errstate(divide="ignore"):
                share = 1.0 + 10.0 * np.log10(share) / self.range_db
        flat: FloatArray = 2.0 * np.clip(share, 0.0, 1.0).reshape(-1) - 1.0
        return flat


@njit(cache=True)
def set_powers(
    active: NDArray[np.bool_],
    action: FloatArray,
    p_max_w: FloatArray,
    range_db: float,
    power_w: FloatArray,
) -> None:
    """Write the powers that actions ``(N, S K)`` set into ``power_w``, ``(N, S, K)``."""
    subbands, links = p_max_w.shape
    for i in range(len(active)):
        if not active[i]:
            continue
        for s in range(subbands):
            for k in range(links):
                share = min(max(0.5 * (action[i, s * links + k] + 1.0), 0.0), 1.0)
                if range_db > 0.0 and share > 0.0:
                    share = math.exp((share - 1.0) * range_db * (math.log(10.0) / 10.0))
                power_w[i, s, k] = share * p_max_w[s, k]
