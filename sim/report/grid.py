"""Two axes of a study as rows and columns, and which cell stands where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.deadline import InputError
from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.exhibit import NothingToShowError, Options, axis_option
from sim.report.results import StudyResults
from sim.report.slices import Slice

_ALLOCATOR = "allocator"
_ROWS = ("links", "subbands", "controllers", "servers", "batch", "lead", "speed")
_COLUMNS = ("slot_us", "budget_us", "speed", "servers", "lead")

#: Where a study has no axis at all.
_NONE = Axis("", "", ("",), {})


@dataclass(frozen=True)
class Grid:
    """Two axes; the second is the allocators where it is None."""

    x: Axis
    y: Axis | None

    def axes(self) -> list[Axis]:
        """Return the axes of the study among the two."""
        return [self.x] + ([self.y] if self.y else [])

    def rows(self, allocators: Sequence[str]) -> list[str]:
        """Return what stands beside the rows, from the bottom."""
        if self.y is None:
            return list(reversed(allocators))
        return [self.y.text(value) for value in self.y.values]

    def places(
        self, cells: Sequence[Cell], allocators: Sequence[str]
    ) -> dict[tuple[int, int], Cell]:
        """Return the cells by their row and column."""
        column = {value: j for j, value in enumerate(self.x.values)}
        keys = list(reversed(allocators)) if self.y is None else list(self.y.values)
        row = {value: i for i, value in enumerate(keys)}
        return {
            (
                row[cell.allocator if self.y is None else self.y.of(cell.values)],
                column[self.x.of(cell.values)],
            ): cell
            for cell in cells
            if cell.allocator in allocators
        }


def grid_of(results: StudyResults, options: Options) -> Grid:
    """Return the axes asked for, or links over slots, or what is nearest to that.

    Raises:
        InputError: an axis that is not there, one twice, or a ``y`` beside which there is no other.
    """
    x, y = axis_option(results, {**options}, "x"), None
    rows_are_allocators = options.get("y") == _ALLOCATOR
    if not rows_are_allocators:
        y = axis_option(results, options, "y")
    if x is not None and x == y:
        raise InputError(f"{options['where']}: x and y are the same axis, {x.name}; want two")
    free = [axis for axis in results.axes if axis not in (x, y)]

    def take(order: Sequence[str]) -> Axis | None:
        ranked = sorted(free, key=lambda a: order.index(a.fact) if a.fact in order else len(order))
        if not ranked:
            return None
        free.remove(ranked[0])
        return ranked[0]

    if x is None:
        # The rows' own kind is left for the rows.
        kept = None if y or rows_are_allocators or len(free) < 2 else take(_ROWS)
        x = take(_COLUMNS)
        y = y or kept
    elif y is None and not rows_are_allocators:
        y = take(_ROWS)
    if x is None:
        x = next((a for a in results.every_axis if a is not y), None)
    if x is None and y is not None:
        raise InputError(f"{options['where']}: y: {y.bare} is the only axis; want it as x")
    x = x or _NONE
    return Grid(x, y)


def check_full(results: StudyResults, grid: Grid, options: Options) -> None:
    """Refuse a map that nobody asked for along an axis that was solved for, if it has mostly holes.

    Raises:
        NothingToShowError: fewer than half of its cells were run.
    """
    solved = {row["axis"] for row in results.answers}
    own = [axis for axis in grid.axes() if axis.name in solved]
    if options["where"] or not own:
        return
    others = [axis for axis in results.axes if axis not in own]
    places = {(*(axis.of(c.values) for axis in others), c.allocator) for c in results.cells}
    there = len(places) * len(own[0].values)
    if 2 * len(results.cells) < there:
        raise NothingToShowError(
            f"{own[0].bare} was solved for, which tries values here and there: "
            f"{len(results.cells)} of {there} cells were run, and a map would be mostly white"
        )


def placed(grid: Grid, part: Slice, names: Sequence[str]) -> Mapping[tuple[int, int], Cell]:
    """Return the cells of a slice and some allocators by their row and column."""
    if grid.x.name not in part.cells[0].values:
        keys = list(reversed(names))
        return {(keys.index(c.allocator), 0): c for c in part.cells if c.allocator in keys}
    return grid.places(part.cells, names)
