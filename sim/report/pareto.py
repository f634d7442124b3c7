"""Rate in force against time, or misses, with the front of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.deadline import InputError, did_you_mean
from sim.deadline.plots import colour, marker
from sim.report.axis import Axis
from sim.report.curves import drawn_note, first_of_line, panel_grid, side_legend
from sim.report.exhibit import Exhibit, Interactive, NothingToShowError, Options, allocators_option
from sim.report.front import on_front, place_of, placed
from sim.report.matrix import footnote
from sim.report.pareto_sentences import (
    alone_sentences,
    front_sentences,
    left_out_sentences,
    time_text,
)
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices, spread
from sim.report.wording import count, number, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "allocator")

_X = {
    "response_p99_us": "p99 response time (us)",
    "response_p999_us": "p99.9 response time (us)",
    "response_max_us": "longest response time (us)",
    "service_p99_us": "p99 service time (us)",
    "miss_ratio": "miss ratio",
}
_MOST_PANELS = 6
_MOST_SENTENCES = 6
_LOG_FROM = 8.0  # longest over shortest time, from which they are read by ratios
_NEAR, _FAR = 60.0, 1000.0  # the same, below which a log axis has ticks between powers of ten
_LEAST_SPAN = 0.02  # of the rate, that an axis of rates spans
_PALE = 0.25
_PROBLEM = ("links", "subbands", "controllers")


def asked(results: StudyResults, options: Options) -> tuple[str, list[str]]:
    """Return what the rate is set against, a metric, and the allocators."""
    x = "response_p99_us" if options.get("x") is None else str(options["x"])
    if x not in _X:
        raise InputError(
            f"{options['where']}: x: {x!r} is nothing to set a rate against{did_you_mean(x, _X)}"
        )
    return x, allocators_option(results, options)


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw the rate in force against a time, or the miss ratio, with the front of both."""
    x, allocators = asked(results, options)
    if all(place_of(x, cell) is None for cell in results.cells if cell.allocator in allocators):
        raise NothingToShowError(f"no point has both {x} and a rate")
    free = [axis for axis in results.axes if not _of_problem(results, axis)]
    parts = [
        part
        for part in slices(results, free)
        if any(place_of(x, c) and c.allocator in allocators for c in part.cells)
    ]
    full = [part for part in parts if len(placed(x, part, allocators)) > 1]
    lone = len(parts) - len(full) if full else 0  # one point is beaten by none
    shown = spread(full or parts, _MOST_PANELS)
    figure, places = panel_grid([part.title if part.axes else "" for part in shown])
    for axes, part in zip(places, shown, strict=True):
        _panel(axes, results, x, part, allocators)
        axes.set_xlabel(_X[x], fontsize=8.5)
    for axes in first_of_line(places):
        axes.set_ylabel("rate in force (bit/s/Hz)", fontsize=8.5)
    side_legend(figure, places[0])
    figure.suptitle(
        "Rate against time" if x != "miss_ratio" else "Rate against misses", fontsize=11
    )
    footnote(
        figure,
        "line: front, nothing beats it in both   pale: beaten   hollow: misses the target",
    )
    sentences = [
        line for part in full or parts for line in front_sentences(x, part, free, allocators)
    ]
    if len(sentences) > _MOST_SENTENCES:
        more = len(sentences) - _MOST_SENTENCES
        sentences = [*sentences[:_MOST_SENTENCES], f"The CSV has {count(more, 'front')} more."]
    return [
        Exhibit(
            name="pareto",
            title="Rate against time" if x != "miss_ratio" else "Rate against misses",
            figure=figure,
            columns=[*(a.name for a in results.every_axis), "allocator", x, "in_force_bps_hz",
                     "on_front", "meets_target"],
            rows=[row for part in parts for row in _rows(results, x, part, allocators)],
            sentences=[
                *sentences, *alone_sentences(lone),
                *left_out_sentences(x, _X[x], parts, allocators),
                *drawn_note(len(shown), len(parts)),
            ],
            caption="A mark is a point of the study; those that another beats in both are pale.",
            interactive=partial(_interactive, results, x, shown, allocators),
        )
    ]  # fmt: skip


def _of_problem(results: StudyResults, axis: Axis) -> bool:
    """Return whether an axis changes the problem, so that rates along it cannot be compared."""
    if axis.name.startswith(("channel", "radio", "controllers")) or axis.fact in _PROBLEM:
        return True
    for fact in _PROBLEM:
        seen = {(cell.values[axis.name], cell.values[fact]) for cell in results.served}
        values = {value for value, _ in seen}
        if len(seen) == len(values) and len({found for _, found in seen}) > 1:
            return True
    return False


def _panel(
    axes: Axes, results: StudyResults, x: str, part: Slice, allocators: Sequence[str]
) -> None:
    found = placed(x, part, allocators)
    kept = on_front(found)
    values = [at for _, at, _ in found]
    floor = min((v for v in values if v > 0), default=1.0)
    if x == "miss_ratio":
        axes.set_xscale("symlog", linthresh=floor)
        axes.set_xlim(left=-0.15 * floor)
        axes.xaxis.set_major_formatter(lambda at, _: ratio(at) if at >= 0 else "")
    elif max(values) > _LOG_FROM * floor:
        axes.set_xscale("log")
        _log_ticks(axes, max(values) / floor)
    for label in allocators:
        i = results.allocators.index(label)
        axes.plot(
            [], [], linestyle="none", marker=marker(i), color=colour(i), markersize=6, label=label
        )
    for (cell, at, value), best in zip(found, kept, strict=True):
        i = results.allocators.index(cell.allocator)
        axes.plot(
            at if x == "miss_ratio" else max(at, 1e-3), value, marker=marker(i), color=colour(i),
            markersize=7 if best else 5, alpha=1.0 if best else _PALE, linestyle="none",
            markerfacecolor=colour(i) if results.target.met(cell) else "white",
            zorder=4 if best else 2,
        )  # fmt: skip
    _rate_ticks(axes, [value for _, _, value in found])
    line = sorted((at, value) for (_, at, value), best in zip(found, kept, strict=True) if best)
    axes.step(
        [a for a, _ in line], [v for _, v in line], where="post", color="0.4", linewidth=1, zorder=1
    )


