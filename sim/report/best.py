"""The map of the best allocator: who has the most rate among those that meet the target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.deadline.plots import colour
from sim.report.cells import Cell
from sim.report.choice import Choice, best_choice
from sim.report.curves import drawn_note
from sim.report.exhibit import Exhibit, Interactive, NothingToShowError, Options, allocators_option
from sim.report.grid import Grid, check_full, grid_of
from sim.report.matrix import Box, footnote, frame, hatch, panels, short, write
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices, spread
from sim.report.wording import count, named, rate, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "y", "allocator")

_MOST_PANELS = 6
_READABLE = (0.36, 0.19)


def asked(results: StudyResults, options: Options) -> tuple[Grid, list[str]]:
    """Return the axes and the allocators."""
    if not results.axes:
        raise NothingToShowError("the study has one point an allocator")
    return grid_of(results, options), allocators_option(results, options)


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw who is best over two axes."""
    grid, allocators = asked(results, options)
    check_full(results, grid, options)
    parts = slices(results, grid.axes())
    choices = [_choices(results, grid, part, allocators) for part in parts]
    at = spread(range(len(parts)), _MOST_PANELS)
    figure = _figure(results, grid, [(parts[i], choices[i]) for i in at])
    every = [choice for found in choices for choice in found.values()]
    return [
        Exhibit(
            name="best",
            title="The best allocator",
            figure=figure,
            columns=[*(a.name for a in grid.axes()), *(a.name for a in parts[0].axes), "best",
                     "in_force_bps_hz", "miss_ratio", "level_with_it"],
            rows=[
                row
                for part, found in zip(parts, choices, strict=True)
                for row in _rows(grid, part, found)
            ],
            sentences=[*_sentences(every), *drawn_note(len(at), len(parts))],
            caption=(
                "Colour: the allocator with the most rate in force among those that meet the "
                f"target ({results.target.text}); the figure is that rate, bit/s/Hz. Hatched: none "
                "meets it."
            ),
            interactive=partial(
                _interactive, results, grid, [(parts[i], choices[i]) for i in at]
            ),
        )
    ]  # fmt: skip


_NONE = "#bbbbbb"  # of a page's cell where nobody meets the target
_HOVER = {"best": "best", "in force": "rate", "missed": "missed", "level with it": "level"}
_LEGEND = 24  # pixels of a row of a legend
_LABEL = 18  # letters beside a figure of a page


def _interactive(
    results: StudyResults,
    grid: Grid,
    parts: Sequence[tuple[Slice, Mapping[tuple[int, int], Choice | None]]],
) -> Interactive:
    """Draw the same panels for a page."""
    from matplotlib.colors import to_hex

    from sim.deadline.html.charts import cells_figure, legend_above

    below = [short(grid.x.text(value), _LABEL) for value in grid.x.values]
    beside = [short(grid.y.text(value), _LABEL) for value in grid.y.values] if grid.y else [" "]
    titles = (grid.x.title, grid.y.title if grid.y else "")
    figures = []
    for part, found in parts:
        cells = [
            {"row": row, "column": column, **_told(results, choice)}
            for (row, column), choice in found.items()
        ]
        made = cells_figure(part.title if part.axes else "", cells, below, beside, titles, _HOVER)
        who = {choice.cell.allocator for choice in found.values() if choice}
        shades = {
            short(label, 22): to_hex(_shade(i))
            for i, label in enumerate(results.allocators)
            if label in who
        }
        for name, shade in (
            {**shades, "none": _NONE} if None in found.values() else shades
        ).items():
            made.rect([math.nan], [math.nan], 1, 1, color=shade, legend_label=name)
        legend_above(made)
        made.legend.click_policy = "none"  # there is no curve to hide
        made.height += _LEGEND * made.legend[0].nrows
        figures.append(made)
    return Interactive(
        figures,
        "Colour: of the allocators that meet the target there "
        f"({results.target.text}), the one with the most rate in force; the figure is that rate, "
        "bit/s/Hz. Point at a cell for its numbers.",
    )


def _told(results: StudyResults, choice: Choice | None) -> dict[str, str]:
    """Return how a cell of a page looks, and what it tells when it is pointed at."""
    from matplotlib.colors import to_hex

    if choice is None:
        return {"shade": _NONE, "text": "", "best": "none meets the target", "rate": "-",
                "missed": "-", "level": "-"}  # fmt: skip
    cell = choice.cell
    return {
        "shade": to_hex(_shade(results.allocators.index(cell.allocator))),
        "text": f"{cell.rate or 0.0:.1f}",
        "best": cell.allocator,
        "rate": rate(cell.rate or 0.0),
        "missed": ratio(cell.metric("miss_ratio") or 0.0),
        "level": ", ".join(choice.level) or "-",
    }


