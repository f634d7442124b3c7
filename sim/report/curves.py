"""Figures over an axis of numbers: which axis, which panels, and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.deadline.plots import blank, plain
from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.exhibit import NothingToShowError, Options, axis_option
from sim.report.matrix import short, wrapped
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices, spread
from sim.report.wording import count, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PREFERRED = ("slot_us", "speed", "servers", "lead")
_LAST = ("links", "subbands", "controllers", "batch")
_TICK_ROOM = 0.07  # of a page's width


def numeric_axis(results: StudyResults, options: Options) -> Axis:
    """Return the axis asked for as ``x``, or the budget, or what is nearest to that.

    Raises:
        InputError: the axis asked for is not there.
        NothingToShowError: it has no numbers, or there is no axis of numbers.
    """
    asked = axis_option(results, options, "x")
    if asked is not None:
        if not asked.numeric:
            raise NothingToShowError(f"x: {asked.bare!r} is labels; want numbers")
        return asked
    solved = {row["axis"] for row in results.answers}
    own = [axis for axis in results.axes if axis.numeric and axis.name not in solved]
    budget = results.budget_axis
    if budget is not None and budget.name not in solved:
        return budget
    for fact in _PREFERRED:
        axis = results.varying.get(fact)
        if axis in own:
            return axis
    ranked = sorted(own, key=lambda axis: (axis.fact in _LAST, -len(axis.values)))
    if not ranked:
        ranked = [axis for axis in results.axes if axis.numeric]
    if not ranked:
        raise NothingToShowError("no axis of the study is of numbers that vary")
    return ranked[0]


def chosen_slices(results: StudyResults, axis: Axis, most: int) -> tuple[list[Slice], int]:
    """Return at most so many slices that hold several values of an axis, and how many there are.

    Where an axis was solved for, its values were tried here and there: the fullest come first.
    """
    parts = slices(results, [axis])
    widths = [len({axis.of(cell.values) for cell in part.cells}) for part in parts]
    full = [part for part, width in zip(parts, widths, strict=True) if width == max(widths)]
    return spread(full, most), len(parts)


def ordered(axis: Axis, cells: Sequence[Cell]) -> list[tuple[float, Cell]]:
    """Return cells with their numbers on an axis, rising."""
    pairs = [(axis.numbers[axis.of(cell.values)], cell) for cell in cells]
    return sorted(pairs, key=lambda pair: pair[0])


def panel_grid(
    titles: Sequence[str], height: float = 2.7, beside: float = 1.6, across: int = 0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each title, at most four beside each other.

    Args:
        titles: of the panels.
        height: of a panel, where several stand beside each other, in inches.
        beside: room for a legend, in inches.
        across: how many beside each other; 0 for what looks best.
    """
    across = across or (1 if len(titles) == 1 else 2 if len(titles) in (2, 4) else 3)
    down = -(-len(titles) // across)
    width = 7.2 + beside - 0.6 if across == 1 else 8.4 + beside - 0.4
    room = 78 if across == 1 else 84 // across
    heads = [wrapped(title, room) for title in titles]
    lines = max((head.count("\n") for head in heads), default=0)
    # The first two lines have room.
    height = (3.6 if across == 1 else height) + 0.15 * max(lines - 1, 0)
    figure = blank(min(width, 9.4), 0.6 + height * down)
    places = np.ravel(figure.subplots(down, across, squeeze=False)).tolist()
    for spare in places[len(titles) :]:
        spare.set_axis_off()
    for axes, head in zip(places, heads, strict=False):
        plain(axes)
        axes.tick_params(labelsize=8)
        axes.set_title(head, fontsize=9, parse_math=False)
    return figure, places[: len(titles)]


def first_of_line(places: Sequence[Axes]) -> Sequence[Axes]:
    """Return the leftmost panels."""
    across = places[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    return places[::across]


def scale_x(axes: Axes, axis: Axis, cells: Sequence[Cell]) -> None:
    """Give an axis of numbers its scale and ticks at the values that were run."""
    if axis.log:
        axes.set_xscale("log")
        from matplotlib.ticker import NullLocator

        axes.xaxis.set_minor_locator(NullLocator())
    across = axes.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    kept = run_ticks(axis, cells, _TICK_ROOM * across)
    axes.set_xticks(kept, [number(value) for value in kept])


def run_ticks(axis: Axis, cells: Sequence[Cell], room: float) -> list[float]:
    """Return values that were run, so far from each other as a tick needs room.

    Args:
        axis: of numbers.
        cells: what was run.
        room: of a tick, as a share of the axis's length.
    """
    found = sorted({axis.numbers[axis.of(cell.values)] for cell in cells})
    low, high = found[0], found[-1]
    kept: list[float] = []
    last = -1.0
    for value in found:
        span = np.log(high / low) if axis.log else high - low
        place = (np.log(value / low) if axis.log else value - low) / (span or 1.0)
        if place - last >= room:
            kept.append(value)
            last = place
    return kept


def side_legend(figure: Figure, axes: Axes) -> None:
    """Put one legend beside all panels, names shortened where they are long."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        kept = figure.legend(handles, [""] * len(labels), fontsize=8, loc="outside right center")
        for text, label in zip(kept.get_texts(), labels, strict=True):
            text.set_parse_math(False)
            text.set_text(short(label, 22))


def drawn_note(shown: int, there: int) -> list[str]:
    """Return a sentence if not all slices are drawn."""
    if shown >= there:
        return []
    verb = "is" if shown == 1 else "are"
    return [f"{count(shown, 'slice')} of {there} {verb} drawn; the CSV has all."]
