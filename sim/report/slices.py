"""What a figure of few axes leaves over: a slice for each value of the axes it does not show.

An axis that the shown ones settle is none: where the budget is shown, the slot it comes from is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sim.report.axis import FACTS, Axis, Value
from sim.report.cells import Cell
from sim.report.results import StudyResults
from sim.report.wording import listing

T = TypeVar("T")


@dataclass(frozen=True)
class Slice:
    """Cells that differ in the shown axes and the allocator only.

    Attributes:
        place: what they share: value of each axis left over.
        axes: the axes left over.
        cells: in the table's order.
    """

    place: Mapping[str, Value]
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    def of(self, allocator: str) -> list[Cell]:
        """Return an allocator's cells."""
        return [cell for cell in self.cells if cell.allocator == allocator]

    @property
    def title(self) -> str:
        """What the cells share, in words; empty if there is nothing to tell."""
        return listing([axis.phrase(self.place[axis.name]) for axis in self.axes] or [""])

    @property
    def lead_in(self) -> str:
        """The start of a sentence about the slice: `With 10 links, `."""
        return f"with {self.title}, " if self.axes else ""


def left_over(results: StudyResults, shown: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the axes that must be held for a cell to be one of an allocator alone."""
    names = {axis.name for axis in shown}
    rest = [axis for axis in results.axes if axis.name not in names]
    own = {axis.name for axis in results.every_axis}
    if names <= own or not names & set(FACTS):
        return tuple(rest)
    for axis in sorted(rest, key=lambda axis: -len(axis.values)):
        kept = [*names, *(other.name for other in rest if other is not axis)]
        if _settled(results.cells, kept, axis.name):
            rest.remove(axis)
    return tuple(rest)


def slices(results: StudyResults, shown: Sequence[Axis]) -> list[Slice]:
    """Cut the cells into slices, in the order of the axes left over."""
    axes = left_over(results, shown)
    groups: dict[tuple[Value, ...], list[Cell]] = {}
    for cell in results.cells:
        if all(axis.of(cell.values) is not None for axis in shown):
            groups.setdefault(tuple(axis.of(cell.values) for axis in axes), []).append(cell)
    order = [{value: i for i, value in enumerate(axis.values)} for axis in axes]
    keys = sorted(groups, key=lambda key: [o[v] for o, v in zip(order, key, strict=True)])
    return [
        Slice({a.name: v for a, v in zip(axes, key, strict=True)}, axes, tuple(groups[key]))
        for key in keys
    ]


def spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, the first and the last and evenly between."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[len(items) // 2]]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _settled(cells: Iterable[Cell], names: Sequence[str], name: str) -> bool:
    seen: dict[tuple[Value, ...], Value] = {}
    for cell in cells:
        key = tuple(cell.values[other] for other in names)
        if None not in key and seen.setdefault(key, cell.values[name]) != cell.values[name]:
            return False
    return True
