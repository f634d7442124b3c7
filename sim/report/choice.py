"""The best allocator for a budget: the most rate in force among those that meet the target.

A rate is a mean over controllers; what counts is what all of them have together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.report.cells import Cell
from sim.report.crossover import LEVEL
from sim.report.target import Target


@dataclass(frozen=True)
class Choice:
    """The best cell, and the other allocators whose rate is level with it."""

    cell: Cell
    level: tuple[str, ...]


def best_choice(cells: Iterable[Cell], target: Target) -> Choice | None:
    """Return the best of the cells that meet the target; the first of those that are level."""
    rated = [
        (rate * _controllers(cell), cell)
        for cell in cells
        if target.met(cell) and (rate := cell.rate) is not None
    ]
    if not rated:
        return None
    most = max(rate for rate, _ in rated)
    near = [cell for rate, cell in rated if rate >= most - LEVEL * abs(most)]
    best = near[0]
    others = dict.fromkeys(cell.allocator for cell in near if cell.allocator != best.allocator)
    return Choice(best, tuple(others))


def _controllers(cell: Cell) -> float:
    found = cell.values.get("controllers")
    return float(found) if isinstance(found, int | float) else 1.0
