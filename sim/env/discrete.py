"""Power control with a choice of levels, for agents that choose."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.env.checks import whole_number
from sim.env.errors import InvalidActionError

_MOST_LEVELS = 1 << 24  # single precision tells no more of them apart


class DiscretePower(
    gymnasium.ActionWrapper[Any, NDArray[np.int64], NDArray[np.float32]],
    gymnasium.utils.RecordConstructorArgs,
):
    """Turns actions within -1..1 into a choice of levels, evenly spaced, for every link.

    On a linear power scale level j of n is p_max j / (n - 1). On a scale in dB level 0 is off.

    Args:
        env: an environment whose actions are a flat box.
        levels: n, how many.

    Raises:
        InputError: less than two levels, or an environment with other actions.
    """

    def __init__(self, env: gymnasium.Env[Any, NDArray[np.float32]], levels: int) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self, levels=levels)
        super().__init__(env)
        levels = whole_number("levels", levels, 2, _MOST_LEVELS)
        box = env.action_space
        if not isinstance(box, spaces.Box) or len(box.shape) != 1:
            raise InputError(f"DiscretePower: actions are {box}, want a flat Box")
        self._low, self._step = box.low, (box.high - box.low) / np.float32(levels - 1)
        self._high = box.high
        self.action_space = spaces.MultiDiscrete(np.full(box.shape, levels))

    def action(self, action: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the levels as an action of the environment.

        Raises:
            InvalidActionError: not a level for each value.
        """
        try:
            levels = np.asarray(action)
        except Exception:  # ragged, or a tensor that is not to be had as an array
            levels = np.zeros(0, np.int64)
        if levels.dtype.kind not in "iu" or levels not in self.action_space:
            raise InvalidActionError(f"action: {shown(action)}, want one of {self.action_space}")
        return np.minimum(self._low + self._step * levels.astype(np.float32), self._high)
