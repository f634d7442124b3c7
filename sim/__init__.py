"""ttirace: does this allocator make its slot, and what does it cost when it does not?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.deadline import AnytimeSolver, InputError, Solver
    from sim.problem import Allocation, PowerControlProblem, PowerControlSpec, sum_rate
    from sim.registry import register

__version__ = "0.1.0"

# Looked up on first use, so that `import sim` costs nothing.
_EXPORTS = {
    "Allocation": "sim.problem",
    "AnytimeSolver": "sim.deadline",
    "InputError": "sim.deadline",
    "PowerControlProblem": "sim.problem",
    "PowerControlSpec": "sim.problem",
    "Solver": "sim.deadline",
    "register": "sim.registry",
    "sum_rate": "sim.problem",
}

__all__ = [  # noqa: RUF022 - the order a reader meets them in
    "PowerControlProblem",
    "PowerControlSpec",
    "Allocation",
    "sum_rate",
    "Solver",
    "AnytimeSolver",
    "register",
    "InputError",
]


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
