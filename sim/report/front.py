"""The front of time against rate: what is left when whatever is beaten in both is struck out."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.cells import Cell
from sim.report.slices import Slice

#: A cell that has a place in the figure, and where: its time, or miss ratio, and its rate.
Placed = tuple[Cell, float, float]


def place_of(x: str, cell: Cell) -> tuple[float, float] | None:
    """Return a cell's metric ``x`` and its rate in force, bit/s/Hz.

    None where it lacks one, or where jobs were cut before ``x``: a smaller budget would make it
    quicker.
    """
    at = None if cell.refused or cell.is_cut(x) else cell.metric(x)
    return None if at is None or cell.rate is None else (at, cell.rate)


def placed(x: str, part: Slice, allocators: Sequence[str]) -> list[Placed]:
    """Return the cells of a slice and some allocators that have both."""
    return [
        (cell, *place)
        for cell in part.cells
        if cell.allocator in allocators and (place := place_of(x, cell)) is not None
    ]


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Return which points no other beats: not later and more, nor earlier and no less.

    Args:
        points: time, the less the better, and rate, the more the better.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    kept = [False] * len(points)
    best, at = float("-inf"), float("-inf")
    for i in order:
        time, value = points[i]
        kept[i] = value > best or (value == best and time == at)
        if value > best:
            best, at = value, time
    return kept


def on_front(found: Sequence[Placed]) -> list[bool]:
    """Return which cells no other beats."""
    return front([(at, value) for _, at, value in found])
