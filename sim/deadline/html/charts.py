"""Figures for a page: jobs on a timeline, response times; of any race."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.job import Outcome
from sim.deadline.plots import OUTCOME_COLOURS, colour, exceedance

if TYPE_CHECKING:
    import pyarrow as pa
    from bokeh.plotting import figure as Figure  # noqa: N812

#: Jobs that a timeline holds at most, of all solvers together: a page is to open at once.
MOST_JOBS = 100_000

_MOST_DRAWN = 3000  # at a time: a figure is to follow the hand

#: Puts into the sources what of the jobs is in view.
_SHOW = """
const all = jobs.data;
let seen = [];
for (let i = 0; i < all.row.length; i++) {
  if (all.last_ms[i] >= range.start && all.release_ms[i] <= range.end) seen.push(i);
}
const step = Math.max(1, Math.ceil(seen.length / most));
seen = seen.filter((_, place) => place % step === 0);
const columns = chosen => Object.fromEntries(Object.entries(all).map(
  ([key, values]) => [key, chosen.map(i => key in names ? names[key][values[i]] : values[i])]));
sources.forEach((source, outcome) => {
  source.data = columns(seen.filter(i => all.outcome[i] === outcome));
});
const {row, deadline_ms} = columns(seen);
due.data = {row, deadline_ms};
title.text = step > 1 ? `one job in ${step} is drawn: zoom in for all` : "";
"""

_ACROSS = 3  # names in a row of a legend: what a phone has room for

_WRITTEN = 15  # pixels of a row that has room for text
_MOST_WRITTEN = 14  # columns whose cells have room for text
_MOST_TICKS = 20

_FIRST_SLOTS = 12  # in view to begin with
_TOOLS = "xpan,xwheel_zoom,xbox_zoom,reset,save"


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


def timeline(logs: Mapping[str, Iterable[pa.Table]], controllers: Sequence[str] = ()) -> Figure:
    """Draw when jobs ran, how they ended and when they were due.

    What is in view is drawn; where that is too much, every so many-th job of it.

    Args:
        logs: each solver's log, part by part; of long ones the figure has the first jobs, so many
            of each that all are at most `MOST_JOBS`.
        controllers: their names; numbers if not given.
    """
    from bokeh.models import ColumnDataSource, CustomJS, FactorRange, HoverTool, Range1d

    rows: list[str] = []
    columns: list[dict[str, NDArray[Any]]] = []
    for name, parts in logs.items():
        found = _first(parts, MOST_JOBS // max(len(logs), 1))
        numbers, owners = np.unique(found["controller"], return_inverse=True)
        titles = [
            controllers[number] if number < len(controllers) else str(number) for number in numbers
        ]
        columns.append({**found, "row": len(rows) + owners})
        rows += [name] if len(titles) <= 1 else [f"{name} / {title}" for title in titles]
    jobs = {key: np.concatenate([each[key] for each in columns]) for key in columns[0]}
    names = {"row": np.array(rows, dtype=object)}
    for key in ("outcome", "source"):
        names[key], jobs[key] = np.unique(jobs[key], return_inverse=True)
    for key in names:
        jobs[key] = jobs[key].astype(np.int32)
    jobs["last_ms"] = np.fmax(jobs["finish_ms"], jobs["deadline_ms"])
    ends = jobs["deadline_ms"]
    view = float(np.sort(ends)[min(len(ends), _FIRST_SLOTS * len(rows)) - 1]) if len(ends) else 1.0
    made = plain(
        150 + 36 * len(rows),
        y_range=FactorRange(*reversed(rows)),
        x_range=Range1d(0.0, 1.02 * view, bounds=(0.0, None)),
        tools=_TOOLS,
        active_drag="xpan",
        active_scroll="xwheel_zoom",
        x_axis_label="time (ms)",
        title="",
    )
    bars, sources = [], []
    for outcome in names["outcome"]:
        shade = OUTCOME_COLOURS[Outcome(outcome)]
        sources.append(ColumnDataSource({key: [] for key in jobs}))
        if outcome == Outcome.SKIPPED:
            bar = made.scatter(
                "release_ms", "row", marker="x", size=9, line_width=2, source=sources[-1],
                color=shade, legend_label=outcome,
            )  # fmt: skip
        else:
            bar = made.hbar(
                y="row", left="start_ms", right="finish_ms", height=0.55, source=sources[-1],
                fill_color=shade, line_color=shade, legend_label=outcome,
            )  # fmt: skip
        bars.append(bar)
    due = ColumnDataSource({"row": [], "deadline_ms": []})
    made.scatter(
        "deadline_ms", "row", marker="dash", angle=np.pi / 2, size=26, line_width=2, source=due,
        color="black", legend_label="deadline", tags=["front"],
    )  # fmt: skip
    made.add_tools(
        HoverTool(
            renderers=bars,
            tooltips=[
                ("job", "@index of @row"),
                ("release", "@release_ms{0.0000} ms"),
                ("start", "@start_ms{0.0000} ms"),
                ("finish", "@finish_ms{0.0000} ms"),
                ("deadline", "@deadline_ms{0.0000} ms"),
                ("service", "@service_us{0,0.0} us"),
                ("outcome", "@outcome, in force: @source"),
            ],
        )
    )
    made.ygrid.visible = False
    legend_above(made)
    show = CustomJS(
        args={
            "jobs": ColumnDataSource(jobs), "names": {k: list(v) for k, v in names.items()},
            "sources": sources, "due": due, "range": made.x_range, "title": made.title,
            "most": _MOST_DRAWN,
        },
        code=_SHOW,
        tags=["start"],
    )  # fmt: skip
    made.x_range.js_on_change("start", show)
    made.x_range.js_on_change("end", show)
    return made


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


def _first(parts: Iterable[pa.Table], most: int) -> dict[str, NDArray[Any]]:
    """Return the first jobs of a log as columns, times in ms; NaN where there is none."""
    import pyarrow as pa

    kept: list[pa.Table] = []
    for part in parts:
        kept.append(part.slice(0, most - sum(map(len, kept))))
        if sum(map(len, kept)) >= most:
            break
    table = pa.concat_tables(kept)
    found: dict[str, NDArray[Any]] = {
        f"{name}_ms": table[f"{name}_ns"].to_numpy().astype(np.float64) / 1e6
        for name in ("release", "start", "finish", "deadline")
    }
    found["service_us"] = table["service_ns"].to_numpy().astype(np.float64) / 1e3
    for name in ("index", "controller"):
        found[name] = table[name].to_numpy()
    for name in ("outcome", "source"):
        found[name] = np.array(table[name].to_pylist(), dtype=object)
    return found
