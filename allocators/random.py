"""Powers at random."""

from __future__ import annotations

import numpy as np

from allocators.warm_up import checked_spec, warm_up
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem


class Random(Solver[PowerControlProblem, Allocation]):
    """Every link's power is uniform in [0, p_max], independent of everything else.

    Source: the usual baseline, e.g. H. Sun et al., "Learning to optimize", IEEE Trans. Signal
    Process. 66(20), 2018, Sec. V.
    """

    _rng: np.random.Generator | None = None

    def prepare(self, spec: object) -> None:
        """Warm up, and take the spec's generator."""
        known = checked_spec(spec)
        self._rng = np.random.default_rng(0)
        warm_up(self, known)
        self._rng = known.rng

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Draw new powers."""
        if self._rng is None:
            raise RuntimeError("random draws from the spec's generator: call prepare first")
        return Allocation(self._rng.random(problem.p_max_w.shape) * problem.p_max_w)
