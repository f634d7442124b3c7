"""Rate in force along an axis, who is best where, and where that changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.deadline.plots import colour, dash, line_width, marker
from sim.report.axis import Axis
from sim.report.cells import FEWEST
from sim.report.crossover import Crossover, Curve, crossovers, leaders
from sim.report.curves import (
    chosen_slices,
    drawn_note,
    first_of_line,
    numeric_axis,
    ordered,
    panel_grid,
    run_ticks,
    scale_x,
    side_legend,
)
from sim.report.exhibit import Exhibit, Interactive, NothingToShowError, Options, allocators_option
from sim.report.matrix import footnote, short
from sim.report.rate_sentences import rate_sentences
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices
from sim.report.wording import count, number, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "allocator")

_RATE = "in_force_bps_hz"
_MOST_PANELS = 6
_MOST_SENTENCES = 12
_LINES = 3
_TICK_ROOM = 0.14  # of a page's figure, which a phone has 300 pixels for
_MOST_NAMED = 3  # crossovers named in a panel; of more, the place alone is shown


def asked(results: StudyResults, options: Options) -> tuple[Axis, list[str]]:
    """Return the axis and the allocators."""
    return numeric_axis(results, options), allocators_option(results, options)


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw the rate in force along an axis."""
    axis, allocators = asked(results, options)
    if all(cell.rate is None for cell in results.cells if cell.allocator in allocators):
        raise NothingToShowError("no point has a rate")
    shown, there = chosen_slices(results, axis, _MOST_PANELS)
    found = {id(part): _curves(axis, part, allocators) for part in shown}
    figure, places = panel_grid([part.title if part.axes else "" for part in shown])
    for axes, part in zip(places, shown, strict=True):
        _panel(axes, results, axis, part, allocators)
        _mark(axes, crossovers(found[id(part)], axis.log))
    for axes in first_of_line(places):
        axes.set_ylabel("rate in force (bit/s/Hz)", fontsize=8.5)
    side_legend(figure, places[0])
    figure.suptitle("Rate in force", fontsize=11)
    note = "filled: meets the target   hollow: misses it   x: another has the most rate"
    bands = "   bands: 95% over replicates" if results.replicates >= FEWEST else ""
    footnote(figure, note + bands)
    sentences = rate_sentences(results, axis, [(part, found[id(part)]) for part in shown])
    if len(sentences) > _MOST_SENTENCES:
        more = len(sentences) - _MOST_SENTENCES
        sentences = [
            *sentences[:_MOST_SENTENCES],
            f"And {count(more, 'sentence')} more like these, which the CSV bears.",
        ]
    return [
        Exhibit(
            name="rate",
            title=f"Rate in force over {axis.number_title}",
            figure=figure,
            columns=_columns(results, axis),
            rows=_rows(results, axis, allocators),
            sentences=[*sentences, *drawn_note(len(shown), there)],
            caption=(
                "Filled marks meet the target, hollow ones do not. A cross is where, target or "
                "not, another allocator has the most rate in force, if the curves are straight "
                "between the values that were run"
                + (
                    "; the grey band is its 95% interval, from paired differences of replicates. "
                    "Pale and with a `?`: over these replicates the two cannot be told apart."
                    if results.replicates >= FEWEST
                    else "."
                )
            ),
            interactive=partial(_interactive, results, axis, shown, allocators),
        )
    ]


def _curves(axis: Axis, part: Slice, allocators: Sequence[str]) -> list[Curve]:
    return [
        Curve(
            label,
            {
                at: rates
                for at, cell in ordered(axis, part.of(label))
                if (rates := cell.by_replicate(_RATE))
            },
            frozenset(at for at, _ in ordered(axis, part.of(label))),
        )
        for label in allocators
    ]


