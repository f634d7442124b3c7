"""Drawing on a grid of two axes: panels, ticks, hatches, the edge of what is feasible."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.plots import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.6  # inches that a page is wide
_DARK = 0.45  # luminance below which text is white
_LETTER = 0.068  # inches, of tick labels
_TITLE = 0.085  # inches, of a letter in a title
_LINE = 0.16  # inches, of a line of a title
_TURN = 35  # degrees that long labels are turned

Box = tuple[float, float]


def short(text: str, most: int = 26) -> str:
    """Return a text of at most so many letters, with dots where its middle was."""
    plain = " ".join(text.split())
    if len(plain) <= most:
        return plain
    head = (most - 3) * 2 // 3
    return f"{plain[:head]}...{plain[len(plain) - (most - 3 - head) :]}"


def wrapped(text: str, room: int, most: int = 4) -> str:
    """Return a text in lines of so many letters; only what no line has room for is cut short.

    Args:
        text: one line, or several that stay apart.
        room: letters of a line.
        most: lines.
    """
    lines = [
        short(line, room)
        for given in text.split("\n")
        for line in textwrap.wrap(" ".join(given.split()), room, break_long_words=False)
    ]
    if len(lines) > most:
        lines = [*lines[: most - 1], short(" ".join(lines[most - 1 :]), room)]
    return "\n".join(lines)


def cell_size(columns: int, rows: int) -> Box:
    """Return the inches of one cell of a grid, smaller where it has many."""
    return min(0.62, max(5.2 / columns, 0.05)), max(min(0.34, 4.4 / rows), 0.045, 0.9 / (rows + 1))


def panels(
    number: int,
    columns: int,
    rows: int,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    titles: Sequence[str] = (),
) -> tuple[Figure, list[Axes], Box]:
    """Return a figure with so many panels, each a grid of columns and rows.

    Args:
        number: of panels.
        columns: of each grid.
        rows: of each grid.
        row_labels: what stands left of each first panel.
        column_labels: what stands below each panel.
        titles: what stands above each, in lines as long as there is room for.

    Returns:
        The figure, its panels, and the inches of a cell.
    """
    beside = _LETTER * max((len(short(label)) for label in row_labels), default=1) + 0.5
    cell = cell_size(columns, rows)
    if number > 1:  # several beside each other, as long as figures in them can be read
        across = 3 if number > 4 else 2
        room = (WIDTH - beside - 1.2) / across - 0.25
        cell = min(cell[0], max(room / columns, 0.05)), min(cell[1], max(2.6 / rows, 0.045))
    width, height = max(columns * cell[0], 1.0), max(rows * cell[1], 0.34)
    across = max(1, min(number, int((WIDTH - beside - 1.1) // (width + 0.24))))
    down = -(-number // across)
    across = -(-number // down)
    room = max(int((width + 0.2) / _TITLE), 18)
    heads = [wrapped(title, room) for title in titles]
    lines = max((head.count("\n") for head in heads), default=0)
    size = (
        max(beside + across * (width + 0.25) + 1.2, 5.0),
        0.9 + down * (height + 0.75 + _LINE * lines + _below(column_labels, cell[0])),
    )
    figure = blank(*size)
    grid = figure.subplots(down, across, squeeze=False)
    places = np.ravel(grid).tolist()
    for spare in places[number:]:
        spare.set_axis_off()
    for axes, head in zip(places, heads, strict=False):
        axes.set_title(head, fontsize=9, parse_math=False)
    return figure, places[:number], (width / columns, height / rows)


def frame(
    axes: Axes,
    columns: Sequence[str],
    rows: Sequence[str],
    titles: tuple[str, str],
    cell: Box,
    first: bool = True,
) -> None:
    """Give axes the ticks of a grid: every value where there is room, else evenly some.

    Args:
        axes: where.
        columns: what stands below each.
        rows: what stands left of each, from the bottom.
        titles: of both axes.
        cell: inches of one.
        first: whether the rows' labels are to be seen.
    """
    below = [short(text) for text in columns]
    longest = max(map(len, below))
    turned = _below(columns, cell[0]) > 0
    fits = longest * _LETTER + 0.06 <= cell[0]
    # Turned labels stand as far apart as their lines, which is less than their ticks.
    step = math.ceil(0.13 / math.sin(math.radians(_TURN)) / cell[0]) if turned else 1
    step = step if turned or fits else math.ceil((longest * _LETTER + 0.1) / cell[0])
    places = range(0, len(below), step)
    axes.set_xticks(
        [i + 0.5 for i in places], [below[i] for i in places], fontsize=8, parse_math=False
    )
    if turned:
        for label in axes.get_xticklabels():
            label.set(rotation=_TURN, ha="right", rotation_mode="anchor")
    step = math.ceil(0.15 / cell[1])
    places = range(0, len(rows), step)
    beside = [short(rows[i]) for i in places] if first else [""] * len(places)
    axes.set_yticks([i + 0.5 for i in places], beside, fontsize=8, parse_math=False)
    axes.set(xlim=(0, len(columns)), ylim=(0, len(rows)))
    axes.set_xlabel(short(titles[0], 40), fontsize=9, parse_math=False)
    if first:
        axes.set_ylabel(short(titles[1], 40), fontsize=9, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def hatch(axes: Axes, places: Sequence[tuple[int, int]], pattern: str = "////") -> None:
    """Hatch cells (row, column)."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    if places:
        boxes = [Rectangle((j, i), 1, 1) for i, j in places]
        axes.add_collection(
            PatchCollection(boxes, hatch=pattern, facecolor="0.94", edgecolor="0.6", linewidth=0.0)
        )


def edge(
    axes: Axes, inside: NDArray[np.bool_], known: NDArray[np.bool_], rows: bool = True
) -> None:
    """Draw the line between neighbouring cells of which one is inside and one is not.

    Args:
        axes: where.
        inside: which cells are.
        known: of which cells that can be told.
        rows: whether cells above each other are neighbours, too.
    """
    from matplotlib.collections import LineCollection

    lines: list[Any] = []
    for i, j in np.ndindex(inside.shape):
        sides = [((i, j + 1), [(j + 1, i), (j + 1, i + 1)])]
        sides += [((i + 1, j), [(j, i + 1), (j + 1, i + 1)])] if rows else []
        for other, line in sides:
            beyond = other[0] == inside.shape[0] or other[1] == inside.shape[1]
            if not beyond and known[i, j] and known[other] and inside[i, j] != inside[other]:
                lines.append(line)
    axes.add_collection(LineCollection(lines, colors="black", linewidths=2.2, capstyle="round"))


def write(
    axes: Axes, place: tuple[int, int], text: str, shade: Any, size: float = 8, bold: bool = False
) -> None:
    """Write into a cell (row, column), white where its colour is dark."""
    red, green, blue = shade[:3]
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < _DARK
    axes.text(
        place[1] + 0.5, place[0] + 0.5, text, ha="center", va="center", fontsize=size,
        color="white" if dark else "black", fontweight="bold" if bold else "normal",
        parse_math=False,
    )  # fmt: skip


def footnote(figure: Figure, text: str) -> None:
    """Write how to read a figure below it."""
    figure.supxlabel(text, fontsize=8, color="0.25", x=0.01, ha="left", parse_math=False)


def _below(labels: Sequence[str], width: float) -> float:
    """Return the inches that labels need below a grid beyond one line: they are turned then."""
    longest = max(len(short(label)) for label in labels)
    if longest * _LETTER + 0.06 <= width or all(map(_looks_numeric, labels)):
        return 0.0
    return 0.6 * longest * _LETTER


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
