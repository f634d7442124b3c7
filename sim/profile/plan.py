"""What `ttirace calibrate` is to measure, and how."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.deadline.stats import CARRIED
from sim.host import Wait

#: Calls of a cell, however slow they are: two rounds of four.
FEWEST = 8


class Plan(NamedTuple):
    """What is to be measured, and how.

    Attributes:
        allocators: as in `named_allocator`.
        links: K of each cell.
        subbands: S of each cell.
        samples: calls of each cell.
        rounds: how many.
        period_ns: from one call to the next, where the call leaves room.
        longest_ns: of one cell in all; slow cells get fewer samples, and the slowest are left out.
        seed: of the instances and the order.
        cpu: which processor; the last one permitted if None.
        wait: how calls wait for their turn.
        plugins: files or modules that register more allocators.
    """

    allocators: tuple[str, ...]
    links: tuple[int, ...]
    subbands: tuple[int, ...]
    samples: int
    rounds: int = 32
    period_ns: int = 1_000_000
    longest_ns: int = 20_000_000_000
    seed: int = 0
    cpu: int | None = None
    wait: Wait = "poll"
    plugins: tuple[str, ...] = ()

    @property
    def most_calls(self) -> int:
        """The most calls it can take: as many as periods fit into the time of a cell."""
        own = min(self.samples, max(self.longest_ns // self.period_ns, FEWEST))
        return own * (1 + len(self.allocators) * len(self.links) * len(self.subbands))


def samples_for(quantile: float) -> int:
    """Return how many calls carry a percentile (see `sim.deadline.stats.percentile`)."""
    return int(np.ceil(np.log(CARRIED) / np.log(quantile)))