def _choices(
    results: StudyResults, grid: Grid, part: Slice, allocators: Sequence[str]
) -> dict[tuple[int, int], Choice | None]:
    groups: dict[tuple[int, int], list[Cell]] = {}
    for cell in part.cells:
        if cell.allocator in allocators:
            row = grid.y.values.index(grid.y.of(cell.values)) if grid.y else 0
            groups.setdefault((row, grid.x.values.index(grid.x.of(cell.values))), []).append(cell)
    return {place: best_choice(cells, results.target) for place, cells in groups.items()}


def _figure(
    results: StudyResults,
    grid: Grid,
    parts: Sequence[tuple[Slice, Mapping[tuple[int, int], Choice | None]]],
) -> Any:
    from matplotlib.patches import Patch

    beside = [grid.y.text(v) for v in grid.y.values] if grid.y else [""]
    figure, places, cell = panels(
        len(parts),
        len(grid.x.values),
        len(beside),
        beside,
        [grid.x.text(v) for v in grid.x.values],
        [part.title if part.axes else "" for part, _ in parts],
    )
    down = places[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    for number, (axes, (_, found)) in enumerate(zip(places, parts, strict=True)):
        _panel(axes, results, found, cell)
        titles = (grid.x.title, grid.y.title if grid.y else "")
        frame(
            axes, [grid.x.text(v) for v in grid.x.values], beside, titles, cell, number % down == 0
        )
    who = {c.cell.allocator for _, found in parts for c in found.values() if c}
    handles = [
        Patch(facecolor=_shade(i), hatch=_hatch(i), edgecolor="white", label=label)
        for i, label in enumerate(results.allocators)
        if label in who
    ]
    if any(choice is None for _, found in parts for choice in found.values()):
        handles.append(Patch(facecolor="0.94", hatch="////", edgecolor="0.6", label="none"))
    legend = figure.legend(handles, [""] * len(handles), fontsize=8, loc="outside right center")
    for text, handle in zip(legend.get_texts(), handles, strict=True):
        text.set_parse_math(False)
        text.set_text(short(str(handle.get_label()), 22))
    figure.suptitle("Most rate in force among those that meet the target", fontsize=11)
    footnote(figure, "figures: rate in force (bit/s/Hz)" if min(cell) >= _READABLE[1] else "")
    return figure


def _panel(
    axes: Axes,
    results: StudyResults,
    found: Mapping[tuple[int, int], Choice | None],
    cell: Box,
) -> None:
    from matplotlib.patches import Rectangle

    hatch(axes, [place for place, choice in found.items() if choice is None])
    readable = cell[0] >= _READABLE[0] and cell[1] >= _READABLE[1]
    for (i, j), choice in found.items():
        if choice is None:
            continue
        who = results.allocators.index(choice.cell.allocator)
        axes.add_patch(
            Rectangle(
                (j, i),
                1,
                1,
                facecolor=_shade(who),
                hatch=_hatch(who),
                edgecolor="white",
                linewidth=0.5,
            )
        )
        if readable and choice.cell.rate is not None:
            write(axes, (i, j), f"{choice.cell.rate:.1f}", _shade(who), 7.5)


def _shade(number: int) -> tuple[float, float, float]:
    """Return an allocator's colour, paler, so that figures can be read on it."""
    from matplotlib.colors import to_rgb

    red, green, blue = (0.35 + 0.65 * part for part in to_rgb(colour(number)))
    return red, green, blue


def _hatch(number: int) -> str:
    from sim.deadline.plots import COLOURS

    return ("", "..", "xx")[number // len(COLOURS) % 3]


def _sentences(choices: Sequence[Choice | None]) -> list[str]:
    found = [choice for choice in choices if choice]
    if not found:
        return ["No allocator meets the target anywhere in the study."]
    wins: dict[str, int] = {}
    for choice in found:
        wins[choice.cell.allocator] = wins.get(choice.cell.allocator, 0) + 1
    words = [
        f"{named(label)} in {n}" for label, n in sorted(wins.items(), key=lambda item: -item[1])
    ]
    places = count(len(choices), "combination")
    text = f"Of {places}, the best that meets the target is {', '.join(words)}"
    none = len(choices) - len(found)
    if none:
        text += f"; in {none} none does"
    shared = sum(bool(choice.level) for choice in found)
    if shared:
        text += f"; in {shared} another is level with it, within 0.1%"
    return [f"{text}."]


def _rows(
    grid: Grid, part: Slice, found: Mapping[tuple[int, int], Choice | None]
) -> list[list[object]]:
    rows: list[list[object]] = []
    for (i, j), choice in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        place = [grid.x.values[j], *([grid.y.values[i]] if grid.y else [])]
        rest = [part.place[axis.name] for axis in part.axes]
        cell = choice.cell if choice else None
        rows.append(
            [*place, *rest, cell.allocator if cell else None, cell.rate if cell else None,
             cell.metric("miss_ratio") if cell else None,
             "; ".join(choice.level) if choice else None]
        )  # fmt: skip
    return rows
