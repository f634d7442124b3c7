"""The race as a Gymnasium environment: `ttirace/PowerControl-v0`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from sim.env.actions import as_actions
from sim.env.checks import (
    SEED_END,
    check_arguments,
    checked_seed,
    episode_seed_option,
    options_of,
)
from sim.env.core import Core
from sim.env.errors import ResetNeededError
from sim.env.jobs import OUTCOMES
from sim.env.observation import Float32Array
from sim.env.rendering import METADATA, Canvas
from sim.env.scene import Watcher
from sim.env.settings import ARGUMENTS, Settings
from sim.problem import FloatArray, PowerControlProblem
from sim.scenario import Scenario


class PowerControlEnv(gymnasium.Env[Float32Array, Float32Array]):
    """An agent sets the transmit powers of K links on S subbands, slot by slot.

    An observation is a flat vector of the parts in ``observe``, an action ``(S K,)`` within -1..1,
    subband by subband; the episode ends by truncation after ``episode_slots`` steps.

    Without deadlines (``latency=None``) an action serves in the slot that was observed. With a
    latency the action is the answer to the slot's job: it takes its time, is cut, queued or dropped
    by the scenario's policies, and serves, if it comes, ``lead`` slots later; the reward of a step
    is the rate in force in the slot that the step leads to.

    Args:
        scenario: path of a YAML file, a mapping as such a file holds, or a `Scenario`; ten links at
            0 dB if not given. Its allocators do not matter, and a mapping may leave them out.
        episode_slots: steps of an episode; the scenario's slots if not given.
        latency: ``"scenario"``, a latency as a scenario writes it, or None.
        observe: of ``"gains"``, ``(S, K, K)``, row = receiver: received power at p_max over noise,
            in units of 10 dB, -10..10; ``"power"``, ``(S, K)``: powers in force over p_max;
            ``"csi_age"``: slots since the CSI behind them, a / (a + lead), one before any answer;
            ``"backlog"``: earlier slots' jobs b that have not ended, b / (b + 1).
        power_scale: ``"linear"``: (action + 1) / 2 is a share of p_max; ``"db"``: of the way from
            ``min_power_db`` up to p_max in dB, and -1 is off.
        min_power_db: relative to p_max.
        reward: ``"sum_rate"``, weighted, in bit/s/Hz; ``"loss"``: that less the reference's.
        reference: an allocator, as ``wmmse`` or ``wmmse:restarts=5``, whose rate on the same slot
            without any latency stands in the info.
        render_mode: ``"human"``, ``"rgb_array"``, ``"ansi"`` or None.

    Raises:
        InputError: whatever does not fit.
    """

    metadata = METADATA

    def __init__(
        self,
        scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
        *,
        episode_slots: int | None = None,
        latency: str | Mapping[str, Any] | None = None,
        observe: Iterable[str] = ("gains", "power"),
        power_scale: str = "linear",
        min_power_db: float = -30.0,
        reward: str = "sum_rate",
        reference: str | None = None,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        check_arguments(unknown, ("scenario", *ARGUMENTS, "render_mode"))
        self.settings = Settings.of(
            scenario,
            episode_slots=episode_slots,
            latency=latency,
            observe=observe,
            power_scale=power_scale,
            min_power_db=min_power_db,
            reward=reward,
            reference=reference,
        )
        self.render_mode = render_mode
        self._canvas = None if render_mode is None else Canvas(render_mode)
        self._core = Core(self.settings, 1, batched=False)
        self._watcher = Watcher(self._core)
        self._all = np.ones(1, np.bool_)
        self.observation_space = observation_space(self.settings)
        self.action_space = action_space(self.settings)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start an episode on a channel of its own.

        Args:
            seed: of the generator that episodes' seeds are drawn from.
            options: ``{"episode_seed": n}`` sets this episode's; a race of the scenario with this
                seed meets the same channels and service times.

        Raises:
            InputError: no seed, or an option that there is not.
        """
        chosen = episode_seed_option(options_of(options))
        super().reset(seed=checked_seed(seed))
        if chosen is None:
            chosen = int(self.np_random.integers(SEED_END))
        self._core.start(0, chosen)
        if self._canvas is not None:
            self._watcher.begin()
            self._show()
        return self._core.observe()[0], {"slot": 0, "episode_seed": chosen}

    def step(self, action: Float32Array) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        """Set the powers; go on to the next slot.

        Raises:
            InvalidActionError: not in the action space; nothing has happened then.
            ResetNeededError: before the first `reset`, or after the end of an episode.
        """
        core = self._core
        if not core.running[0]:
            raise reset_needed(bool(core.over[0]))
        values = as_actions(action, self.action_space.shape or ())
        if self._canvas is not None:
            self._watcher.before()
        core.step(values[None], self._all)
        rate = float(core.sum_rate[0])
        info: dict[str, Any] = {
            "slot": int(core.slot[0]),
            "sum_rate_bps_hz": rate,
            "outcome": OUTCOMES[core.outcome[0]],
        }
        reward = rate
        if self.settings.reference is not None:
            info["reference"] = float(core.reference_rate[0])
            reward = float(core.reward[0])
        if self._canvas is not None:
            self._watcher.after()
            self._show()
        return core.observe()[0], reward, False, bool(core.over[0]), info

    def render(self) -> Any:
        """Return the slot rated last, as the render mode has it.

        Raises:
            ResetNeededError: before the first `reset`.
        """
        if self._canvas is None:
            gymnasium.logger.warn("render() without a render_mode; give one to gymnasium.make")
            return None
        if self._core.episodes[0] is None:
            raise reset_needed(False, "render")
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
        if self._core.episodes[0] is None:
            raise reset_needed(False, "problem")
        return self._core.problem(0)

    def action_for(self, power_w: ArrayLike) -> FloatArray:
        """Return the action that sets these powers, ``(S, K)``, in watts: an allocator's, say.

        Raises:
            InputError: they are no numbers, or not so many.
        """
        return self.settings.scale.action_for(power_w, self.settings.p_max_w)

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()


def observation_space(settings: Settings) -> spaces.Space[Float32Array]:
    """Return the space of one environment's observations."""
    low, high = settings.layout.bounds
    box: Any = spaces.Box(low, high, dtype=np.float32)
    found: spaces.Space[Float32Array] = box
    return found


def action_space(settings: Settings) -> spaces.Space[Float32Array]:
    """Return the space of one environment's actions."""
    box: Any = spaces.Box(-1.0, 1.0, (settings.subbands * settings.links,), np.float32)
    found: spaces.Space[Float32Array] = box
    return found


def reset_needed(over: bool, what: str = "step") -> ResetNeededError:
    """Return the error of what cannot be without an episode."""
    when = "after the end of an episode" if over else "before the first reset"
    return ResetNeededError(f"{what} {when}: call reset() first")
