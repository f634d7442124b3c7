"""Plots of jobs alone: response times against the deadline, and the first jobs as a timeline.

Every function draws on the axes it is given; `figure` makes one that looks like the others.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.deadline.files import whole_file
from sim.deadline.job import Outcome
from sim.deadline.responses import Responses, exceedance
from sim.deadline.tables import UNITS_US

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers (Okabe and Ito), in a fixed order.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F", "#000000")

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")

OUTCOME_COLOURS = {
    Outcome.MET: "#009E73",
    Outcome.LATE: "#E69F00",
    Outcome.ABORTED: "#D55E00",
    Outcome.SKIPPED: "#7F7F7F",
    Outcome.FAILED: "#000000",
}

#: Of a timeline: of more solvers and controllers the first are drawn.
MOST_ROWS = 40


def line_width(number: int) -> float:
    """Return the width of the n-th solver's curve: later ones are thinner, so none hides one."""
    return max(3.0 - 0.4 * number, 1.0)


def colour(number: int) -> str:
    """Return the colour of the n-th solver, the same in every plot."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Return the marker of the n-th solver; with the dash it tells apart who share a colour."""
    return MARKERS[number % len(MARKERS)]


def dash(number: int) -> str:
    """Return the line style of the n-th solver: solid until the colours are used up."""
    return ("-", "--", ":")[number // len(COLOURS) % 3]


def blank(width: float = 7.0, height: float = 4.2) -> Figure:
    """Return an empty figure, in inches; needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing


def save(drawing: Figure, path: Path) -> None:
    """Save a figure as PNG, SVG or JPEG, by the suffix; the same figure gives the same bytes.

    Raises:
        InputError: the file cannot be written; it appears whole or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        _render(drawing, part, path.suffix[1:].lower())


def svg(drawing: Figure) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes."""
    content = io.BytesIO()
    _render(drawing, content, "svg")
    return content.getvalue()


def _render(drawing: Figure, where: Path | io.BytesIO, kind: str) -> None:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # The names of an SVG's parts are by chance, unless told otherwise.
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "ttirace"}):
        # A name in a script that the font does not have shows as boxes; that is no one's error.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # savefig would draw all once more before, for a layout that drawing makes anyway.
        if kind == "png":
            FigureCanvasAgg(drawing).print_png(where)  # type: ignore[no-untyped-call]
        elif kind == "svg":
            canvas = FigureCanvasSVG(drawing)
            canvas.print_svg(where, metadata={"Date": None})  # type: ignore[no-untyped-call]
        else:
            drawing.savefig(where, format=kind)


@contextmanager
def canvas(path: Path, width: float = 7.0, height: float = 4.2) -> Iterator[Figure]:
    """Give an empty figure, in inches, and `save` what is drawn."""
    drawing = blank(width, height)
    yield drawing
    save(drawing, path)


def plain(axes: Axes) -> None:
    """Give axes the look of all: a faint grid, two spines."""
    axes.grid(visible=True, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


@contextmanager
def figure(path: Path, width: float = 7.0, height: float = 4.2) -> Iterator[Axes]:
    """Give axes to draw curves on, and save them; the suffix says as what."""
    with canvas(path, width, height) as drawing:
        axes = drawing.add_subplot()
        plain(axes)
        yield axes


def room(labels: Collection[str], width: float, height: float) -> tuple[float, float]:
    """Return the size in inches of a figure with these names in a legend beside it.

    Args:
        labels: of its curves.
        width: where names are short.
        height: where they are few.
    """
    longest = max(map(len, labels), default=0)
    return width + 0.07 * max(longest - 16, 0), max(height, 1.0 + 0.17 * (len(labels) + 2))


def legend(axes: Axes) -> None:
    """Put the legend beside the axes, where it hides nothing; none if nothing is labelled."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def response_times(
    axes: Axes,
    responses_ns: Mapping[str, Iterable[Responses]],
    deadlines_ns: Sequence[int],
    unit: str = "us",
) -> None:
    """Draw how often a response takes x or longer, both on log axes, with the deadlines.

    A curve that ends in an open circle ends where jobs were cut.

    Args:
        axes: where.
        responses_ns: response times of each solver, in parts.
        deadlines_ns: from release to deadline, each different one once.
        unit: of time, one of `UNITS_US`.
    """
    size_us = UNITS_US[unit]
    deadlines = sorted({deadline / 1e3 / size_us for deadline in deadlines_ns})
    floor, cut, ends = 1.0, False, [*deadlines]
    for number, (name, parts) in enumerate(responses_ns.items()):
        times, share, is_open = exceedance(parts)
        if len(share) == 0:
            continue
        times = times / size_us
        ends += [float(times[0]), float(times[-1])]
        floor = min(floor, float(share[-1]))
        look: dict[str, Any] = {"color": colour(number), "linewidth": line_width(number)}
        axes.step(
            times,
            share,
            where="post",
            linestyle=dash(number),
            marker="o" if len(share) == 1 and not is_open else None,
            label=name,
            **look,
        )
        if is_open:
            axes.plot(times[-1:], share[-1:], "o", markerfacecolor="white", zorder=5, **look)
            cut = True
    for number, deadline in enumerate(deadlines):
        axes.axvline(
            deadline,
            color="black",
            linestyle="--",
            linewidth=1,
            label="deadline" if number == 0 else None,
        )
        if len(deadlines) > 1:
            axes.text(
                deadline,
                0.02,
                f"{deadline:,.10g} {unit}",
                fontsize=7,
                rotation=90,
                ha="right",
                transform=axes.get_xaxis_transform(),
            )
    if cut:
        axes.plot([], [], "o", color="black", markerfacecolor="white", label="later ones were cut")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"response time x ({unit})",
        ylabel="share of jobs that take x or longer",
        xlim=(min(ends) / 1.2, max(ends) * 1.2),
        ylim=(floor / 1.5, 1.5),
    )
    _numbers(axes.xaxis, max(ends) / min(ends))
    legend(axes)


