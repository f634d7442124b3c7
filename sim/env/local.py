"""An agent for each transmitter, as a PettingZoo environment: `ttirace/PowerControlLocal-v0`."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.env import AECEnv, ParallelEnv

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.env.actions import as_actions
from sim.env.agents import LOCAL_CONTROL, Agents, LocalSettings
from sim.env.checks import (
    SEED_END,
    check_arguments,
    checked_seed,
    episode_seed_option,
    options_of,
)
from sim.env.errors import InvalidActionError
from sim.env.jobs import OUTCOMES
from sim.env.observation import Float32Array
from sim.env.rendering import METADATA, Canvas
from sim.env.scene import Watcher
from sim.env.settings import ARGUMENTS
from sim.env.single import observation_space, reset_needed
from sim.problem import FloatArray, PowerControlProblem
from sim.scenario import Scenario


class PowerControlLocalEnv(ParallelEnv[str, Float32Array, Float32Array]):  # type: ignore[misc]
    """Each of K transmitters sets its own powers on S subbands, by what it knows itself.

    An agent sees its own link, its strongest interferers and the links that it disturbs most, as
    `sim.measurements` has them: what arrives at its own receiver as of now, what others measure as
    of a slot ago. Its action is ``(S,)`` within -1..1. All else, time too, is as in
    `sim.env.PowerControlEnv`; with the same seed, that and this meet the same channels.

    Args:
        scenario: as in `sim.env.PowerControlEnv`.
        neighbours: how many interferers, and how many links disturbed, an agent knows of, c; what
            there are not as many of is seen as zeros.
        reward: ``"shared"``: the weighted sum rate, to each; ``"local"``: what that would lose
            without this transmitter: its own weighted rate less what it takes from the others;
            ``"loss"``: the weighted sum rate less the reference's, to each.
        episode_slots: steps of an episode; the scenario's slots if not given.
        max_cycles: PettingZoo's name of that.
        latency: as in `sim.env.PowerControlEnv`.
        observe: the parts of `state`, likewise.
        power_scale: likewise.
        min_power_db: likewise.
        reference: likewise.
        render_mode: likewise.

    Attributes:
        possible_agents: ``tx_0`` and so on, in the order of the links.
        agents: they, within an episode; else none.
        state_space: the space of `state`.

    Raises:
        InputError: whatever does not fit.
    """

    metadata: ClassVar[dict[str, Any]] = {
        **METADATA,
        "name": LOCAL_CONTROL,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
        *,
        neighbours: int = 5,
        reward: str = "shared",
        episode_slots: int | None = None,
        max_cycles: int | None = None,
        render_mode: str | None = None,
        **common: Any,
    ) -> None:
        check_arguments(common, ("scenario", "neighbours", *ARGUMENTS, "max_cycles", "render_mode"))
        if max_cycles is not None:
            if episode_slots is not None:
                raise InputError("max_cycles: is episode_slots; give one of them")
            episode_slots = max_cycles
        self.settings = LocalSettings.of(
            scenario, neighbours=neighbours, reward=reward, episode_slots=episode_slots, **common
        )
        self.render_mode = render_mode
        self._canvas = None if render_mode is None else Canvas(render_mode)
        self._agents = Agents(self.settings, 1)
        self._watcher = Watcher(self._agents.core)
        self._rng: np.random.Generator | None = None
        self.possible_agents = self.settings.names
        self.agents: list[str] = []
        self._seen = {agent: self.settings.observation_space() for agent in self.possible_agents}
        self._done = {agent: self.settings.action_space() for agent in self.possible_agents}
        self.state_space = observation_space(self.settings.common)

    def observation_space(self, agent: str) -> spaces.Box:
        """Return the space of an agent's observations.

        Raises:
            InputError: there is no such agent.
        """
        return self._seen[self._known(agent)]

    def action_space(self, agent: str) -> spaces.Box:
        """Return the space of an agent's actions, likewise."""
        return self._done[self._known(agent)]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Float32Array], dict[str, dict[str, Any]]]:
        """Start an episode on a channel of its own.

        Args:
            seed: of the generator that episodes' seeds are drawn from.
            options: ``{"episode_seed": n}`` sets this episode's; others are let pass, as
                PettingZoo has it, but for misspellings.

        Raises:
            InputError: no seed, or a misspelt option.
        """
        ours = difflib.get_close_matches
        chosen = episode_seed_option(
            {
                key: value
                for key, value in options_of(options).items()
                if ours(str(key), ["episode_seed"])
            }
        )
        if seed is not None or self._rng is None:
            self._rng = seeding.np_random(checked_seed(seed))[0]
        if chosen is None:
            chosen = int(self._rng.integers(SEED_END))
        self._agents.start([chosen])
        self.agents = self.possible_agents[:]
        if self._canvas is not None:
            self._watcher.begin()
            self._show()
        return self._observations(), {
            agent: {"slot": 0, "episode_seed": chosen} for agent in self.agents
        }

    def step(
        self, actions: Mapping[str, Float32Array]
    ) -> tuple[
        dict[str, Float32Array],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Set all powers; go on to the next slot.

        Args:
            actions: one for each agent.

        Raises:
            InvalidActionError: one is missing, is nobody's or is not in its action space; nothing
                has happened then.
            ResetNeededError: before the first `reset`, or after the end of an episode.
        """
        core, agents = self._agents.core, self.possible_agents
        if not core.running[0]:
            raise reset_needed(bool(core.over[0]))
        values = self._values(actions)
        if self._canvas is not None:
            self._watcher.before()
        self._agents.step(values[None], "action of tx_{k}[{s}]")
        info: dict[str, Any] = {
            "slot": int(core.slot[0]),
            "sum_rate_bps_hz": float(core.sum_rate[0]),
            "outcome": OUTCOMES[core.outcome[0]],
        }
        if self.settings.common.reference is not None:
            info["reference"] = float(core.reference_rate[0])
        if self._canvas is not None:
            self._watcher.after()
            self._show()
        over = bool(core.over[0])
        if over:
            self.agents = []
        rates = core.link_rate[0].tolist()
        return (
            self._observations(),
            dict(zip(agents, self._agents.rewards[0].tolist(), strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            {agent: {**info, "rate_bps_hz": rates[k]} for k, agent in enumerate(agents)},
        )

    def state(self) -> Float32Array:
        """Return what a `sim.env.PowerControlEnv` observes: for critics that see everything.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        self._check_begun("state")
        state: Float32Array = self._agents.core.observe()[0]
        return state

    def render(self) -> Any:
        """Return the slot rated last, as the render mode has it.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        if self._canvas is None:
            gymnasium.logger.warn("render() without a render_mode; give one to parallel_env")
            return None
        self._check_begun("render")
        return self._canvas.draw(self._watcher.scene())

    def close(self) -> None:
        """Close the window, if there is one; twice is once."""
        if self._canvas is not None:
            self._canvas.close()

    @property
    def problem(self) -> PowerControlProblem:
        """The problem of the slot observed, as an allocator is given it.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        self._check_begun("problem")
        return self._agents.core.problem(0)

    def _observations(self) -> dict[str, Float32Array]:
        return dict(zip(self.possible_agents, self._agents.observations[0], strict=True))

    def _values(self, actions: Any) -> FloatArray:
        """Return the actions as an array ``(K, S)``."""
        if not isinstance(actions, Mapping):
            raise InvalidActionError(f"actions: {shown(actions)}, want a mapping by agent")
        agents, shape = self.possible_agents, (self.settings.common.subbands,)
        if len(actions) == len(agents):
            # All at once where nothing is wrong; else one by one, to say what.
            with contextlib.suppress(Exception):
                together = np.array([actions[agent] for agent in agents])
                if together.dtype.kind == "f" and together.shape == (len(agents), *shape):
                    return together.astype(np.float64)
        for agent in agents:
            if agent not in actions:
                raise InvalidActionError(f"actions: none of {agent}; want one of each agent")
        if len(actions) > len(agents):
            stranger = next(agent for agent in actions if agent not in self._done)
            hint = did_you_mean(str(stranger), agents)
            raise InvalidActionError(f"actions: {shown(stranger)} is no agent{hint}")
        values = np.empty((len(agents), *shape))
        for k, agent in enumerate(agents):
            try:
                values[k] = as_actions(actions[agent], shape)
            except InvalidActionError as error:
                raise InvalidActionError(f"actions: {agent}: {error}") from None
        return values

    def _known(self, agent: str) -> str:
        if not isinstance(agent, str) or agent not in self._done:
            raise InputError(
                f"agent: {shown(agent)}{did_you_mean(str(agent), self.possible_agents)}"
            )
        return agent

    def _check_begun(self, what: str) -> None:
        if self._agents.core.episodes[0] is None:
            raise reset_needed(False, what)

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()


def parallel_env(*args: Any, **settings: Any) -> PowerControlLocalEnv:
    """Return the environment in which all agents act at once; see `PowerControlLocalEnv`."""
    return PowerControlLocalEnv(*args, **settings)


def env(*args: Any, **settings: Any) -> AECEnv[str, Float32Array, Float32Array]:
    """Return the environment in which they act one after the other, and then all together."""
    return parallel_to_aec(parallel_env(*args, **settings))
