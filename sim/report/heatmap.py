"""Feasibility: the miss ratio over two axes, an allocator a panel, and the edge of the target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.exhibit import Exhibit, Interactive, Options, allocators_option
from sim.report.grid import Grid, check_full, grid_of, placed
from sim.report.matrix import Box, edge, footnote, frame, hatch, panels, short, write
from sim.report.miss_scale import MissScale, colour_bar, miss_scale
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices, spread
from sim.report.target import Target
from sim.report.wording import count, interval, named, rate, ratio, ratios

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "y", "allocator")

_MOST_PANELS = 12
_REFUSED = "#bbbbbb"
#: What a cell of a page tells: heading, and key.
_HOVER = {
    "allocator": "allocator", "missed": "missed", "95%": "interval", "jobs": "jobs",
    "target": "target", "in force": "rate",
}  # fmt: skip
_LABEL = 18  # letters beside a figure of a page
_READABLE = (0.36, 0.19)  # inches of a cell that takes a figure


def asked(results: StudyResults, options: Options) -> tuple[Grid, list[str]]:
    """Return the axes and the allocators."""
    return grid_of(results, options), allocators_option(results, options)


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw the miss ratio over two axes."""
    grid, allocators = asked(results, options)
    check_full(results, grid, options)
    parts = slices(results, _known(grid, results))
    each = [[a] for a in allocators] if grid.y else [allocators]
    shown = spread(parts, max(1, _MOST_PANELS // len(each)))
    return [
        Exhibit(
            name="heatmap",
            title="Where the target is met",
            figure=_figure(results, grid, shown, each),
            columns=_columns(results, grid),
            rows=[row for part in parts for row in _rows(results, grid, part, allocators)],
            sentences=_sentences(results, allocators, len(shown), len(parts)),
            caption=(
                f"Colour: miss ratio. The line runs between what meets the target "
                f"({results.target.text}) and what does not. Hatched: refused. `0`: no miss seen, "
                "which shows no more than a miss ratio below 3/n of n jobs (95%). `~`: the 95% "
                "interval straddles the target."
            ),
            interactive=partial(_interactive, results, grid, shown, each),
        )
    ]


def _known(grid: Grid, results: StudyResults) -> list[Axis]:
    columns = results.cells[0].values
    return [axis for axis in grid.axes() if axis.name in columns]


def _figure(
    results: StudyResults, grid: Grid, parts: Sequence[Slice], each: Sequence[list[str]]
) -> Any:
    labels = [(part, names) for part in parts for names in each]
    beside = grid.rows(each[0])
    figure, places, cell = panels(
        len(labels),
        len(grid.x.values),
        len(beside),
        beside,
        [grid.x.text(v) for v in grid.x.values],
        ["\n".join(_words(grid, part, names)) for part, names in labels],
    )
    scale = miss_scale(results.served, results.target.miss_ratio)
    across = places[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    titles = (grid.x.title, grid.y.title if grid.y else "")
    below = [grid.x.text(value) for value in grid.x.values]
    for number, (axes, (part, names)) in enumerate(zip(places, labels, strict=True)):
        cells = placed(grid, part, names)
        _panel(axes, cells, (len(beside), len(below)), results.target, cell, scale)
        if grid.y is None:  # from one allocator to the next nothing is crossed
            edge(axes, *_verdicts(cells, (len(beside), len(below)), results.target), rows=False)
        else:
            edge(axes, *_verdicts(cells, (len(beside), len(below)), results.target))
        frame(axes, below, beside, titles, cell, number % across == 0)
    colour_bar(figure, places, scale, cell[1] * len(beside) * (-(-len(labels) // across)))
    figure.suptitle("Share of deadlines missed", fontsize=11)
    footnote(
        figure,
        "line: edge of the target   hatched: refused   0: no miss seen   ~: interval straddles it",
    )
    return figure


def _words(grid: Grid, part: Slice, names: Sequence[str]) -> list[str]:
    """Return what stands above a panel."""
    return ([names[0]] if grid.y else []) + ([part.title] if part.axes else [])


def _verdicts(
    cells: Mapping[tuple[int, int], Cell], shape: tuple[int, int], target: Target
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells meet the target, and which are known."""
    inside, known = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for place, cell in cells.items():
        known[place], inside[place] = True, target.met(cell)
    return inside, known


def _panel(
    axes: Axes,
    cells: Mapping[tuple[int, int], Cell],
    shape: tuple[int, int],
    target: Target,
    size: Box,
    scale: MissScale,
) -> None:
    image = np.full(shape, np.nan)
    for place, cell in cells.items():
        if (missed := cell.metric("miss_ratio")) is not None and not cell.refused:
            image[place] = scale.level(missed)
    wide = size[0] > 0.09
    axes.pcolormesh(
        np.ma.masked_invalid(image), cmap=scale.colours, norm=scale.norm,
        edgecolors="white" if wide else "none", linewidth=0.8 if wide else 0.0,
        rasterized=image.size > 2000,
    )  # fmt: skip
    hatch(axes, [place for place, cell in cells.items() if cell.refused])
    readable = size[0] >= _READABLE[0] and size[1] >= _READABLE[1]
    for place, cell in cells.items():
        missed = cell.metric("miss_ratio")
        if cell.refused or missed is None:
            continue
        mark = "~" if target.straddled(cell) else ""
        text = mark + (_brief(missed) if readable else "0" if missed == 0 else "")
        if text and min(size) >= 0.075:
            points = 7.5 if readable else min(7.0, 62 * min(size[0] / max(len(text), 1), size[1]))
            write(axes, place, text, scale.colour(missed), points)


def _interactive(
    results: StudyResults, grid: Grid, parts: Sequence[Slice], each: Sequence[list[str]]
) -> Interactive:
    """Draw the same panels for a page."""
    from sim.deadline.html.charts import cells_figure

    scale = miss_scale(results.served, results.target.miss_ratio)
    wider = results.bursts is not None
    below = [short(grid.x.text(value), _LABEL) for value in grid.x.values]
    titles = (grid.x.title, grid.y.title if grid.y else "")
    figures = [_legend(scale)]
    for part in parts:
        for names in each:
            cells = [
                {"row": row, "column": column, **_told(cell, results.target, scale, wider)}
                for (row, column), cell in placed(grid, part, names).items()
            ]
            beside = [short(name, _LABEL) for name in grid.rows(names)]
            title = ", ".join(_words(grid, part, names))
            figures.append(cells_figure(title, cells, below, beside, titles, _HOVER))
    return Interactive(
        figures,
        f"Colour: miss ratio, from blue, where the target is met ({results.target.text}), to red. "
        "Grey: refused. `~`: the 95% interval straddles the target. Point at a cell for its "
        "numbers.".replace("`", ""),
    )


def _legend(scale: MissScale) -> Any:
    """Draw the colours of miss ratios for a page, as a row of cells."""
    from matplotlib.colors import to_hex

    from sim.deadline.html.charts import cells_figure

    steps = [m * 10.0**e for e in range(round(math.log10(scale.floor)), 0) for m in (1, 3)]
    cells = [
        {"shade": to_hex(scale.colour(step)), "told": ratio(step)}
        for step in [0.0, *steps[1:], 1.0]
    ]
    cells.append({"shade": _REFUSED, "told": "refused"})
    places = [{**cell, "row": 0, "column": i, "text": ""} for i, cell in enumerate(cells)]
    names = [cell["told"] for cell in cells]
    return cells_figure("colours", places, names, [" "], ("miss ratio", ""), {"": "told"})


def _told(cell: Cell, target: Target, scale: MissScale, wider: bool) -> dict[str, str]:
    """Return how a cell of a page looks, and what it tells when it is pointed at."""
    from matplotlib.colors import to_hex

    missed = None if cell.refused else cell.metric("miss_ratio")
    ends = cell.interval("miss_ratio")
    mark = "~" if target.straddled(cell) else ""
    return {
        "shade": _REFUSED if missed is None else to_hex(scale.colour(missed)),
        "text": "" if missed is None else mark + _brief(missed),
        "allocator": cell.allocator,
        "missed": "refused" if missed is None else ratios(missed, ends[1] if ends else missed)[0],
        "interval": "-" if ends is None else interval(*ends, wider),
        "jobs": "-" if cell.refused else f"{cell.jobs:,}",
        "target": target.verdict(cell),
        "rate": "-" if cell.rate is None else rate(cell.rate),
    }


def _brief(missed: float) -> str:
    """Return a miss ratio in at most four letters, in the form of `ratio`."""
    text = ratio(missed)
    if not text.endswith("%"):
        return text if missed == 0 else ratio(float(f"{missed:.0e}"))
    return f"{100 * missed:.{0 if missed >= 0.00995 else 1}f}%"


def _columns(results: StudyResults, grid: Grid) -> list[str]:
    axes = [axis.name for axis in results.every_axis]
    axes += [a.name for a in _known(grid, results) if a.name not in axes]
    return [*axes, "allocator", "jobs", "missed", "miss_ratio", "miss_low", "miss_high",
            "meets_target", "straddles_target", "refused"]  # fmt: skip


def _rows(
    results: StudyResults, grid: Grid, part: Slice, allocators: Sequence[str]
) -> list[list[object]]:
    names = _columns(results, grid)
    axes = names[: names.index("allocator")]
    rows: list[list[object]] = []
    for cell in part.cells:
        if cell.allocator not in allocators:
            continue
        low, high = cell.interval("miss_ratio") or (None, None)
        figures = [cell.jobs, cell.missed, cell.metric("miss_ratio"), low, high]
        verdict = [results.target.met(cell), results.target.straddled(cell), cell.refused]
        shown = [None] * 5 if cell.refused else figures
        rows.append([*(cell.values[a] for a in axes), cell.allocator, *shown, *verdict])
    return rows


def _sentences(
    results: StudyResults, allocators: Sequence[str], shown: int, there: int
) -> list[str]:
    words = []
    for name in allocators:
        own = [cell for cell in results.cells if cell.allocator == name]
        met = sum(map(results.target.met, own))
        words.append(f"{named(name)} {met} of {len(own)}")
    sentences = [f"Points that meet the target: {', '.join(words)}."]
    if shown < there:
        sentences.append(
            f"{count(shown, 'slice')} of {there} {'is' if shown == 1 else 'are'} drawn; "
            "the CSV has all."
        )
    return sentences