def log_ticks(ratio: float) -> list[float]:
    """Return what of each decade is named on a log axis whose ends have this ratio."""
    if ratio > 1000.0:
        return [1.0]
    return [1.0, 2.0, 5.0] if ratio > 10.0 else [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]


def named_numbers(low: float, high: float) -> list[float]:
    """Return the numbers that are named on a log axis with these ends."""
    names = log_ticks(high / low)
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    found = [float(f"{name:g}e{decade}") for decade in decades for name in names]
    return [number for number in found if low <= number <= high]


def _numbers(axis: Axis, ratio: float) -> None:
    """Name times on a log axis as people write them."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=log_ticks(ratio), numticks=20))
    if ratio <= 1000.0:
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def timeline(
    axes: Axes,
    logs: Mapping[str, pa.Table],
    jobs: int = 10,
    controllers: Sequence[str] = (),
) -> None:
    """Draw the first jobs of each solver: when they ran, how they ended, when they were due.

    Args:
        axes: where.
        logs: each solver's log; there are `MOST_ROWS` rows at most.
        jobs: how many jobs of the controller that releases the most.
        controllers: their names; numbers if not given.
    """
    rows: list[str] = []
    edges: dict[int, float] = {}
    for name, log in logs.items():
        first = [job for job in log.slice(0, jobs * 50).to_pylist() if job["index"] < jobs]
        numbers = sorted({job["controller"] for job in first})
        for number in numbers:
            row = len(rows)
            if row == MOST_ROWS:
                break
            own = controllers[number] if number < len(controllers) else number
            rows.append(name if len(numbers) == 1 else f"{name} / {own}")
            for job in first:
                if job["controller"] == number:
                    edges[number] = max(edges.get(number, 0.0), _draw_job(axes, job, row))
    handles: list[Any] = [
        axes.barh(0, 0, color=shade, label=str(outcome))
        for outcome, shade in OUTCOME_COLOURS.items()
    ]
    handles += axes.plot([], [], "k|", markersize=9, markeredgewidth=1.4, label="deadline")
    handles += axes.plot([], [], "k^", markersize=4, label="release")
    axes.set_yticks(range(len(rows)), rows, fontsize=8, parse_math=False)
    last = min(edges.values()) * 1.01 or 1.0  # a deadline may be the instant of its release
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, last), xlabel="time (ms)")
    axes.legend(handles=handles, fontsize=7, ncols=7, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _draw_job(axes: Axes, job: Mapping[str, Any], row: int) -> float:
    """Draw one job in its row and return the last time that must be in view, in ms."""
    release, deadline = job["release_ns"] / 1e6, float(job["deadline_ns"] / 1e6)
    shade = OUTCOME_COLOURS[Outcome(job["outcome"])]
    axes.plot(release, row + 0.33, "k^", markersize=3)
    axes.plot(deadline, row, "k|", markersize=11, markeredgewidth=1.2, zorder=4)
    if job["start_ns"] is None:
        axes.plot(release, row, "x", color=shade, markersize=6)
        return deadline
    start, finish = job["start_ns"] / 1e6, job["finish_ns"] / 1e6
    if start > release:
        axes.plot([release, start], [row, row], color=shade, linewidth=1, linestyle=":")
    if finish - start < 0.03 * (deadline - release):
        # A line, or a job of microseconds would not be seen among milliseconds.
        axes.vlines(start, row - 0.225, row + 0.225, color=shade, linewidth=1.5)
    else:
        axes.barh(
            row,
            finish - start,
            left=start,
            height=0.45,
            facecolor=shade,
            edgecolor="white",
            linewidth=0.7,
        )
    return deadline