def _log_ticks(axes: Axes, span: float) -> None:
    """Give a log axis ticks as plain numbers, so few that they do not run into each other."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(10.0, _steps(span), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: number(at)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _steps(span: float) -> tuple[float, ...]:
    """Return where between powers of ten an axis has ticks, by its largest over its smallest."""
    return (1.0, 2.0, 5.0) if span < _NEAR else (1.0, 3.0) if span < _FAR else (1.0,)


def _rate_ticks(axes: Axes, rates: Sequence[float]) -> None:
    """Give rates that hardly differ room and ticks without an offset."""
    low, high = min(rates), max(rates)
    least = _LEAST_SPAN * abs(high)
    if high - low < least:
        middle = 0.5 * (low + high)
        axes.set_ylim(middle - 0.5 * least, middle + 0.5 * least)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)


_HOVER = (("point", "@place"), ("", "@time"), ("in force", "@y{0.000}"), ("missed", "@missed"),
          ("target", "@target"))  # fmt: skip


def _interactive(
    results: StudyResults, x: str, parts: Sequence[Slice], allocators: Sequence[str]
) -> Interactive:
    """Draw the same panels for a page."""
    figures = [_marks(results, x, part, allocators) for part in parts]
    zero = " No miss stands at the left end." if x == "miss_ratio" else ""
    return Interactive(
        figures,
        "The line is the front: nothing beats it in both. Pale marks are beaten, hollow ones do "
        f"not meet the target.{zero} Point at a mark for its numbers; a click on a name hides its "
        "marks.",
    )


def _marks(results: StudyResults, x: str, part: Slice, allocators: Sequence[str]) -> Any:
    """Draw the points of a slice, and their front, for a page."""
    from sim.deadline.html.charts import hover_curves, legend_above, plain, shade

    found = placed(x, part, allocators)
    kept = on_front(found)
    values = [at for _, at, _ in found]
    floor = min((v for v in values if v > 0), default=1.0)
    log = max(values) > _LOG_FROM * floor
    least = 0.5 * floor if log else 0.0  # a log axis has no place for zero
    made = plain(
        320,
        title=part.title if part.axes else "",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        x_axis_type="log" if log else "linear",
        x_axis_label=_X[x],
        y_axis_label="rate in force (bit/s/Hz)",
    )
    if log:
        powers = range(math.floor(math.log10(floor)) - 1, math.ceil(math.log10(max(values))) + 1)
        ticks = [step * 10.0**power for power in powers for step in _steps(max(values) / floor)]
        made.xaxis.ticker = ticks
        told = ratio if x == "miss_ratio" else number
        made.xaxis.major_label_overrides = {tick: told(tick) for tick in ticks}
    line = sorted((at, value) for (_, at, value), best in zip(found, kept, strict=True) if best)
    made.step(
        [max(at, least) for at, _ in line], [value for _, value in line], mode="after",
        color="#888888", line_width=1.5, tags=["front"],
    )  # fmt: skip
    marks = []
    for label in allocators:
        # The legend shows the first mark: one that is nowhere, neither filled nor hollow.
        entries: dict[str, list[Any]] = {
            "x": [math.nan], "y": [math.nan], "filled": [0.5], "seen": [1.0], "place": [""],
            "time": [""], "missed": [""], "target": [""],
        }  # fmt: skip
        for (cell, at, value), best in zip(found, kept, strict=True):
            if cell.allocator == label:
                alpha = 1.0 if best else _PALE
                entries["x"].append(max(at, least))
                entries["y"].append(value)
                entries["filled"].append(alpha if results.target.met(cell) else 0.0)
                entries["seen"].append(alpha)
                entries["place"].append(
                    ", ".join(a.phrase(a.of(cell.values)) for a in results.axes) or "the only one"
                )
                entries["time"].append(time_text(x, at))
                entries["missed"].append(ratio(cell.metric("miss_ratio") or 0.0))
                entries["target"].append(results.target.verdict(cell))
        marks.append(
            made.scatter(
                "x", "y", source=entries, size=9, line_width=1.5, fill_alpha="filled",
                line_alpha="seen", color=shade(results.allocators.index(label)),
                legend_label=label, name=label,
            )
        )  # fmt: skip
    hover_curves(made, marks, *_HOVER)
    legend_above(made)
    return made


def _rows(
    results: StudyResults, x: str, part: Slice, allocators: Sequence[str]
) -> list[list[object]]:
    found = placed(x, part, allocators)
    kept = on_front(found)
    return [
        [*(cell.values[a.name] for a in results.every_axis), cell.allocator, at, value, on,
         results.target.met(cell)]
        for (cell, at, value), on in zip(found, kept, strict=True)
    ]  # fmt: skip
