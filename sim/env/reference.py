"""An allocator beside the agent: the rate that its answers would have, as if they took no time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline import InputError
from sim.deadline.call import attempt
from sim.ledger import kept
from sim.named import named_allocator
from sim.problem import (
    FloatArray,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
    evaluate,
)
from sim.registry import prepare_allocator
from sim.scenario.allocators import with_files
from sim.seeding import stream


@dataclass(frozen=True)
class ReferenceAllocator:
    """An allocator by name, and what all its problems share.

    Attributes:
        name: as in a scenario.
        parameters: likewise.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        weight: ``(K,)``.
    """

    name: str
    parameters: Mapping[str, Any]
    noise_w: FloatArray
    p_max_w: FloatArray
    weight: FloatArray

    @classmethod
    def of(
        cls,
        text: str,
        folder: Path,
        noise_w: FloatArray,
        p_max_w: FloatArray,
        weight: FloatArray,
    ) -> ReferenceAllocator:
        """Return the reference that a user names, as ``wmmse`` or ``wmmse:restarts=5``.

        Raises:
            InputError: it is no allocator, or does not fit the problems.
        """
        if not isinstance(text, str):
            raise InputError(f"reference: {text!r}, want the name of an allocator")
        try:
            name, parameters = named_allocator(text)
            found = cls(name, with_files(parameters, folder), noise_w, p_max_w, weight)
            found.start(0)
        except InputError as error:
            raise InputError(f"reference: {error}") from error
        return found

    def start(self, seed: int) -> Reference:
        """Return it prepared for an episode, with the random numbers of a race with that seed."""
        return Reference(self, seed)


class Reference:
    """A prepared reference in one episode.

    Args:
        allocator: which.
        seed: of the episode.
    """

    def __init__(self, allocator: ReferenceAllocator, seed: int) -> None:
        subbands, links = allocator.noise_w.shape
        spec = PowerControlSpec(links, subbands, stream(seed, "allocator", 0))
        self._solver = prepare_allocator(allocator.name, allocator.parameters, spec)
        self._allocator = allocator
        # What it does to its problems is not to reach ours.
        self._given = [allocator.noise_w.copy(), allocator.p_max_w.copy(), allocator.weight.copy()]
        self._newest_w = allocator.p_max_w
        self._rates: FloatArray = np.empty(links)

    def rate(self, gain: FloatArray) -> float:
        """Solve the next slot; return its weighted sum rate, in bit/s/Hz.

        A failed call counts as a repetition of the last usable answer, as in a race.

        Args:
            gain: the slot's linear power gain, ``(S, K, K)``.
        """
        known = self._allocator
        true = PowerControlProblem.trusted(gain, known.noise_w, known.p_max_w, known.weight)
        given = PowerControlProblem.trusted(gain.copy(), *self._given)
        answer = attempt(self._solver, given, lambda _, found: check_allocation(true, found)).answer
        if answer is not None:
            self._newest_w = kept(answer, known.p_max_w).power_w
        return evaluate(true, self._newest_w, self._rates)
