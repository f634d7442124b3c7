"""Rate in force along an axis, who is best where, and where that changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.deadline.plots import colour, dash, line_width, marker
from sim.report.axis import Axis
from sim.report.cells import FEWEST
from sim.report.crossover import LEVEL, Crossover, Curve, crossovers, leaders
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
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices
from sim.report.wording import count, listing, merged, named, number, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "allocator")

_RATE = "in_force_bps_hz"
_MOST_PANELS = 6
_MOST_SENTENCES = 12
_WHOLE = ("links", "subbands", "controllers", "servers", "batch", "lead")  # nothing between
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
    sentences = _sentences(results, axis, [(part, found[id(part)]) for part in shown])
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


def _sentences(
    results: StudyResults, axis: Axis, parts: Sequence[tuple[Slice, Sequence[Curve]]]
) -> list[str]:
    """Say who has the most rate where, and where that changes; the same change as one sentence."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    whole: list[tuple[str, str]] = []
    for part, curves in parts:
        changes = crossovers(curves, axis.log)
        for change in changes:
            entry = (part.title, _where(results, axis, part, change), _sure(results, axis, change))
            groups.setdefault(_head(change), []).append(entry)
        if not changes:
            # Of one allocator there is the same to say everywhere.
            title = part.title if len(curves) > 1 else ""
            whole.append((title, _all_the_way(axis, curves)))
    return [_changes(head, entries) for head, entries in groups.items()] + merged(whole)


def _head(change: Crossover) -> str:
    before, after = named(change.before), named(change.after)
    if change.doubtful:
        return (
            f"Over these replicates the rates in force of {before} and {after} cannot be told "
            "apart: the means cross"
        )
    return f"Target or not, the most rate in force changes from {before} to {after}"


def _changes(head: str, entries: Sequence[tuple[str, str, str]]) -> str:
    """Return one change at one or several places; how sure it is once, where that is the same."""
    sure = {note for _, _, note in entries if note}
    if len(entries) == 1:
        title, where, note = entries[0]
        place = f", with {title}" if title else ""
        end = f"; {note})" if note and where.endswith(")") else f" ({note})" if note else ""
        return f"{head}{place} {where.removesuffix(')') if end[:1] == ';' else where}{end}."
    common = next(iter(sure)) if len(sure) == 1 else ""
    words = [
        f"with {title} {where if common or not note else where.removesuffix(')') + f'; {note})'}"
        for title, where, note in entries
    ]
    return f"{head}: {'; '.join(words)}{f'; {common}' if common else ''}."


def _all_the_way(axis: Axis, curves: Sequence[Curve]) -> str:
    """Say who has the most rate in a slice in which that does not change."""
    order = leaders(curves)
    if not order:
        return "no allocator has a rate"
    best = order[0][1]
    first, last = (axis.number_phrase(order[i][0]) for i in (0, -1))
    if len(order) == 1:
        return f"the most rate in force is {named(best)}'s, at {first}{_level(curves, best)}"
    if len(curves) == 1:
        return f"{named(best)} is the only allocator, so none overtakes it"
    return (
        f"target or not, {named(best)} has the most rate in force all the way from {first} to "
        f"{last}{_level(curves, best)}: no crossover"
    )


def _level(curves: Sequence[Curve], best: str) -> str:
    """Return who is as good as the best wherever both are."""
    own = next(curve for curve in curves if curve.label == best)
    level = []
    for curve in curves:
        pairs = [(curve.at(x), own.at(x)) for x in own.rates]
        if (
            curve is not own
            and pairs
            and all(
                a is not None and b is not None and abs(a - b) <= LEVEL * abs(b) for a, b in pairs
            )
        ):
            level.append(named(curve.label))
    return f" (level with it, within {100 * LEVEL:g}%: {listing(level)})" if level else ""


def _where(results: StudyResults, axis: Axis, part: Slice, change: Crossover) -> str:
    """Return where a change is, between which values that were run, and who misses the target."""
    low, high = change.between
    between = f"between {number(low)} and {axis.number_phrase(high)}"
    missing = [
        label
        for label in (change.before, change.after)
        if not any(
            results.target.met(cell)
            for at, cell in ordered(axis, part.of(label))
            if at in change.between
        )
    ]
    notes = (
        []
        if not missing
        else [
            f"there {named(missing[0])} misses the target"
            if len(missing) == 1
            else "there both miss the target"
        ]
    )
    if change.at is None:
        notes.insert(0, "the curve of one of them ends there")
        return f"{between} ({'; '.join(notes)})"
    if axis.fact in _WHOLE:
        return f"{between} ({'; '.join(notes)})" if notes else between
    notes.insert(0, f"interpolated between {number(low)} and {number(high)}")
    return f"at {axis.number_phrase(change.at)} ({'; '.join(notes)})"


def _sure(results: StudyResults, axis: Axis, change: Crossover) -> str:
    """Return how far the place of a change can be trusted; empty where it is none on a line."""
    if change.at is None or axis.fact in _WHOLE or change.doubtful:
        return ""
    if change.interval is None:
        if results.replicates == 1:
            return "one replicate gives no interval"
        return f"{min(results.replicates, FEWEST - 1)} replicates are too few for an interval"
    low, high = change.interval
    if low is None:
        return f"95% over replicates: at most {number(high or 0.0)}, no lower bound in the study"
    if high is None:
        return f"95% over replicates: at least {number(low)}, no upper bound in the study"
    return f"95% over replicates: {number(low)} .. {number(high)}"


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
