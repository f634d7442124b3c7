"""The environments' names in the registries of Gymnasium and PettingZoo."""

from __future__ import annotations

import gymnasium
import pettingzoo

from sim.env.agents import LOCAL_CONTROL

POWER_CONTROL = "ttirace/PowerControl-v0"


def register_environments() -> None:
    """Register what Gymnasium's and PettingZoo's `make` are to know; twice is once.

    Without Gymnasium's wrappers, which cost more than a step: the environment itself checks
    actions and the order of calls. Gymnasium's registry holds environments of one agent only.
    """
    if POWER_CONTROL not in gymnasium.registry:
        gymnasium.register(
            POWER_CONTROL,
            entry_point="sim.env.single:PowerControlEnv",
            vector_entry_point="sim.env.vector:PowerControlVectorEnv",
            order_enforce=False,
            disable_env_checker=True,
        )
    if LOCAL_CONTROL not in pettingzoo.parallel_registry:
        pettingzoo.register("parallel", LOCAL_CONTROL, entry_point="sim.env.local:parallel_env")
        pettingzoo.register("aec", LOCAL_CONTROL, entry_point="sim.env.local:env")
