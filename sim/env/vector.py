"""N environments in one call: the native vector environment of `ttirace/PowerControl-v0`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import logger
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.env.actions import as_actions
from sim.env.checks import (
    SEED_END,
    check_arguments,
    checked_seed,
    episode_seed_option,
    is_several,
    options_of,
    whole_number,
)
from sim.env.core import Core
from sim.env.jobs import OUTCOMES, Flags
from sim.env.observation import Float32Array
from sim.env.rendering import METADATA, Canvas
from sim.env.scene import Watcher
from sim.env.settings import ARGUMENTS, Settings
from sim.env.single import action_space, observation_space, reset_needed
from sim.problem import FloatArray
from sim.scenario import Scenario

_OUTCOMES = np.array(OUTCOMES, dtype=object)


class PowerControlVectorEnv(VectorEnv[Float32Array, Float32Array, NDArray[Any]]):
    """N independent environments, stepped together.

    Environment i with the seed ``seed + i`` does what a `PowerControlEnv` with that seed does, to
    the bit, and so what `gymnasium.vector.SyncVectorEnv` makes of N of them.

    Args:
        scenario: as in `PowerControlEnv`.
        num_envs: N.
        autoreset_mode: when an environment whose episode has ended is reset: in the next step,
            which then ignores its action, in the same step, or not at all.
        render_mode: as in `PowerControlEnv`.
        settings: the other arguments of `PowerControlEnv`.

    Raises:
        InputError: whatever does not fit.
    """

    def __init__(
        self,
        scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
        *,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        check_arguments(
            settings, ("scenario", "num_envs", "autoreset_mode", *ARGUMENTS, "render_mode")
        )
        num_envs = whole_number("num_envs", num_envs, 1)
        try:
            self._autoreset = AutoresetMode(autoreset_mode)
        except ValueError:
            known = ", ".join(mode.value for mode in AutoresetMode)
            raise InputError(
                f"autoreset_mode: {shown(autoreset_mode)}, want one of {known}"
            ) from None
        self.settings = Settings.of(scenario, **settings)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.metadata = {**METADATA, "autoreset_mode": self._autoreset}
        self._core = Core(self.settings, num_envs)
        self._views: list[tuple[Watcher, Canvas]] = []
        if render_mode is not None:
            self._views = [(Watcher(self._core, i), Canvas(render_mode)) for i in range(num_envs)]
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._episode_seed: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._none: Flags = np.zeros(num_envs, np.bool_)
        self.single_observation_space = observation_space(self.settings)
        self.single_action_space = action_space(self.settings)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: environment i is seeded with ``seed + i``, or with entry i of a list.
            options: ``{"episode_seed": n}`` sets the episodes' seed, or one each in a list;
                ``{"reset_mask": flags}`` resets those environments only.

        Raises:
            InputError: no seed, an option that there is not, or a list of another length than N.
        """
        chosen = options_of(options)
        mask = self._mask(chosen.pop("reset_mask", None))
        seeds = self._seeds(seed)
        episodes = chosen.get("episode_seed")
        each = [chosen] * self.num_envs
        if is_several(episodes):
            self._check_length("options: episode_seed", episodes)
            each = [{**chosen, "episode_seed": entry} for entry in episodes]
        wanted = [episode_seed_option(option, ("episode_seed", "reset_mask")) for option in each]
        for i in np.flatnonzero(mask).tolist():
            if seeds[i] is not None:
                self._rngs[i] = seeding.np_random(seeds[i])[0]
            self._start(i, wanted[i])
        if self.render_mode == "human" and None not in self._core.episodes:
            self.render()
        return self._core.observe(), self._infos(self._none, mask)

    def step(
        self, actions: Float32Array
    ) -> tuple[Float32Array, FloatArray, Flags, Flags, dict[str, Any]]:
        """Set the powers of all environments; go on to their next slots.

        Raises:
            InvalidActionError: an action is not in its space; nothing has happened then.
            ResetNeededError: an environment was never reset, or its episode has ended and it is not
                reset by itself.
        """
        core = self._core
        due = self._none
        if self._autoreset is AutoresetMode.NEXT_STEP and core.over.any():
            due = core.over.copy()
        active = ~due
        if not (core.running | due).all():
            raise reset_needed(bool(core.over[active].any()))
        values = as_actions(actions, self.action_space.shape or ())
        for watcher, _ in self._views:
            watcher.before()
        core.step(values, active)
        for i, (watcher, _) in enumerate(self._views):
            if active[i]:
                watcher.after()
        rewards = np.where(active, core.reward, 0.0)
        truncations = core.over & active
        infos: dict[str, Any] = {}
        if self._autoreset is AutoresetMode.SAME_STEP and truncations.any():
            infos = self._final(truncations)
            due, active = truncations, ~truncations
        if due is not self._none:
            for i in np.flatnonzero(due).tolist():
                self._start(i, None)
        infos |= self._infos(active, due)
        if self.render_mode == "human":
            self.render()
        return core.observe(), rewards, np.zeros_like(truncations), truncations, infos

    def render(self) -> tuple[Any, ...] | None:
        """Return each environment's slot as the render mode has it.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        if self.render_mode is None:
            logger.warn("render() without a render_mode; give one to gymnasium.make_vec")
            return None
        if None in self._core.episodes:
            raise reset_needed(False, "render")
        return tuple(canvas.draw(watcher.scene()) for watcher, canvas in self._views)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the windows, if there are any."""
        del kwargs
        for _, canvas in self._views:
            canvas.close()

    def _start(self, index: int, episode_seed: int | None) -> None:
        if episode_seed is None:
            rng = self._rngs[index]
            if rng is None:
                rng = self._rngs[index] = seeding.np_random()[0]
            episode_seed = int(rng.integers(SEED_END))
        self._episode_seed[index] = episode_seed
        self._core.start(index, episode_seed)
        if self._views:
            self._views[index][0].begin()

    def _infos(self, stepped: Flags, started: Flags) -> dict[str, Any]:
        """Return the infos of those that were stepped and of those that were started."""
        core = self._core
        if not started.any() and stepped.all():  # as in nearly every step
            found: dict[str, NDArray[Any]] = {
                "slot": core.slot.copy(),
                "sum_rate_bps_hz": core.sum_rate.copy(),
                "outcome": _OUTCOMES[core.outcome],
            }
            if self.settings.reference is not None:
                found["reference"] = core.reference_rate.copy()
            return {**found, **{f"_{key}": stepped.copy() for key in found}}
        infos = _masked("slot", core.slot, stepped | started)
        if stepped.any():
            infos |= _masked("sum_rate_bps_hz", core.sum_rate, stepped)
            infos |= _masked("outcome", _OUTCOMES[core.outcome], stepped)
            if self.settings.reference is not None:
                infos |= _masked("reference", core.reference_rate, stepped)
        if started.any():
            infos |= _masked("episode_seed", self._episode_seed, started)
        return infos

    def _final(self, ended: Flags) -> dict[str, Any]:
        """Return the last observation and info of those whose episodes have ended."""
        observations = np.full(self.num_envs, None, dtype=object)
        seen = self._core.observe()
        for i in np.flatnonzero(ended).tolist():
            observations[i] = seen[i].copy()
        return {
            "final_obs": observations,
            "_final_obs": ended.copy(),
            "final_info": self._infos(ended, self._none),
            "_final_info": ended.copy(),
        }

    def _mask(self, given: Any) -> Flags:
        """Return which environments a reset is of."""
        if given is None:
            return np.ones(self.num_envs, np.bool_)
        try:
            mask = np.asarray(given)
        except ValueError:  # ragged
            mask = np.zeros(0)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise InputError(
                f"options: reset_mask: {shown(given)}, want {self.num_envs} flags, not all False"
            )
        return mask

    def _seeds(self, seed: Any) -> list[int | None]:
        """Return the seed of each, as `reset` is given them."""
        if is_several(seed):
            self._check_length("seed", seed)
            return [checked_seed(entry) for entry in seed]
        first = checked_seed(seed)
        return [None if first is None else first + i for i in range(self.num_envs)]

    def _check_length(self, where: str, values: Any) -> None:
        if len(values) != self.num_envs:
            raise InputError(f"{where}: {len(values)} values, want {self.num_envs}, one each")


def _masked(key: str, values: NDArray[Any], mask: Flags) -> dict[str, Any]:
    """Return an info as Gymnasium's vector environments have it: zeros or None where it is not."""
    found = np.full(len(mask), None) if values.dtype == object else np.zeros_like(values)
    found[mask] = values[mask]
    return {key: found, f"_{key}": mask.copy()}
