"""What fits: how many links, subbands or controllers meet the target, how few servers do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sim.report.axis import Axis, Value, slot_names
from sim.report.capacity import Capacity, Fit, Row, best_at, capacities, fit_rows
from sim.report.exhibit import (
    Exhibit,
    Interactive,
    NothingToShowError,
    Options,
    allocators_option,
    axis_option,
)
from sim.report.fit_sentences import answer_sentences, limit, runs_text
from sim.report.matrix import footnote, frame, hatch, panels, short, write
from sim.report.results import StudyResults
from sim.report.slices import spread
from sim.report.wording import count, named, number, ratio

OPTIONS = ("axis", "allocator")

_MOST_ROWS = 40  # of the figure and the table in the report
_MOST_SENTENCES = 16


def asked(results: StudyResults, options: Options) -> tuple[list[Capacity], list[str]]:
    """Return what is to fit, and the allocators."""
    axis = axis_option(results, options, "axis")
    allocators = allocators_option(results, options)
    found = capacities(results)
    if axis is not None:
        found = [c for c in found if c.axis == axis]
        if not found:
            raise NothingToShowError(
                f"{options['axis']!r} is no axis along which anything is to fit"
            )
    if not found:
        raise NothingToShowError(
            "no axis of links, subbands, controllers, servers, speed or slots varies"
        )
    return found, allocators


def exhibits(results: StudyResults, options: Options) -> list[Exhibit]:
    """Draw how much fits, as a table in colours."""
    found, allocators = asked(results, options)
    made = []
    for capacity in found:
        rows = fit_rows(results, capacity, allocators)
        if rows:
            made.append(_exhibit(results, capacity, rows, allocators))
    if not made:
        raise NothingToShowError("the study has no answer yet")
    return made


def _exhibit(
    results: StudyResults, capacity: Capacity, rows: Sequence[Row], allocators: Sequence[str]
) -> Exhibit:
    sentences = answer_sentences(results, capacity, rows)
    if len(sentences) > _MOST_SENTENCES:
        more = len(sentences) - _MOST_SENTENCES
        sentences = [
            *sentences[:_MOST_SENTENCES],
            f"The table and the CSV have {count(more, 'answer')} more.",
        ]
    shown = spread(rows, _MOST_ROWS)
    of = "solved for by the study" if capacity.solved else "from the grid of the study"
    left = f"{len(shown)} of {len(rows)} rows are shown, evenly spread; the CSV has all."
    caption = (
        f"{_what(capacity)} {_meets(capacity)} the target ({results.target.text}), {of}; "
        "in brackets the next value and why it does not. `all`: even the farthest value "
        "tried meets it. `~`: the 95% interval there straddles the target. Bold: the best of "
        "the row. "
        "Best: of those that meet it there, the one with the most rate in force."
    )
    table = _markdown(results, capacity, shown, allocators)
    if len(shown) < len(rows):
        table = f"{left}\n\n{table}"
    return Exhibit(
        name="fits" if capacity.largest else f"fits_{capacity.axis.fact or 'axis'}",
        title=f"What fits: {capacity.axis.number_title}",
        figure=_figure(results, capacity, shown, allocators),
        columns=_columns(capacity),
        rows=[line for row in rows for line in _rows(results, capacity, row)],
        sentences=sentences,
        caption=caption,
        markdown=table,
        interactive=partial(_interactive, results, capacity, shown, allocators),
    )


#: How the largest and the smallest of a fact are called; what is counted comes in the plural.
_ENDS = {
    "links": ("Most", "Fewest"),
    "subbands": ("Most", "Fewest"),
    "controllers": ("Most", "Fewest"),
    "servers": ("Most", "Fewest"),
    "speed": ("Highest", "Lowest"),
    "lead": ("Longest", "Shortest"),
    "slot_us": ("Longest", "Shortest"),
}


def _what(capacity: Capacity) -> str:
    """Return what is sought: `Most links`, `Lowest processor speed`."""
    ends = _ENDS.get(capacity.axis.fact, ("Largest", "Smallest"))
    title = capacity.axis.number_title
    if capacity.axis.fact in ("links", "subbands"):
        title = title[:-2]  # without its letter
    return f"{ends[0 if capacity.largest else 1]} {title}"


def _meets(capacity: Capacity) -> str:
    counted = _ENDS.get(capacity.axis.fact, ("", ""))[0] == "Most"
    return "that meet" if counted else "that meets"


def _slot(capacity: Capacity) -> Axis | None:
    return next((axis for axis in capacity.rest if axis.fact == "slot_us"), None)


def _names(capacity: Capacity, row: Row) -> str:
    axis = _slot(capacity)
    at = axis.numbers.get(row.place[axis.name]) if axis else None
    return ", ".join(slot_names(at)) if at is not None else ""


def _most(capacity: Capacity, row: Row) -> float | None:
    """Return the farthest answer of all allocators."""
    answers = [fit.answer for fit in row.fits if fit.answer is not None]
    return (max if capacity.largest else min)(answers, default=None)


def _brief(results: StudyResults, fit: Fit) -> str:
    """Return an answer in a few letters."""
    if fit.answer is None:
        return {"refused": "refused", "unknown": "not run", "gap": "gap"}.get(fit.status, "none")
    mark = "~" if fit.cell and results.target.straddled(fit.cell) else ""
    end = " all" if fit.status == "everywhere" else "+" if fit.status == "unknown" else ""
    return f"{mark}{number(fit.answer)}{end}"


def _markdown(
    results: StudyResults, capacity: Capacity, rows: Sequence[Row], allocators: Sequence[str]
) -> str:
    slot = _slot(capacity)
    heads = [axis.title for axis in capacity.rest] + (["in 5G"] if slot else [])
    heads += [named(label) for label in allocators] + ["best"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in rows:
        cells = [_plain(axis.text(row.place[axis.name])) for axis in capacity.rest]
        cells += [_names(capacity, row) or "-"] if slot else []
        most = _most(capacity, row)
        by_label = {fit.allocator: fit for fit in row.fits}
        for label in allocators:
            fit = by_label.get(label)
            text = "not run" if fit is None else _brief(results, fit)
            if fit and fit.status == "refused":
                cells.append(text)  # the reason stands among the refused
                continue
            if fit and fit.answer is not None and fit.answer == most:
                text = f"**{text}**"
            beyond = limit(results, fit) if fit else ""
            cells.append(f"{text} ({beyond})" if beyond else text)
        runs = best_at(results, capacity, row)
        cells.append(", ".join(runs_text(capacity, runs)) or "-")
        lines.append(_line(cells))
    return "\n".join(lines)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _columns(capacity: Capacity) -> list[str]:
    place = [*(axis.name for axis in capacity.rest), *(["in_5g"] if _slot(capacity) else [])]
    return [*place, "allocator", "axis", "find", "answer", "status", "miss_ratio", "miss_low",
            "miss_high", "straddles_target", "in_force_bps_hz", "next", "limit",
            "fits_most"]  # fmt: skip


def _rows(results: StudyResults, capacity: Capacity, row: Row) -> list[list[object]]:
    most = _most(capacity, row)
    lines: list[list[object]] = []
    for fit in row.fits:
        place: list[Value] = [row.place[axis.name] for axis in capacity.rest]
        at = fit.cell
        low, high = (at.interval("miss_ratio") if at else None) or (None, None)
        lines.append(
            [
                *place, *([_names(capacity, row)] if _slot(capacity) else []), fit.allocator,
                capacity.axis.number_title, "largest" if capacity.largest else "smallest",
                fit.answer, fit.status, at.metric("miss_ratio") if at else None, low, high,
                results.target.straddled(at) if at else None, at.rate if at else None, fit.next,
                limit(results, fit), fit.answer is not None and fit.answer == most,
            ]
        )  # fmt: skip
    return lines


_NONE = "#bbbbbb"  # of a page's cell without an answer
_HOVER = {"allocator": "allocator", "fits": "text", "stopped at": "limit", "there missed": "missed"}
_LABEL = 24  # letters beside a figure of a page


def _interactive(
    results: StudyResults, capacity: Capacity, rows: Sequence[Row], allocators: Sequence[str]
) -> Interactive:
    """Draw the same for a page."""
    from matplotlib.colors import to_hex

    from sim.deadline.html.charts import cells_figure

    colours, norm = _colours(capacity, rows)
    cells = []
    for i, row in enumerate(reversed(rows)):
        most = _most(capacity, row)
        for fit in row.fits:
            missed = fit.cell.metric("miss_ratio") if fit.cell else None
            cells.append(
                {
                    "row": i,
                    "column": allocators.index(fit.allocator),
                    "shade": _NONE if fit.answer is None else to_hex(colours(norm(fit.answer))),
                    "text": _brief(results, fit)
                    + (" *" if fit.answer is not None and fit.answer == most else ""),
                    "allocator": fit.allocator,
                    "limit": limit(results, fit) or "-",
                    "missed": "-" if missed is None else ratio(missed),
                }
            )
    beside = [short(name, _LABEL) for name in _beside(capacity, rows)]
    titles = ("", " / ".join(axis.title for axis in capacity.rest))
    names = [short(label, _LABEL) for label in allocators]
    return Interactive(
        [cells_figure("", cells, names, beside, titles, _HOVER)],
        f"{_what(capacity)} {_meets(capacity)} the target ({results.target.text}). "
        "*: the best of the row. all: even the farthest value tried meets it. ~: the 95% "
        "interval there straddles the target. Point at a cell for what stops it.",
    )


def _beside(capacity: Capacity, rows: Sequence[Row]) -> list[str]:
    """Return the names of rows, from the bottom."""
    names = [" / ".join(a.text(row.place[a.name]) for a in capacity.rest) for row in rows]
    return names[::-1]


def _colours(capacity: Capacity, rows: Sequence[Row]) -> tuple[Any, Any]:
    """Return a colour map, and what takes answers to it."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    answers = [fit.answer for row in rows for fit in row.fits if fit.answer is not None]
    low, high = (min(answers), max(answers)) if answers else (1.0, 1.0)
    scale = LogNorm if low > 0 else Normalize
    colours = colormaps["viridis" if capacity.largest else "viridis_r"]
    return colours, scale(low, high if high > low else low + 1.0)


