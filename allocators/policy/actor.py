"""What the allocator asks of a policy, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sim.problem import FloatArray, PowerControlProblem


class Actor(ABC):
    """A policy that is run: an observation of each problem in, powers out."""

    @abstractmethod
    def start(self, links: int, subbands: int) -> None:
        """Begin an episode: forget what was, for problems of this size.

        Args:
            links: K.
            subbands: S.

        Raises:
            InputError: it is not made for this size.
        """

    @abstractmethod
    def act(self, problem: PowerControlProblem, power_w: FloatArray) -> None:
        """Write the powers for a problem of that size into ``power_w``, ``(S, K)``, in watts."""
