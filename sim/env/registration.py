"""The environments' names in Gymnasium's registry."""

from __future__ import annotations

import gymnasium

POWER_CONTROL = "ttirace/PowerControl-v0"


def register_environments() -> None:
    """Register what `gymnasium.make` and `gymnasium.make_vec` are to know; twice is once.

    Without Gymnasium's wrappers, which cost more than a step: the environment itself checks
    actions and the order of calls.
    """
    if POWER_CONTROL not in gymnasium.registry:
        gymnasium.register(
            POWER_CONTROL,
            entry_point="sim.env.single:PowerControlEnv",
            vector_entry_point="sim.env.vector:PowerControlVectorEnv",
            order_enforce=False,
            disable_env_checker=True,
        )
