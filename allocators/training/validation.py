"""Validation suites: fixed channels by name, and what the compiled allocator is worth on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from allocators.training.mixture import Draw
from allocators.training.samples import Samples, answers, label, weighted_sum_rates
from sim.problem import FloatArray, PowerControlSpec
from sim.seeding import stream

if TYPE_CHECKING:
    from sim.deadline.solver import Solver
    from sim.problem import Allocation, PowerControlProblem


@dataclass(frozen=True, slots=True)
class ValidationSuite:
    """Channels that do not change, and WMMSE's weighted sum rate on each.

    Attributes:
        name: what they are.
        samples: the channels.
        reference: ``(N,)``, bit/s/Hz.
    """

    name: str
    samples: Samples
    reference: FloatArray

    @classmethod
    def drawn(
        cls, name: str, draw: Draw, number: int, channels: int, seed: int, axis: str = "validation"
    ) -> ValidationSuite:
        """Draw a suite; it depends on the seed, its number and the axis alone."""
        samples = draw(stream(seed, axis, number), channels)
        return cls(name, samples, weighted_sum_rates(samples, label(samples)))

    def rates(self, solver: Solver[PowerControlProblem, Allocation]) -> FloatArray:
        """Return an allocator's weighted sum rate on each channel, ``(N,)``, bit/s/Hz."""
        links = self.samples.weight.shape[1]
        solver.prepare(PowerControlSpec(links, 1, np.random.default_rng(0)))
        return weighted_sum_rates(self.samples, answers(solver, self.samples))

    def share(self, solver: Solver[PowerControlProblem, Allocation]) -> float:
        """Return the allocator's share of WMMSE's mean weighted sum rate."""
        return share(self.rates(solver), self.reference)


def share(rates: FloatArray, reference: FloatArray) -> float:
    """Return mean(rates) / mean(reference); 1 where there is nothing to be had."""
    whole = float(reference.mean())
    return float(rates.mean()) / whole if whole > 0.0 else 1.0
