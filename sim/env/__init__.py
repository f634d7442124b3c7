"""Environments for agents that learn: the race for Gymnasium, and for PettingZoo.

Importing this registers ``ttirace/PowerControl-v0`` with the one and
``ttirace/PowerControlLocal-v0`` with the other. It needs the extra ``rl``.
"""

from importlib.util import find_spec

if find_spec("gymnasium") is None or find_spec("pettingzoo") is None:
    raise ModuleNotFoundError(
        "sim.env needs gymnasium and pettingzoo; install the extra: pip install 'ttirace[rl]'"
    )

from sim.env.discrete import DiscretePower
from sim.env.errors import InvalidActionError, NoWindowError, ResetNeededError
from sim.env.local import PowerControlLocalEnv, parallel_env
from sim.env.local_vector import LocalVector
from sim.env.registration import register_environments
from sim.env.scene import Scene
from sim.env.single import PowerControlEnv
from sim.env.vector import PowerControlVectorEnv

__all__ = [
    "DiscretePower",
    "InvalidActionError",
    "LocalVector",
    "NoWindowError",
    "PowerControlEnv",
    "PowerControlLocalEnv",
    "PowerControlVectorEnv",
    "ResetNeededError",
    "Scene",
    "parallel_env",
]

register_environments()
