"""N environments with K agents each in one call: what a shared policy is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.utils import seeding

from sim.deadline import InputError
from sim.env.actions import as_actions
from sim.env.agents import Agents, LocalSettings
from sim.env.checks import (
    SEED_END,
    check_arguments,
    checked_seed,
    episode_seed_option,
    is_several,
    options_of,
    whole_number,
)
from sim.env.jobs import OUTCOMES, Flags
from sim.env.observation import Float32Array
from sim.env.settings import ARGUMENTS
from sim.env.single import reset_needed
from sim.problem import FloatArray
from sim.scenario import Scenario

_OUTCOMES = np.array(OUTCOMES, dtype=object)


class LocalVector:
    """N independent environments, stepped together, as arrays over their agents.

    Environment i with the seed ``seed + i`` does what a `sim.env.PowerControlLocalEnv` with that
    seed does, to the bit. All episodes end in the same step; then `reset` starts the next ones.

    Args:
        scenario: as in `sim.env.PowerControlLocalEnv`.
        size: N.
        settings: the other arguments of `sim.env.PowerControlLocalEnv`, but for PettingZoo's own.

    Attributes:
        size: N.
        observation_space: of one agent.
        action_space: of one agent.
        settings: what the environments are made of.

    Raises:
        InputError: whatever does not fit.
    """

    def __init__(
        self,
        scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
        *,
        size: int = 1,
        **settings: Any,
    ) -> None:
        check_arguments(settings, ("scenario", "size", "neighbours", *ARGUMENTS))
        self.size = whole_number("size", size, 1)
        self.settings = LocalSettings.of(scenario, **settings)
        self.observation_space = self.settings.observation_space()
        self.action_space = self.settings.action_space()
        self._agents = Agents(self.settings, self.size)
        self._rngs: list[np.random.Generator | None] = [None] * self.size

    @property
    def links(self) -> int:
        """Number of agents of each environment, K."""
        return self.settings.common.links

    @property
    def subbands(self) -> int:
        """Number of subbands, S."""
        return self.settings.common.subbands

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start an episode in every environment, on a channel of its own.

        Args:
            seed: environment i is seeded with ``seed + i``.
            options: ``{"episode_seed": n}`` sets the episodes' seed, or one each in a list.

        Returns:
            Observations ``(N, K, n)``, and ``slot`` and ``episode_seed``, ``(N,)``.

        Raises:
            InputError: no seed, an option that there is not, or a list of another length than N.
        """
        seed, chosen = checked_seed(seed), options_of(options)
        each = [chosen] * self.size
        episodes = chosen.get("episode_seed")
        if is_several(episodes):
            if len(episodes) != self.size:
                raise InputError(
                    f"options: episode_seed: {len(episodes)} values, want {self.size}, one each"
                )
            each = [{**chosen, "episode_seed": entry} for entry in episodes]
        wanted = [episode_seed_option(option) for option in each]
        seeds = [self._episode_seed(i, seed, wanted[i]) for i in range(self.size)]
        self._agents.start(seeds)
        infos = {"slot": self._agents.core.slot.copy(), "episode_seed": np.array(seeds)}
        return self._agents.observations, infos

    def step(
        self, actions: Float32Array
    ) -> tuple[Float32Array, FloatArray, Flags, Flags, dict[str, Any]]:
        """Set the powers of all environments; go on to their next slots.

        Args:
            actions: ``(N, K, S)`` within -1..1.

        Returns:
            Observations ``(N, K, n)``, rewards ``(N, K)``, terminations, which there are none of,
            and truncations, ``(N,)``, and arrays ``(N,)`` of what a single environment tells,
            ``rate_bps_hz`` ``(N, K)``.

        Raises:
            InvalidActionError: an action is not in its space; nothing has happened then.
            ResetNeededError: before the first `reset`, or after the end of the episodes.
        """
        core = self._agents.core
        if not core.running.all():
            raise reset_needed(bool(core.over.any()))
        values = as_actions(actions, (self.size, self.links, self.subbands))
        self._agents.step(values, "action[{n}, {k}, {s}]")
        infos: dict[str, Any] = {
            "slot": core.slot.copy(),
            "sum_rate_bps_hz": core.sum_rate.copy(),
            "outcome": _OUTCOMES[core.outcome],
            "rate_bps_hz": core.link_rate.copy(),
        }
        if self.settings.common.reference is not None:
            infos["reference"] = core.reference_rate.copy()
        over = core.over.copy()
        return self._agents.observations, self._agents.rewards, np.zeros_like(over), over, infos

    def state(self) -> Float32Array:
        """Return what a `sim.env.PowerControlEnv` observes of each environment, ``(N, m)``.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        if self._agents.core.episodes[0] is None:
            raise reset_needed(False, "state")
        return self._agents.core.observe()

    def _episode_seed(self, index: int, seed: int | None, episode_seed: int | None) -> int:
        rng = self._rngs[index]
        if rng is None or seed is not None:
            rng = seeding.np_random(None if seed is None else seed + index)[0]
            self._rngs[index] = rng
        return int(rng.integers(SEED_END)) if episode_seed is None else episode_seed
