"""How much fits: the largest (or smallest) value of an axis that meets the target.

From the study's own answers, where it solved for one; else from the grid: the largest value of
which all values up to it meet the target, since what fits by luck beyond a miss is no capacity.
Values refused before the first that could be had do not count; one refused later ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.deadline.errors import InputError
from sim.report.axis import Axis, Value
from sim.report.cells import Cell
from sim.report.choice import Run, best_runs
from sim.report.results import StudyResults
from sim.report.slices import left_over

_LARGEST = ("links", "subbands", "controllers")
_SMALLEST = ("servers", "speed", "lead")


@dataclass(frozen=True)
class Capacity:
    """What is looked for.

    Attributes:
        axis: along which.
        largest: whether the largest that meets the target, else the smallest.
        rest: the axes it is looked for along.
        solved: whether the study solved for it.
    """

    axis: Axis
    largest: bool
    rest: tuple[Axis, ...]
    solved: bool


@dataclass(frozen=True)
class Fit:
    """How much fits, for one place and one allocator.

    Attributes:
        allocator: its label.
        status: ``met``, ``everywhere`` (even the farthest value tried meets it), ``unknown`` (the
            next value is not run yet), ``unmet``, ``refused``, or ``gap`` (the first value does
            not meet it, though a farther one does).
        answer: the number on the axis; None unless met.
        cell: there.
        next: the tightest number that does not meet it, if there is one.
        next_cell: there, if the table has it.
        nearest: where nothing meets it, the cell that comes nearest; in a gap, the farthest cell
            that meets it.
    """

    allocator: str
    status: str
    answer: float | None = None
    cell: Cell | None = None
    next: float | None = None
    next_cell: Cell | None = None
    nearest: Cell | None = None


@dataclass(frozen=True)
class Row:
    """All allocators at one place, and all cells there."""

    place: Mapping[str, Value]
    fits: tuple[Fit, ...]
    cells: tuple[Cell, ...]

    @property
    def hopeless(self) -> bool:
        """Whether values were tried, and none meets the target with any allocator."""
        known = all(fit.status in ("unmet", "refused") for fit in self.fits)
        return known and any(fit.nearest for fit in self.fits)


def best_at(results: StudyResults, capacity: Capacity, row: Row) -> list[Run]:
    """Return who is best from where to where at a place.

    From where it is hardest: down for what is to be small, up for what is to be large. What the
    study solved for tells who is out where, tried or not.
    """
    fits = {fit.allocator: fit for fit in row.fits}

    def out(label: str, at: float) -> bool:
        fit = fits.get(label)
        if fit is None or not capacity.solved or fit.status == "everywhere":
            return False
        if fit.answer is None:
            return fit.status in ("unmet", "refused")
        return at > fit.answer if capacity.largest else at < fit.answer

    return best_runs(capacity.axis, row.cells, results.target, not capacity.largest, out)


def capacities(results: StudyResults) -> list[Capacity]:
    """Return what can be looked for in a study, the most asked for first.

    Raises:
        InputError: the study's answers are not for its axes.
    """
    if results.answers:
        name, find = str(results.answers[0]["axis"]), results.answers[0]["find"]
        path = results.folder / "targets.parquet"
        axis = results.axis(name, f"{path}: axis")
        rest = _others(results, axis)
        for other in rest:
            if other.name not in results.answers[0]:
                raise InputError(f"{path}: lacks the column {other.name!r}, an axis of this study")
        return [Capacity(axis, find == "largest", rest, True)]
    axes = {axis.fact: axis for axis in results.axes if axis.fact and axis.numeric}
    chosen = [(axes[f], True) for f in _LARGEST if f in axes]
    chosen += [(axes[f], False) for f in _SMALLEST if f in axes]
    if not chosen:
        ends = [axes.get("slot_us"), results.budget_axis]
        chosen = [(axis, False) for axis in ends if axis is not None][:1]
    return [Capacity(axis, largest, _others(results, axis), False) for axis, largest in chosen]


def fit_rows(results: StudyResults, capacity: Capacity, allocators: Sequence[str]) -> list[Row]:
    """Return how much fits at every place."""
    groups: dict[tuple[Value, ...], list[Cell]] = {}
    for cell in results.cells:
        if cell.values[capacity.axis.name] is not None and cell.allocator in allocators:
            key = tuple(axis.of(cell.values) for axis in capacity.rest)
            groups.setdefault(key, []).append(cell)
    answers = {
        (*(row[axis.name] for axis in capacity.rest), row["allocator"]): row
        for row in (results.answers if capacity.solved else ())
    }
    for key in answers:
        if key[-1] in allocators:
            groups.setdefault(key[:-1], [])
    order = [{value: i for i, value in enumerate(axis.values)} for axis in capacity.rest]
    rows = []
    for key in sorted(groups, key=lambda k: [o.get(v, -1) for o, v in zip(order, k, strict=True)]):
        fits = []
        for label in allocators:
            own = {
                capacity.axis.numbers[capacity.axis.of(cell.values)]: cell
                for cell in groups[key]
                if cell.allocator == label
            }
            if capacity.solved:
                if (row := answers.get((*key, label))) is not None:
                    fits.append(_solved(capacity, row, own, label))
            elif own:
                fits.append(_from_grid(results, capacity, own, label))
        if fits:
            place = {axis.name: value for axis, value in zip(capacity.rest, key, strict=True)}
            rows.append(Row(place, tuple(fits), tuple(groups[key])))
    return rows


def _others(results: StudyResults, axis: Axis) -> tuple[Axis, ...]:
    return tuple(other for other in left_over(results, [axis]) if other.name != axis.name)


def _from_grid(
    results: StudyResults, capacity: Capacity, own: Mapping[float, Cell], label: str
) -> Fit:
    axis = capacity.axis
    grid = sorted(axis.numbers[value] for value in axis.values)
    if axis not in results.axes:  # a fact: only what other axes make of it here can be had
        grid = sorted(own)
    if not capacity.largest:
        grid.reverse()
    tried = [at for at in grid if at not in own or not own[at].refused]
    if tried:  # where it starts is its own affair: a network may be made for 10 links or more
        grid = grid[grid.index(tried[0]) :]
    answer: float | None = None
    for at in grid:
        cell = own.get(at)
        if cell is None:
            return Fit(label, "unknown", answer, None if answer is None else own.get(answer), at)
        if not results.target.met(cell):
            break
        answer = at
    else:
        return Fit(label, "everywhere", answer, own[grid[-1]])
    if answer is not None:
        return Fit(label, "met", answer, own[answer], at, own[at])
    beyond = [own[value] for value in grid if value in own and results.target.met(own[value])]
    if beyond:
        return Fit(label, "gap", next=at, next_cell=own[at], nearest=beyond[-1])
    if all(cell.refused for cell in own.values()):
        return Fit(label, "refused", next=at, next_cell=own[at])
    served = [cell for cell in own.values() if not cell.refused]
    return Fit(label, "unmet", next=at, next_cell=own[at], nearest=_nearest(results, served))


def _nearest(results: StudyResults, cells: Iterable[Cell]) -> Cell | None:
    """Return the cell whose first figure comes nearest to its bound."""
    condition = results.target.conditions[0]
    found = [
        (abs(v - condition.bound), c)
        for c in cells
        if (v := c.metric(condition.metric)) is not None
    ]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _solved(
    capacity: Capacity, row: Mapping[str, Any], own: Mapping[float, Cell], label: str
) -> Fit:
    def on_axis(name: str) -> tuple[float | None, Cell | None]:
        if (value := row[name]) is None:
            return None, None
        # The axis shows other units than the table holds: 1e-3 for ns shown as us.
        known = next((v for v in capacity.axis.values if v == value), None)
        at = float(value) if known is None else capacity.axis.numbers[known]
        return at, own.get(at)

    answer, cell = on_axis("answer")
    beyond, beyond_cell = on_axis("next")
    _, nearest = on_axis("nearest")
    return Fit(label, str(row["status"]), answer, cell, beyond, beyond_cell, nearest)