def _figure(
    results: StudyResults, capacity: Capacity, rows: Sequence[Row], allocators: Sequence[str]
) -> Any:
    import numpy as np

    beside = _beside(capacity, rows)
    width = min(0.85, 7.0 / len(allocators))
    figure, (axes,), _ = panels(1, len(allocators), len(rows), beside, allocators)
    size = (width * len(allocators) + 0.07 * max(map(len, beside)) + 1.2, 0.27 * len(rows) + 1.9)
    figure.set_size_inches(max(size[0], 5.4), size[1])
    colours, norm = _colours(capacity, rows)
    none: list[tuple[int, int]] = []
    image = np.full((len(rows), len(allocators)), np.nan)
    texts: list[tuple[tuple[int, int], str, bool]] = []
    for i, row in enumerate(reversed(rows)):
        most = _most(capacity, row)
        for fit in row.fits:
            place = (i, allocators.index(fit.allocator))
            texts.append(
                (place, _brief(results, fit), fit.answer is not None and fit.answer == most)
            )
            if fit.answer is not None:
                image[place] = fit.answer
            else:
                none.append(place)
    axes.pcolormesh(
        np.ma.masked_invalid(image), cmap=colours, norm=norm, edgecolors="white", linewidth=1.2
    )
    hatch(axes, none)
    for place, text, bold in texts:
        shade = (0.94,) * 3 if np.isnan(image[place]) else colours(norm(image[place]))
        write(axes, place, text, shade, min(8.0, 13 * width), bold)
        if bold:
            axes.add_patch(_box(place))
    titles = ("", " / ".join(axis.title for axis in capacity.rest))
    frame(axes, allocators, beside, titles, (width, 0.27))
    figure.suptitle(f"{_what(capacity)} with {results.target.text}", fontsize=11)
    footnote(
        figure,
        "box: best   all: even the farthest tried   ~: interval straddles the target",
    )
    return figure


def _box(place: tuple[int, int]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (place[1] + 0.03, place[0] + 0.05), 0.94, 0.9, fill=False, edgecolor="black", linewidth=1.6
    )
