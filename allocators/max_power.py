"""Everybody at full power."""

from __future__ import annotations

from allocators.warm_up import checked_spec, warm_up
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem


class MaxPower(Solver[PowerControlProblem, Allocation]):
    """Every link transmits at p_max: optimal for one link alone, or at vanishing SNR.

    Source: the usual baseline, e.g. H. Sun et al., "Learning to optimize", IEEE Trans. Signal
    Process. 66(20), 2018, Sec. V.
    """

    def prepare(self, spec: object) -> None:
        """Warm up."""
        warm_up(self, checked_spec(spec))

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Return the caps themselves, copied."""
        return Allocation(problem.p_max_w.copy())
