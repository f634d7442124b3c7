"""N environments with an agent for each transmitter: what both faces of that are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from gymnasium import spaces

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.env.actions import first_fault
from sim.env.checks import whole_number
from sim.env.core import Core
from sim.env.difference import difference_rewards
from sim.env.errors import InvalidActionError
from sim.env.observation import Float32Array
from sim.env.settings import Settings
from sim.measurements import LocalLayout, LocalMeasurements
from sim.problem import FloatArray

LOCAL_CONTROL = "ttirace/PowerControlLocal-v0"

REWARDS = ("shared", "local", "loss")

_MOST_NEIGHBOURS = 2000  # no scenario has more links


@dataclass(frozen=True)
class LocalSettings:
    """All that the faces share.

    Attributes:
        common: what an environment is made of.
        layout: what an agent sees.
        difference: whether each agent's reward is its own, not the environment's.
    """

    common: Settings
    layout: LocalLayout
    difference: bool

    @classmethod
    def of(
        cls,
        scenario: Any = None,
        *,
        neighbours: int = 5,
        reward: str = "shared",
        **common: Any,
    ) -> Self:
        """Return settings as a user gives them; see `sim.env.parallel_env`.

        Raises:
            InputError: whatever does not fit.
        """
        neighbours = whole_number("neighbours", neighbours, 0, _MOST_NEIGHBOURS)
        if not isinstance(reward, str) or reward not in REWARDS:
            raise InputError(f"reward: {shown(reward)}, want one of {', '.join(REWARDS)}")
        found = Settings.of(scenario, reward="loss" if reward == "loss" else "sum_rate", **common)
        return cls(found, LocalLayout(found.subbands, neighbours), reward == "local")

    @property
    def names(self) -> list[str]:
        """The agents' names."""
        return [f"tx_{k}" for k in range(self.common.links)]

    def observation_space(self) -> spaces.Box:
        """Return the space of an agent's observations, a new one for each agent."""
        low, high = self.layout.bounds
        return spaces.Box(low, high, dtype=np.float32)

    def action_space(self) -> spaces.Box:
        """Return the space of an agent's actions, likewise."""
        return spaces.Box(-1.0, 1.0, (self.common.subbands,), np.float32)


class Agents:
    """N environments whose episodes begin and end together.

    Args:
        settings: theirs.
        size: N.

    Attributes:
        core: the environments.
        observations: what each agent sees, ``(N, K, n)``; a new array each slot.
        rewards: what the last step was worth to it, bit/s/Hz, ``(N, K)``, likewise.
    """

    def __init__(self, settings: LocalSettings, size: int) -> None:
        common = settings.common
        self.core = Core(common, size)
        self._settings = settings
        self._measurements = LocalMeasurements(
            common.links, common.subbands, settings.layout.neighbours, size
        )
        self._all = np.ones(size, np.bool_)
        self._first = np.zeros(size, np.int64)
        self._before_w: FloatArray = np.zeros_like(self.core.power_w)
        self.observations: Float32Array = np.zeros(
            (size, common.links, settings.layout.length), np.float32
        )
        self.rewards: FloatArray = np.zeros((size, common.links))

    def start(self, seeds: list[int]) -> None:
        """Start an episode in each environment, of these seeds."""
        for index, seed in enumerate(seeds):
            self.core.start(index, seed)
        self._measurements.restart()
        self._before_w[:] = self.core.power_w
        self._observe()

    def step(self, action: FloatArray, where: str) -> None:
        """Set the powers; go on to the next slots.

        Args:
            action: ``(N, K, S)``, C contiguous.
            where: for messages, to be filled in with ``{n}``, ``{k}`` and ``{s}``.

        Raises:
            InvalidActionError: one is not within -1..1; nothing has happened then.
        """
        size, links, subbands = action.shape
        fault = first_fault(action.reshape(size, -1), self._all)
        if fault >= 0:
            n, k, s = np.unravel_index(fault, action.shape)
            place = where.format(n=n, k=k, s=s)
            raise InvalidActionError(f"{place}: {action[n, k, s]:g}, want a number from -1 to 1")
        core, known = self.core, self._settings.common
        if known.deadlines is not None:
            self._before_w[:] = core.power_w
        flat = np.ascontiguousarray(action.transpose(0, 2, 1)).reshape(size, subbands * links)
        core.step(flat, self._all)
        if known.deadlines is None:  # the slot rated is the one before, in which these were chosen
            self._before_w[:] = core.power_w
        self._reward()
        self._observe()

    def _reward(self) -> None:
        core, known = self.core, self._settings.common
        if not self._settings.difference:
            self.rewards = np.repeat(core.reward[:, None], known.links, axis=1)
            return
        gain, at = core.gains, core.at
        if known.deadlines is None:
            gain, at = self._measurements.gain[:, None], self._first
        self.rewards = difference_rewards(
            gain, at, known.noise_w, known.weight, core.power_w, core.link_rate
        )

    def _observe(self) -> None:
        core, known = self.core, self._settings.common
        self.observations = self._measurements.observe(
            core.gains, core.at, known.noise_w, known.p_max_w, known.weight, core.power_w,
            self._before_w,
        )  # fmt: skip
