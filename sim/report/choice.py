"""The best allocator for a budget: the most rate in force among those that meet the target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.crossover import LEVEL
from sim.report.target import Target


@dataclass(frozen=True)
class Choice:
    """The best cell, and the other allocators whose rate is level with it."""

    cell: Cell
    level: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """Neighbouring numbers on an axis at which one allocator is best.

    Attributes:
        allocator: its label.
        first: the first of them.
        last: the last of them.
        choice: at the last.
    """

    allocator: str
    first: float
    last: float
    choice: Choice


def best_choice(cells: Iterable[Cell], target: Target) -> Choice | None:
    """Return the best of the cells that meet the target; the first of those that are level."""
    rated = [(rate, cell) for cell in cells if target.met(cell) and (rate := cell.rate) is not None]
    if not rated:
        return None
    most = max(rate for rate, _ in rated)
    near = [cell for rate, cell in rated if rate >= most - LEVEL * abs(most)]
    best = near[0]
    others = dict.fromkeys(cell.allocator for cell in near if cell.allocator != best.allocator)
    return Choice(best, tuple(others))


def best_runs(
    axis: Axis,
    cells: Sequence[Cell],
    target: Target,
    falling: bool = False,
    out: Callable[[str, float], bool] | None = None,
) -> list[Run]:
    """Return who is best from where to where on an axis.

    Only where all allocators were tried that may meet the target: a search tries each elsewhere.

    Args:
        axis: the axis.
        cells: that differ in it and in the allocator only.
        target: what they have to meet.
        falling: whether to begin at the largest number.
        out: whether an allocator is known not to meet it at a number, tried there or not.
    """
    labels = {cell.allocator for cell in cells}
    groups: dict[float, dict[str, Cell]] = {}
    for cell in cells:
        groups.setdefault(axis.numbers[axis.of(cell.values)], {})[cell.allocator] = cell
    runs: list[Run] = []
    last: str | None = None
    for at in sorted(groups, reverse=falling):
        absent = labels - groups[at].keys()
        if not all(out is not None and out(label, at) for label in absent):
            continue
        choice = best_choice(_leader_first(groups[at], last), target)
        if choice is None:
            last = None
            continue
        who = choice.cell.allocator
        first = runs.pop().first if who == last else at
        runs.append(Run(who, first, at, choice))
        last = who
    return runs


def _leader_first(cells: Mapping[str, Cell], leader: str | None) -> list[Cell]:
    """Return cells so that who was best before stays so where another is no more than level."""
    return sorted(cells.values(), key=lambda cell: cell.allocator != leader)
