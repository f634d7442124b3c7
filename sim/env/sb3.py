"""The vector environment for Stable-Baselines3, which has a protocol of its own.

Import it by its full name; it needs stable-baselines3, and so torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import Wrapper
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from sim.env.checks import check_arguments, episode_seed_option, options_of
from sim.env.observation import Float32Array
from sim.env.settings import ARGUMENTS
from sim.env.vector import PowerControlVectorEnv


class PowerControlVecEnv(VecEnv):
    """N environments in one call, as Stable-Baselines3 steps them: reset in the step they end in.

    Args:
        scenario: as in `sim.env.PowerControlEnv`.
        num_envs: N.
        settings: the other arguments of `sim.env.PowerControlVectorEnv`.

    Attributes:
        envs: the vector environment.

    Raises:
        InputError: whatever does not fit.
    """

    def __init__(self, scenario: Any = None, *, num_envs: int = 1, **settings: Any) -> None:
        check_arguments(settings, ("scenario", "num_envs", *ARGUMENTS, "render_mode"))
        self.envs = PowerControlVectorEnv(
            scenario, num_envs=num_envs, autoreset_mode="SameStep", **settings
        )
        single = self.envs
        super().__init__(num_envs, single.single_observation_space, single.single_action_space)
        self._actions: Float32Array = np.zeros(self.envs.action_space.shape or (), np.float32)

    def reset(self) -> Float32Array:
        """Start an episode in each, with what `seed` and `set_options` were called with, if so.

        Raises:
            InputError: no seed, or an option that there is not.
        """
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        chosen = [episode_seed_option(options_of(options)) for options in self._options]
        seen, _ = self.envs.reset(seed=seeds, options={"episode_seed": chosen})
        self._reset_seeds()
        self._reset_options()
        return seen

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[Float32Array, Float32Array, NDArray[np.bool_], list[dict[str, Any]]]:
        """Do the step; an episode that ends leaves its last observation in its info."""
        seen, rewards, _, over, told = self.envs.step(self._actions)
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": bool(ended)} for ended in over]
        for index in np.flatnonzero(over).tolist():
            infos[index]["terminal_observation"] = told["final_obs"][index]
        return seen, rewards.astype(np.float32), over, infos

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, which all of them share."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the environments are one object.

        Raises:
            AttributeError: always.
        """
        del value, indices
        raise AttributeError(f"{attr_name}: the {self.num_envs} environments are one; make another")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse likewise.

        Raises:
            AttributeError: always.
        """
        del method_args, indices, method_kwargs
        raise AttributeError(f"{method_name}: the {self.num_envs} environments are one")

    def env_is_wrapped(
        self, wrapper_class: type[Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Return that none is."""
        del wrapper_class
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return a picture of each."""
        pictures: Iterable[Any] | None = self.envs.render()
        return [None] * self.num_envs if pictures is None else list(pictures)
