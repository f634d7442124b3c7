"""Figures for a page, which tell numbers when they are pointed at; and the look of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.plots import colour, exceedance

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812

_ACROSS = 3  # names in a row of a legend: what a phone has room for

_WRITTEN = 15  # pixels of a row that has room for text
_MOST_WRITTEN = 14  # columns whose cells have room for text
_MOST_TICKS = 20


def plain(height: int = 380, **how: Any) -> Figure:
    """Return an empty figure in the look of all, so many pixels high and as wide as the page."""
    from bokeh.plotting import figure

    made = figure(
        sizing_mode="stretch_width",
        height=height,
        output_backend="webgl",
        background_fill_alpha=0.0,
        border_fill_alpha=0.0,
        outline_line_alpha=0.0,
        **how,
    )
    made.toolbar.logo = None
    made.axis.axis_label_text_font_style = "normal"
    return made


def shade(number: int) -> str:
    """Return the colour of the n-th solver, to be seen on light and on dark ground."""
    found = colour(number)
    return "#9467BD" if found == "#000000" else found


def hover_curves(figure: Figure, curves: Sequence[Any], *lines: tuple[str, str]) -> None:
    """Let curves tell their names and, in some lines, their values."""
    from bokeh.models import HoverTool

    figure.add_tools(
        HoverTool(
            renderers=list(curves),
            mode="mouse",
            line_policy="nearest",
            tooltips=[("", "$name"), *lines],
        )
    )


def legend_above(figure: Figure) -> None:
    """Put the legend above, where it hides nothing; a click hides a curve."""
    if figure.legend:
        legend = figure.legend[0]
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.border_line_alpha = 0.0
        legend.background_fill_alpha = 0.0
        legend.nrows = -(-len(legend.items) // _ACROSS)
        figure.add_layout(legend, "above")


def response_times(
    responses_ns: Mapping[str, Iterable[NDArray[np.int64]]], deadlines_ns: Sequence[int]
) -> Figure:
    """Draw how often a response takes x or longer, both on log axes, with the deadlines."""
    from bokeh.models import Span

    made = plain(
        x_axis_type="log",
        y_axis_type="log",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        x_axis_label="response time (us)",
        y_axis_label="share of jobs that take as long or longer",
    )
    curves = []
    for number, (name, parts) in enumerate(responses_ns.items()):
        times_us, share = exceedance(parts)
        if len(times_us):
            curves.append(
                made.step(
                    times_us,
                    share,
                    mode="after",
                    color=shade(number),
                    line_width=2.5,
                    legend_label=name,
                    name=name,
                )
            )
    for deadline in sorted(set(deadlines_ns)):
        made.add_layout(
            Span(
                location=deadline / 1e3,
                dimension="height",
                line_dash="dashed",
                line_width=1.5,
                line_color="#888888",
            )
        )
    hover_curves(made, curves, ("response", "@x{0,0.00} us"), ("share", "@y{0.0000%}"))
    legend_above(made)
    return made


def cells_figure(
    title: str,
    cells: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    rows: Sequence[str],
    titles: tuple[str, str],
    hover: Mapping[str, str],
) -> Figure:
    """Draw coloured cells that tell what they hold when they are pointed at.

    Args:
        title: above it.
        cells: at least one, each with ``row`` and ``column``, its place; ``shade``, its colour;
            ``text``, what stands in it where there is room; and what ``hover`` names.
        columns: names of the columns, from the left.
        rows: names of the rows, from below.
        titles: of both axes.
        hover: heading of each line of the tooltip, and the key it shows.
    """
    from bokeh.models import ColumnDataSource, HoverTool

    tall = min(26, max(11, 420 // len(rows)))
    made = plain(
        110 + max(tall * len(rows), 60),
        title=title,
        tools="save",
        x_range=(-0.5, len(columns) - 0.5),
        y_range=(-0.5, len(rows) - 0.5),
        x_axis_label=titles[0],
        y_axis_label=titles[1],
    )
    source = ColumnDataSource({key: [cell[key] for cell in cells] for key in cells[0]})
    source.data["ink"] = [_ink(cell["shade"]) for cell in cells]
    source.data["x"] = [columns[cell["column"]] for cell in cells]
    source.data["y"] = [rows[cell["row"]] for cell in cells]
    boxes = made.rect("column", "row", 0.97, 0.94, color="shade", source=source)
    if len(columns) <= _MOST_WRITTEN and tall >= _WRITTEN:
        made.text(
            "column", "row", "text", source=source, text_align="center", text_baseline="middle",
            text_font_size="11px", text_color="ink",
        )  # fmt: skip
    for axis, names in ((made.xaxis[0], columns), (made.yaxis[0], rows)):
        step = -(-len(names) // _MOST_TICKS)
        axis.ticker = list(range(0, len(names), step))
        axis.major_label_overrides = dict(enumerate(names))
    made.xaxis.major_label_orientation = 0.6 if max(map(len, columns), default=0) > 6 else 0.0
    made.grid.visible = False
    lines = [(heading, f"@{{{key}}}") for heading, key in hover.items()]
    if titles[1]:
        lines.insert(0, (titles[1], "@y"))
    if titles[0]:
        lines.insert(0, (titles[0], "@x"))
    made.add_tools(HoverTool(renderers=[boxes], tooltips=lines))
    return made


def curves_figure(
    title: str,
    curves: Mapping[str, tuple[int, Mapping[str, Sequence[Any]]]],
    titles: tuple[str, str],
    log: bool,
    hover: Sequence[tuple[str, str]],
) -> Figure:
    """Draw a curve for each name, marks filled or hollow.

    Args:
        title: above it.
        curves: number of its colour, and columns ``x``, ``y``, ``filled`` from 0 to 1, and what
            ``hover`` names.
        titles: of both axes.
        log: whether the horizontal axis is logarithmic.
        hover: lines of the tooltip, below the name.
    """
    from bokeh.models import LogTicker

    made = plain(
        320,
        title=title,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        x_axis_type="log" if log else "linear",
        x_axis_label=titles[0],
        y_axis_label=titles[1],
    )
    if log:
        made.xaxis.ticker = LogTicker(mantissas=[1, 2, 5])  # all ten run into each other
    marks = []
    for name, (number, entries) in curves.items():
        look = {"color": shade(number), "legend_label": name, "name": name}
        made.line(entries["x"], entries["y"], line_width=2, **look)
        marks.append(
            made.scatter(
                "x", "y", source=dict(entries), size=8, line_width=1.5, fill_alpha="filled", **look
            )
        )
    hover_curves(made, marks, *hover)
    legend_above(made)
    return made


def _ink(shade: str) -> str:
    """Return black or white, whichever is read more easily on a colour."""
    red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
