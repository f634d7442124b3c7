"""What a channel is to the simulator: blocks of power gains, slot after slot."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sim.problem import FloatArray


class Channel(ABC):
    """A sequence of slots, each with the power gains of S subbands of K links.

    Attributes:
        subbands: S.
        links: K.
    """

    subbands: int
    links: int

    @abstractmethod
    def block(self, slots: int) -> FloatArray:
        """Return the next ``slots`` slots: linear power gain ``(slots, S, K, K)``, C-contiguous.

        How the sequence is cut into blocks does not change it: ``block(5)`` equals ``block(2)``
        followed by ``block(3)``, to the bit.
        """
