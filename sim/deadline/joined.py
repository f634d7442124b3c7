"""One call over several problems at once, timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic

from sim.deadline.call import attempt
from sim.deadline.solver import Answer, Problem, Solver


class Joined(Generic[Problem, Answer]):
    """What one call over several problems takes on this machine.

    Args:
        join: makes several problems one, in memory of its own.
        solvers: prepared solvers, by how many problems a call of theirs is over.
    """

    def __init__(
        self,
        join: Callable[[Sequence[Problem]], Problem],
        solvers: Mapping[int, Solver[Problem, Answer]],
    ) -> None:
        self._join = join
        self._solvers = solvers
        self._warm: set[int] = set()

    def elapsed_ns(self, problems: Sequence[Problem]) -> int:
        """Return what one call over these problems took, whatever it answered."""
        size = len(problems)
        if size not in self._warm:
            attempt(self._solvers[size], self._join(problems))
            self._warm.add(size)
        return attempt(self._solvers[size], self._join(problems)).elapsed_ns

    def cool(self) -> None:
        """Call each solver once untimed before it is timed again: others had the processor."""
        self._warm.clear()
