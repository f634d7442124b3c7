"""What races: a solver answers a problem, an anytime solver also on the way there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

Problem = TypeVar("Problem")
Answer = TypeVar("Answer")


class Solver(ABC, Generic[Problem, Answer]):
    """Answers one problem at a time.

    An answer may carry an attribute ``work`` (a count of iterations, say); latency models that
    charge by the unit of work read it, and it is logged.
    """

    def prepare(self, spec: object) -> None:
        """Load, compile and warm up for problems of the given spec. Never timed."""

    @abstractmethod
    def solve(self, problem: Problem) -> Answer:
        """Answer ``problem``. Timed: all that depends on the instance happens in here."""


class AnytimeSolver(Solver[Problem, Answer]):
    """A solver whose intermediate answers can be used."""

    @abstractmethod
    def iterates(self, problem: Problem) -> Iterator[Answer]:
        """Yield usable answers on the way to the one that `solve` returns, which comes last.

        ``work`` never falls from one to the next, and ends at that of `solve`.
        """
