"""Environments for agents that learn: the race as a Gymnasium environment.

Importing this registers ``ttirace/PowerControl-v0``. It needs the extra ``rl``.
"""

from importlib.util import find_spec

if find_spec("gymnasium") is None:
    raise ModuleNotFoundError(
        "sim.env needs gymnasium; install the extra: pip install 'ttirace[rl]'", name="gymnasium"
    )

from sim.env.discrete import DiscretePower
from sim.env.errors import InvalidActionError, NoWindowError, ResetNeededError
from sim.env.registration import register_environments
from sim.env.scene import Scene
from sim.env.single import PowerControlEnv
from sim.env.vector import PowerControlVectorEnv

__all__ = [
    "DiscretePower",
    "InvalidActionError",
    "NoWindowError",
    "PowerControlEnv",
    "PowerControlVectorEnv",
    "ResetNeededError",
    "Scene",
]

register_environments()
