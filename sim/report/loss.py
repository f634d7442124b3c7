"""Where the rate goes: genie rate less ageing less misses is the rate in force."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.curves import (
    chosen_slices,
    drawn_note,
    first_of_line,
    numeric_axis,
    ordered,
    panel_grid,
    scale_x,
)
from sim.report.exhibit import Exhibit, Interactive, NothingToShowError, Options, allocators_option
from sim.report.matrix import short
from sim.report.results import StudyResults
from sim.report.slices import Slice, slices
from sim.report.wording import capital, count, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS = ("x", "allocator")

_PARTS = (
    ("in force", "in_force_bps_hz", "#0072B2"),
    ("ageing loss", "ageing_loss_bps_hz", "#E69F00"),
    ("miss loss", "miss_loss_bps_hz", "#D55E00"),
)
_TOPS = ("genie_bps_hz", "in_force_bps_hz")
_MOST_PANELS = 12
_MOST_SENTENCES = 12
_FEW = 12  # values that are drawn as bars
_WORTH_SAYING = 0.001  # of a rate


def asked(results: StudyResults, options: Options) -> tuple[Axis | None, list[str]]:
    """Return the axis, None where nothing varies and none is asked for, and the allocators."""
    none = not results.axes and options.get("x") is None
    return None if none else numeric_axis(results, options), allocators_option(results, options)


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw the parts of the genie rate along an axis, an allocator a panel."""
    axis, allocators = asked(results, options)
    if all(cell.rate is None for cell in results.cells if cell.allocator in allocators):
        raise NothingToShowError("no point has a rate")
    if axis is None:
        parts, shown, there = slices(results, []), slices(results, []), 1
    else:
        parts = slices(results, [axis])
        shown, there = chosen_slices(results, axis, max(1, _MOST_PANELS // len(allocators)))
    pairs = [(part, label) for part in shown for label in allocators if _rated(part.of(label))]
    titles = ["\n".join([label] + ([part.title] if part.axes else [])) for part, label in pairs]
    each = len(pairs) // len(shown)
    figure, places = panel_grid(
        titles, 2.1, across=each if 2 <= each <= 4 and len(pairs) == each * len(shown) else 0
    )
    for axes, (part, label) in zip(places, pairs, strict=True):
        _panel(axes, axis, _rated(part.of(label)))
        tops = [c.metric(name) or 0.0 for c in _rated(part.cells) for name in _TOPS]
        axes.set_ylim(0, 1.05 * (max(tops) or 1.0))
    for axes in first_of_line(places):
        axes.set_ylabel("bit/s/Hz", fontsize=8.5)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=3)
    figure.suptitle(
        "Where the rate goes: genie rate = in force + ageing loss + miss loss", fontsize=11
    )
    return [
        Exhibit(
            name="loss",
            title="Where the rate goes",
            figure=figure,
            columns=_columns(results, axis),
            rows=[row for part in parts for row in _rows(results, axis, part, allocators)],
            sentences=[*_sentences(results, allocators), *drawn_note(len(shown), there)],
            caption=(
                "The height is the genie rate: the same answers on the true channel, in no time. "
                "A loss below zero, where an older answer happened to do better, is drawn as none; "
                "the CSV has it."
            ),
            interactive=partial(_interactive, axis, pairs, titles),
        )
    ]


def _interactive(
    axis: Axis | None, pairs: Sequence[tuple[Slice, str]], titles: Sequence[str]
) -> Interactive:
    """Draw the same panels for a page, every value as a bar."""
    figures = []
    for (part, label), title in zip(pairs, titles, strict=True):
        cells = _rated(part.of(label))
        ranked = [cell for _, cell in ordered(axis, cells)] if axis else cells
        tops = [c.metric(name) or 0.0 for c in _rated(part.cells) for name in _TOPS]
        figures.append(_bars(axis, ranked, title.replace("\n", ", "), 1.05 * (max(tops) or 1.0)))
    return Interactive(
        figures,
        "The height is the genie rate: the same answers on the true channel, in no time. A loss "
        "below zero is drawn as none. Point at a bar for its numbers.",
    )


def _bars(axis: Axis | None, cells: Sequence[Cell], title: str, top: float) -> Any:
    """Draw the parts of the genie rate of some cells for a page."""
    from bokeh.models import ColumnDataSource, HoverTool

    from sim.deadline.html.charts import legend_above, plain

    names = ["" if axis is None else axis.text(axis.of(cell.values)) for cell in cells]
    made = plain(
        300,
        title=title,
        tools="save",
        y_range=(0.0, top),
        x_axis_label="" if axis is None else axis.title,
        y_axis_label="bit/s/Hz",
    )
    floor = np.zeros(len(cells))
    places = list(range(len(cells)))
    for label, column, shade in _PARTS:
        own = [cell.metric(column) or 0.0 for cell in cells]
        height = np.maximum(own, 0.0)
        source = ColumnDataSource(
            {"x": places, "at": names, "low": floor, "high": floor + height, "own": own}
        )
        bar = made.vbar(
            "x", 0.8, "high", "low", source=source, color=shade, name=label, legend_label=label
        )
        tips = [("", "$name"), ("bit/s/Hz", "@own{0.000}")]
        tips += [(axis.title, "@at")] if axis else []
        made.add_tools(HoverTool(renderers=[bar], tooltips=tips))
        floor = floor + height
    step = -(-len(names) // _FEW)
    made.xaxis.ticker = places[::step]
    made.xaxis.major_label_overrides = {i: short(name, 16) for i, name in enumerate(names)}
    made.xaxis.major_label_orientation = 0.6 if max(map(len, names), default=0) > 5 else 0.0
    made.xgrid.visible = False
    legend_above(made)
    made.legend.click_policy = "none"  # what stands on a part would not come down
    return made


def _rated(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.rate is not None]


def _panel(axes: Axes, axis: Axis | None, cells: Sequence[Cell]) -> None:
    pairs = ordered(axis, cells) if axis else [(0.0, cell) for cell in cells]
    bars = axis is None or len(pairs) <= _FEW
    places = np.arange(len(pairs), dtype=np.float64) if bars else np.array([at for at, _ in pairs])
    bottom = np.zeros(len(pairs))
    for label, column, shade in _PARTS:
        height = np.array([max(cell.metric(column) or 0.0, 0.0) for _, cell in pairs])
        if bars:
            axes.bar(places, height, 0.75, bottom=bottom, color=shade, label=label)
        else:
            axes.fill_between(
                places, bottom, bottom + height, color=shade, label=label, linewidth=0
            )
        bottom += height
    if axis is None:
        axes.set_xticks([])
        axes.set_xlim(-1.5, 1.5)
        return
    if bars:
        room = 12 if len(pairs) > 6 else 20
        texts = [short(axis.text(axis.of(cell.values)), room) for _, cell in pairs]
        turned = sum(map(len, texts)) > 22
        axes.set_xticks(places, texts, fontsize=7.5, parse_math=False, rotation=90 if turned else 0)
        axes.set_xlim(-0.6, max(len(pairs), 3) - 0.4)
    else:
        scale_x(axes, axis, [cell for _, cell in pairs])
        axes.set_xlim(places[0], places[-1])
    axes.set_xlabel(short(axis.title, 40), fontsize=8.5, parse_math=False)


def _sentences(results: StudyResults, allocators: Sequence[str]) -> list[str]:
    """Say where each allocator loses most."""
    lines = []
    for label in allocators:
        cells = [c for c in results.served if c.allocator == label and c.metric("genie_bps_hz")]
        if not cells:
            lines.append(f"{named(label)} has no rate at any point.")
            continue
        worst = max(cells, key=_lost)
        if _lost(worst) < _WORTH_SAYING:
            lines.append(
                f"{named(label)} loses less than {100 * _WORTH_SAYING:g}% of its genie rate "
                "everywhere."
            )
            continue
        places = [axis.phrase(axis.of(worst.values)) for axis in results.axes]
        at = f", at {', '.join(places)}" if places else ""
        genie = worst.metric("genie_bps_hz") or 1.0
        ageing, missed = (max((worst.metric(c) or 0.0) / genie, 0.0) for _, c, _ in _PARTS[1:])
        most = "at most " if len(cells) > 1 else ""
        lines.append(
            capital(
                f"{named(label)} loses {most}{_share(_lost(worst))} of its genie rate{at}: "
                f"{_share(ageing)} to age and {_share(missed)} to misses."
            )
        )
    if len(lines) > _MOST_SENTENCES:
        more = count(len(lines) - _MOST_SENTENCES, "allocator")
        lines = [*lines[:_MOST_SENTENCES], f"The CSV has {more} more."]
    return lines


def _lost(cell: Cell) -> float:
    genie = cell.metric("genie_bps_hz") or 1.0
    return sum(cell.metric(column) or 0.0 for _, column, _ in _PARTS[1:]) / genie


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


def _columns(results: StudyResults, axis: Axis | None) -> list[str]:
    axes = [a.name for a in results.every_axis]
    axes += [axis.name] if axis and axis.name not in axes else []
    return [
        *axes,
        "allocator",
        "genie_bps_hz",
        *(column for _, column, _ in _PARTS[1:]),
        "in_force_bps_hz",
        "refused",
    ]


def _rows(
    results: StudyResults, axis: Axis | None, part: Slice, allocators: Sequence[str]
) -> list[list[object]]:
    names = _columns(results, axis)
    axes = names[: names.index("allocator")]
    figures = names[names.index("allocator") + 1 : -1]
    return [
        [*(cell.values[a] for a in axes), cell.allocator, *map(cell.metric, figures), cell.refused]
        for cell in part.cells
        if cell.allocator in allocators
    ]