def _panel(
    axes: Axes, results: StudyResults, axis: Axis, part: Slice, allocators: Sequence[str]
) -> None:
    for label in allocators:
        number_ = results.allocators.index(label)
        cells = [(at, c) for at, c in ordered(axis, part.of(label)) if c.rate is not None]
        pairs = [(at, c.rate or 0.0, c) for at, c in cells]
        look: dict[str, Any] = {"color": colour(number_), "linestyle": dash(number_)}
        every = max(len(pairs) // 12, 1)
        axes.plot(
            [at for at, _, _ in pairs], [rate for _, rate, _ in pairs],
            linewidth=0.7 * line_width(number_), marker=marker(number_), markersize=4.5,
            markevery=every, label=label, **look,
        )  # fmt: skip
        hollow = [(at, rate) for at, rate, c in pairs[::every] if not results.target.met(c)]
        axes.plot(
            [at for at, _ in hollow], [rate for _, rate in hollow], linestyle="none",
            marker=marker(number_), markersize=4.5, color=colour(number_), markerfacecolor="white",
            zorder=3,
        )  # fmt: skip
        bands = [(at, *bounds) for at, c in cells if (bounds := c.interval(_RATE)) is not None]
        if bands:
            x, low, high = zip(*bands, strict=True)
            axes.fill_between(x, low, high, color=colour(number_), alpha=0.15, linewidth=0)
    scale_x(axes, axis, part.cells)
    axes.set_xlabel(short(axis.number_title, 40), fontsize=8.5, parse_math=False)


def _interactive(
    results: StudyResults, axis: Axis, parts: Sequence[Slice], allocators: Sequence[str]
) -> Interactive:
    """Draw the same panels for a page."""
    from sim.deadline.html.charts import curves_figure

    figures = []
    for part in parts:
        curves = {}
        for label in allocators:
            # The legend shows the first mark: one that is nowhere, neither filled nor hollow.
            entries: dict[str, list[Any]] = {
                "x": [math.nan], "y": [math.nan], "filled": [0.5], "missed": [""],
            }  # fmt: skip
            for at, cell in ordered(axis, part.of(label)):
                if cell.rate is not None:
                    entries["x"].append(at)
                    entries["y"].append(cell.rate)
                    entries["filled"].append(1.0 if results.target.met(cell) else 0.0)
                    entries["missed"].append(ratio(cell.metric("miss_ratio") or 0.0))
            curves[label] = (results.allocators.index(label), entries)
        hover = ((axis.number_title, "@x"), ("in force", "@y{0.000}"), ("missed", "@missed"))
        titles = (axis.number_title, "rate in force (bit/s/Hz)")
        title = part.title if part.axes else ""
        made = curves_figure(title, curves, titles, axis.log, hover)
        made.xaxis.ticker = ticks = run_ticks(axis, part.cells, _TICK_ROOM)
        made.xaxis.major_label_overrides = {tick: number(tick) for tick in ticks}
        figures.append(made)
    return Interactive(
        figures,
        "Filled marks meet the target, hollow ones do not. Point at a mark for its numbers; a "
        "click on a name hides its curve.",
    )


def _mark(axes: Axes, changes: Sequence[Crossover]) -> None:
    places = [change for change in changes if change.at is not None]
    for i, change in enumerate(places):
        assert change.at is not None
        if change.interval is not None:
            ends = axes.get_xlim()
            low, high = (ends[k] if e is None else e for k, e in enumerate(change.interval))
            axes.axvspan(low, high, color="0.5", alpha=0.15, linewidth=0, zorder=0)
            axes.set_xlim(ends)
        axes.axvline(change.at, color="0.35", linewidth=0.8, linestyle=":", zorder=1)
        axes.plot(
            change.at, change.rate, "x", color="0.6" if change.doubtful else "black", markersize=7,
            markeredgewidth=1.6, zorder=5,
        )  # fmt: skip
        text = number(change.at)
        if len(places) <= _MOST_NAMED:
            text = f"{short(change.after, 16)} from {text}"
        text += "?" if change.doubtful else ""
        # Above the panel, where it hides no curve; neighbours on lines of their own.
        left, right = axes.transAxes.inverted().transform(
            axes.transData.transform([(change.at, 0.0)] * 2)
        )[:, 0]
        side = "left" if left < 0.3 else "right" if right > 0.7 else "center"
        axes.annotate(
            text, (change.at, 1.0), (0, 2 + 8 * (i % _LINES)), textcoords="offset points",
            xycoords=axes.get_xaxis_transform(), fontsize=6.5, ha=side, va="bottom",
            parse_math=False,
        )  # fmt: skip
    if places:
        pad = 4 + 8 * min(len(places), _LINES)
        axes.set_title(axes.get_title(), fontsize=9, pad=pad, parse_math=False)


def _columns(results: StudyResults, axis: Axis) -> list[str]:
    axes = [a.name for a in results.every_axis]
    axes += [axis.name] if axis.name not in axes else []
    return [*axes, "allocator", "replicates", _RATE, "in_force_low", "in_force_high", "miss_ratio",
            "meets_target", "best", "overtakes_at", "overtakes_low", "overtakes_high",
            "refused"]  # fmt: skip


def _rows(results: StudyResults, axis: Axis, allocators: Sequence[str]) -> list[list[object]]:
    axes = _columns(results, axis)
    axes = axes[: axes.index("allocator")]
    rows: list[list[object]] = []
    for part in slices(results, [axis]):
        curves = _curves(axis, part, allocators)
        best = dict(leaders(curves))
        changes = {(c.after, c.between[1]): c for c in crossovers(curves, axis.log)}
        for label in allocators:
            for at, cell in ordered(axis, part.of(label)):
                low, high = cell.interval(_RATE) or (None, None)
                change = changes.get((label, at))
                left, right = (change.interval if change else None) or (None, None)
                rows.append(
                    [
                        *(cell.values[a] for a in axes), label, len(cell.rows), cell.rate, low,
                        high,
                        None if cell.refused else cell.metric("miss_ratio"),
                        results.target.met(cell), best.get(at) == label,
                        change.at if change else None, left, right, cell.refused,
                    ]
                )  # fmt: skip
    return rows
