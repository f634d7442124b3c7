"""`report.html` of an evaluation: who is worth what, where, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocators.evaluation.cells import Row
from allocators.evaluation.mismatch import Mismatch
from allocators.evaluation.plots import share_colour
from allocators.evaluation.summary import (
    by_allocator,
    failures,
    in_common,
    left_out,
    over_cells,
    summarize,
)
from sim.deadline.html.charts import cells_figure
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.tables import number

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812

_NONE = "#c8c8c8"
_COLOURS = (
    "Sum rate in % of WMMSE's on the same channels: blue where WMMSE is beaten, red where it is "
    "not reached, grey where the allocator does not fit. Point at a cell for its numbers."
)
_HOVER = {
    "allocator": "allocator", "share of WMMSE": "share", "of its best of 10": "best",
    "of exhaustive search": "exhaustive", "sum rate": "rate", "channels": "channels",
    "time p50": "time", "WMMSE's": "reference_time",
}  # fmt: skip


def evaluation_page(rows: Sequence[Row], suite: str, manifest: Mapping[str, Any]) -> Page:
    """Return the page of an evaluation.

    Args:
        rows: from `allocators.evaluation.cells.evaluate_cells`.
        suite: its name.
        manifest: from `sim.deadline.manifest.make_manifest`.
    """
    page = Page(f"{suite}: what is each allocator worth?", verdict(rows), failures(rows))
    page.sections.append(_summary(rows))
    for label, own in by_allocator(rows).items():
        channels = dict.fromkeys(row["channel"] for row in own)
        page.sections.append(
            Section(label, _COLOURS, figures=[_channel(name, own) for name in channels])
        )
    return _finished(page, rows, manifest)


def mismatch_page(matrix: Mismatch, manifest: Mapping[str, Any]) -> Page:
    """Return the page of a matrix of models and tests.

    Args:
        matrix: from `allocators.evaluation.mismatch.mismatch`.
        manifest: from `sim.deadline.manifest.make_manifest`.
    """
    page = Page("Trained here, used there", verdict(matrix.rows), failures(matrix.rows))
    page.sections.append(_summary(matrix.rows))
    tests = [str(test) for test in matrix.tests]
    models = [f"{one.label}, K = {size}" for one, size in matrix.models]
    cells = [
        _cell(matrix.at(row, column), len(models) - 1 - row, column)
        for row in range(len(models))
        for column in range(len(tests))
    ]
    drawn = cells_figure("", cells, tests, models[::-1], ("used there", "trained here"), _HOVER)
    homes = {
        name: one.trained_on
        for name, (one, _) in zip(models, matrix.models, strict=True)
        if one.trained_on
    }
    page.sections.append(Section("Models by tests", _COLOURS, figures=[drawn]))
    if homes:
        page.sections.append(Section("What was trained where", facts=homes))
    return _finished(page, matrix.rows, manifest)


def verdict(rows: Sequence[Row]) -> str:
    """Return who is worth most on average, where that is least, and who is worth least.

    Judged on the cells that all have, or who fits only the easy ones would win.
    """
    there = {str(row["allocator"]) for row in rows if row["share_of_wmmse"] is not None}
    if not there:
        return "No cell has a share of WMMSE's sum rate."
    rated = summarize(in_common(rows))
    if not rated:
        return "No cell fits all allocators: the means below are each over cells of its own."
    rated.sort(key=lambda each: -each["mean_share_of_wmmse"])
    best = rated[0]
    cells = f"{best['cells']} cell{'s' if best['cells'] > 1 else ''}"
    if any(each["cells"] > best["cells"] for each in summarize(rows)):
        cells = f"the {cells} that fit all" if best["cells"] > 1 else "the one cell that fits all"
    text = (
        f"{best['allocator']} reaches {best['mean_share_of_wmmse']:.1%} of WMMSE's sum rate on "
        f"average over {cells}, and {best['worst_share_of_wmmse']:.1%} where it does worst "
        f"({best['worst_cell']})."
    )
    if len(rated) > 1:
        least = rated[-1]
        text += (
            f" Least: {least['allocator']}, {least['mean_share_of_wmmse']:.1%} on average and "
            f"{least['worst_share_of_wmmse']:.1%} at worst ({least['worst_cell']})."
        )
    return text


def _finished(page: Page, rows: Sequence[Row], manifest: Mapping[str, Any]) -> Page:
    page.sections.append(_rows(rows))
    if without := left_out(rows):
        page.sections.append(Section("Left out", text="\n".join(f"- {line}" for line in without)))
    page.sections.append(reproduction(manifest))
    return page


def _summary(rows: Sequence[Row]) -> Section:
    names = ("wmmse", "wmmse_best_of_10", "exhaustive")
    headings = (
        "allocator", "cells", "% of WMMSE, mean", "of its best of 10", "of exhaustive search",
        "% of WMMSE, worst", "where",
    )  # fmt: skip
    found = summarize(rows)
    values = [
        [
            None, float(each["cells"]), *(each[f"mean_share_of_{name}"] for name in names),
            each["worst_share_of_wmmse"], None,
        ]
        for each in found
    ]  # fmt: skip
    cells = [
        [
            each["allocator"],
            str(each["cells"]),
            *(_percent(each[f"mean_share_of_{name}"]) + over_cells(each, name) for name in names),
            _percent(each["worst_share_of_wmmse"]),
            each["worst_cell"] or "-",
        ]
        for each in found
    ]
    note = (
        "Means over the cells where an allocator fits, in brackets over how many of them if there "
        "is no such share in all. Click a heading to sort."
    )
    if len({each["cells"] for each in found}) > 1:
        note = f"Allocators fit different cells: only the verdict is of the same. {note}"
    return Section("Allocators", note, table=Table(headings, cells, values))


def _rows(rows: Sequence[Row]) -> Section:
    headings = (
        "allocator", "channel", "K", "SNR, dB", "channels", "% of WMMSE", "standard error",
        "sum rate, bit/s/Hz", "time p50, us", "p99, us",
    )  # fmt: skip
    keys = ("share_of_wmmse", "share_of_wmmse_stderr", "sum_rate_bps_hz", "time_p50_us",
            "time_p99_us")  # fmt: skip
    shown = [
        [
            row["allocator"], row["channel"], str(row["links"]),
            "own" if row["snr_db"] is None else f"{row['snr_db']:g}", f"{row['channels']:,}",
            _percent(row[keys[0]]), _percent(row[keys[1]]), number(row[keys[2]], 3),
            number(row[keys[3]], 1), number(row[keys[4]], 1),
        ]
        for row in rows
    ]  # fmt: skip
    values = [
        [None, None, float(row["links"]), row["snr_db"], float(row["channels"])]
        + [row[key] for key in keys]
        for row in rows
    ]
    return Section("Every cell", "Click a heading to sort.", table=Table(headings, shown, values))


def _channel(name: str, rows: Sequence[Row]) -> Figure:
    own = [row for row in rows if row["channel"] == name]
    links = sorted({row["links"] for row in own})
    snrs = sorted({row["snr_db"] for row in own}, key=lambda snr: (snr is None, snr or 0.0))
    cells = [_cell(row, links.index(row["links"]), snrs.index(row["snr_db"])) for row in own]
    columns = ["own noise" if snr is None else f"{snr:g}" for snr in snrs]
    titles = ("" if snrs == [None] else "SNR (dB)", "K")
    return cells_figure(name, cells, columns, [str(k) for k in links], titles, _HOVER)


def _cell(row: Row, line: int, column: int) -> dict[str, Any]:
    share = row["share_of_wmmse"]
    times = [row["time_p50_us"], row["wmmse_time_p50_us"]]
    return {
        "row": line,
        "column": column,
        "shade": _NONE if share is None else share_colour(share),
        "text": "-" if share is None else f"{100 * share:.1f}",
        "allocator": row["allocator"],
        "share": row["left_out"] or _percent(share),
        "best": _percent(row["share_of_wmmse_best_of_10"]),
        "exhaustive": _percent(row["share_of_exhaustive"]),
        "rate": f"{number(row['sum_rate_bps_hz'], 3)} bit/s/Hz",
        "channels": f"{row['channels']:,}",
        "time": f"{number(times[0], 1)} us",
        "reference_time": f"{number(times[1], 1)} us",
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
