"""Figures for a page, which tell numbers when they are pointed at; and the look of all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.deadline.plots import colour, dash, named_numbers
from sim.deadline.responses import Responses, exceedance
from sim.deadline.tables import UNITS_US

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812

_ACROSS = 56  # letters in a row of a legend: what a phone has room for
_ROW = 25  # pixels of one
_LONGEST = 24  # letters of a name in a figure

_WRITTEN = 15  # pixels of a row that has room for text
_MOST_TICKS = 20

#: How much of cells there is room for: texts in them, names below, and whether these are slanted.
_CELLS = """
// Once it is laid out: while it is, widths pass by that do not last.
setTimeout(() => {
  const wide = cb_obj.inner_width / columns;
  if (!(wide > 0)) return;
  text.visible = 6.5 * letters + 4 <= wide;
  const flat = 6.5 * longest + 8;
  const slant = longest > 6 && flat > wide;
  const step = Math.max(1, Math.ceil((slant ? 26 : flat) / wide));
  const places = Array.from({length: Math.ceil(columns / step)}, (_, place) => place * step);
  if (String(places) !== String(ticker.ticks)) ticker.ticks = places;
  axis.major_label_orientation = slant ? 0.6 : 0;
});
"""


def plain(height: int = 380, **how: Any) -> Figure:
    """Return an empty figure in the look of all, so many pixels high and as wide as the page."""
    from bokeh.models import InlineStyleSheet
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
    # The page's own styles do not reach into it.
    made.toolbar.stylesheets = [
        InlineStyleSheet(css="@media print { :host { display: none !important; } }")
    ]
    made.axis.axis_label_text_font_style = "normal"
    return made


def shade(number: int) -> str:
    """Return the colour of the n-th solver, to be seen on light and on dark ground."""
    found = colour(number)
    return "#9467BD" if found == "#000000" else found


def stroke(number: int) -> str:
    """Return the line style of the n-th solver: solid until the colours are used up."""
    return {"-": "solid", "--": "dashed", ":": "dotted"}[dash(number)]


def thickness(number: int) -> float:
    """Return the width of the n-th solver's curve: later ones are thinner, so none hides one."""
    return max(5.0 - 0.7 * number, 1.5)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return each name as figures show it: of a long one its beginning and end, no two alike."""
    found = {name: name for name in names}
    taken, half = {name for name in found if len(name) <= _LONGEST}, _LONGEST // 2 - 1
    for name in found:
        if name in taken:
            continue
        short, number = f"{name[:half]}…{name[-half:]}", 2
        while short in taken:
            short, number = f"{name[:half]}…{number}", number + 1
        taken.add(short)
        found[name] = short
    return found


def hover_curves(figure: Figure, curves: Sequence[Any], *lines: tuple[str, str]) -> None:
    """Let curves tell their names and, in some lines, their values; where they meet, one does."""
    from bokeh.models import HoverTool

    figure.add_tools(
        HoverTool(
            renderers=list(curves),
            mode="mouse",
            line_policy="nearest",
            limit=1,
            tooltips=[("", "$name"), *lines],
        )
    )


def legend_above(figure: Figure) -> None:
    """Put the legend above, where it hides nothing; a click hides a curve."""
    if figure.legend:
        legend = figure.legend[0]
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.spacing = 12
        legend.border_line_alpha = 0.0
        legend.background_fill_alpha = 0.0
        longest = max(len(item.label.value) for item in legend.items)
        across = max(1, min(3, _ACROSS // (longest + 5)))
        legend.nrows = -(-len(legend.items) // across)
        figure.height += _ROW * max(legend.nrows - 3, 0)  # the rest is for what is drawn
        figure.add_layout(legend, "above")


def response_times(
    responses_ns: Mapping[str, Iterable[Responses]],
    deadlines_ns: Sequence[int],
    unit: str = "us",
) -> Figure:
    """Draw how often a response takes x or longer, both on log axes, with the deadlines.

    A curve that ends in an open circle ends where jobs were cut.

    Args:
        responses_ns: response times of each solver, in parts.
        deadlines_ns: from release to deadline.
        unit: of time, one of `UNITS_US`.
    """
    from bokeh.models import FixedTicker, Label, NumeralTickFormatter, Span

    made = plain(
        x_axis_type="log",
        y_axis_type="log",
        tools="pan,box_zoom,reset,save",
        x_axis_label=f"response time ({unit})",
        y_axis_label="share of jobs that take as long or longer",
    )
    wheel_zoom(made)
    size_us, curves = UNITS_US[unit], []
    names = short_names(responses_ns)
    deadlines = sorted({deadline / 1e3 / size_us for deadline in deadlines_ns})
    ends, least = [*deadlines], 1.0
    for number, (name, parts) in enumerate(responses_ns.items()):
        times, share, is_open = exceedance(parts)
        if not len(times):
            continue
        times = times / size_us
        ends += [float(times[0]), float(times[-1])]
        least = min(least, float(share[-1]))
        look = {"color": shade(number), "legend_label": names[name], "name": name}
        curves.append(
            made.step(
                times, share, mode="after", line_width=thickness(number), line_dash=stroke(number),
                **look,
            )
        )  # fmt: skip
        if is_open or len(times) == 1:
            alpha = 0.0 if is_open else 1.0
            curves.append(
                made.scatter(times[-1:], share[-1:], size=9, line_width=2, fill_alpha=alpha, **look)
            )
    for deadline in deadlines:
        made.add_layout(
            Span(
                location=deadline,
                dimension="height",
                line_dash="dashed",
                line_width=1.5,
                line_color="#888888",
            )
        )
        if len(deadlines) > 1:
            made.add_layout(
                Label(
                    x=deadline,
                    y=4,
                    y_units="screen",
                    angle=math.pi / 2,
                    text=f"{deadline:,.10g} {unit}",
                    text_baseline="bottom",
                    text_font_size="11px",
                    text_color="#888888",
                )
            )
    if ends:
        made.x_range.start, made.x_range.end = min(ends) / 1.2, max(ends) * 1.2
        made.xaxis.ticker = FixedTicker(ticks=named_numbers(min(ends) / 1.2, max(ends) * 1.2))
    least /= 1.2  # a share that is level, at 100% say, has an axis, too
    made.y_range.start, made.y_range.end = least, 1.0
    made.yaxis.ticker = FixedTicker(ticks=named_numbers(least, 1.0))
    made.xaxis.formatter = NumeralTickFormatter(format="0,0.[000]")
    made.yaxis.formatter = NumeralTickFormatter(format="0.[00000]%")
    hover_curves(made, curves, ("response", f"@x{{0,0.00}} {unit}"), ("share", "@y{0.0000%}"))
    legend_above(made)
    return made


def wheel_zoom(figure: Figure, dimensions: str = "both") -> None:
    """Let Ctrl and the wheel zoom a figure; the wheel alone scrolls the page, as everywhere."""
    from bokeh.models import WheelZoomTool

    tool = WheelZoomTool(dimensions=dimensions, modifiers="ctrl")
    figure.add_tools(tool)
    figure.toolbar.active_scroll = tool


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
    from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, HoverTool

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
    text = made.text(
        "column", "row", "text", source=source, text_align="center", text_baseline="middle",
        text_font_size="11px" if tall >= _WRITTEN else "0px", text_color="ink",
    )  # fmt: skip
    for axis, names in ((made.xaxis[0], columns), (made.yaxis[0], rows)):
        step = -(-len(names) // _MOST_TICKS)
        axis.ticker = FixedTicker(ticks=list(range(0, len(names), step)))
        axis.major_label_overrides = dict(enumerate(names))
    held = {
        "text": text,
        "axis": made.xaxis[0],
        "ticker": made.xaxis[0].ticker,
        "columns": len(columns),
        "letters": max(len(cell["text"]) for cell in cells),
        "longest": max(map(len, columns)),
    }
    made.js_on_change("inner_width", CustomJS(args=held, code=_CELLS))
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
    from bokeh.models import FixedTicker

    made = plain(
        320,
        title=title,
        tools="pan,box_zoom,reset,save",
        x_axis_type="log" if log else "linear",
        x_axis_label=titles[0],
        y_axis_label=titles[1],
    )
    wheel_zoom(made)
    if log:
        # Where a curve is cut, there is no number.
        places = [x for _, entries in curves.values() for x in entries["x"] if x > 0]
        ends = min(places, default=1.0) / 1.1, max(places, default=1.0) * 1.1
        made.xaxis.ticker = FixedTicker(ticks=named_numbers(*ends))
    marks = []
    names = short_names(curves)
    for name, (number, entries) in curves.items():
        look = {"color": shade(number), "legend_label": names[name], "name": name}
        made.line(entries["x"], entries["y"], line_width=2, line_dash=stroke(number), **look)
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
