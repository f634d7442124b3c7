"""Actions as they are given: checked, and otherwise as in `sim.power_scale`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.deadline.errors import shown
from sim.env.errors import InvalidActionError
from sim.power_scale import POWER_SCALES, PowerScale, set_powers
from sim.problem import FloatArray

__all__ = ["POWER_SCALES", "TOLERANCE", "PowerScale", "as_actions", "first_fault", "set_powers"]

#: How far outside of -1..1 an action may be: rounding of single precision, no more.
TOLERANCE = 1e-6


def as_actions(action: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return actions as numbers of double precision, C-contiguous.

    Raises:
        InvalidActionError: not numbers, or not of this shape.
    """
    try:
        array = np.asarray(action)
    except ValueError:
        raise InvalidActionError(f"action: ragged, want an array of shape {shape}") from None
    except Exception as error:  # what tensors raise that are not to be had as arrays
        reason = " ".join(str(error).split())
        raise InvalidActionError(f"action: cannot be had as an array: {reason}") from None
    if array.dtype.kind not in "fiu":
        raise InvalidActionError(f"action: {shown(action)}, want numbers from -1 to 1")
    if array.shape != shape:
        raise InvalidActionError(f"action: shape {array.shape}, want {shape}")
    return np.ascontiguousarray(array, dtype=np.float64)


@njit(cache=True)
def first_fault(action: FloatArray, active: NDArray[np.bool_]) -> int:
    """Return the place in the flat actions ``(N, n)`` of the first that is none, or -1."""
    environments, values = action.shape
    for i in range(environments):
        if active[i]:
            for k in range(values):
                if not abs(action[i, k]) <= 1.0 + TOLERANCE:  # nor NaN
                    place: int = i * values + k
                    return place
    return -1
