"""What every allocator does before the race: solve once, so that nothing compiles in it."""

from __future__ import annotations

from collections import deque

import numpy as np

from sim.deadline.solver import AnytimeSolver, Solver
from sim.problem import Allocation, PowerControlProblem, PowerControlSpec


def checked_spec(spec: object) -> PowerControlSpec:
    """Return ``spec``, or raise TypeError if it does not describe power control problems."""
    if not isinstance(spec, PowerControlSpec):
        raise TypeError(f"spec: {type(spec).__name__}, want PowerControlSpec")
    return spec


def warm_up(solver: Solver[PowerControlProblem, Allocation], spec: PowerControlSpec) -> None:
    """Solve the spec's example and a random instance, drawn without touching the spec's rng."""
    rng = np.random.default_rng(0)
    shape = (spec.subbands, spec.links)
    instance = PowerControlProblem(
        rng.exponential(size=(*shape, spec.links)),
        rng.uniform(0.5, 1.5, shape),
        rng.uniform(0.5, 1.5, shape),
        rng.uniform(0.5, 1.5, spec.links),
    )
    for problem in (spec.example(), instance):
        solver.solve(problem)
        if isinstance(solver, AnytimeSolver):
            deque(solver.iterates(problem), maxlen=0)
