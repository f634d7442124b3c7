"""An allocator in a file of its own: every link at a share of its cap."""

from sim import Allocation, PowerControlProblem, Solver, register


@register("half")
class Half(Solver[PowerControlProblem, Allocation]):
    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def solve(self, problem: PowerControlProblem) -> Allocation:
        return Allocation(self.share * problem.p_max_w)
