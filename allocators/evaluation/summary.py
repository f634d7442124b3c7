"""An evaluation in a sentence for each allocator, and what did not go as asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allocators.evaluation.cells import Row


def place(row: Row) -> str:
    """Return a row's cell in words."""
    snr = "" if row["snr_db"] is None else f", {row['snr_db']:g} dB"
    return f"{row['channel']}, K = {row['links']}{snr}"


def by_allocator(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return each allocator's rows, in order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["allocator"], []).append(row)
    return found


def summarize(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return, for each allocator, its mean shares over the cells it fits, and its worst cell."""
    return [_summary(label, own) for label, own in by_allocator(rows).items()]


def _summary(label: str, rows: Sequence[Row]) -> dict[str, Any]:
    rated = [row for row in rows if row["share_of_wmmse"] is not None]
    worst = min(rated, key=lambda row: row["share_of_wmmse"], default=None)
    summary: dict[str, Any] = {"allocator": label, "cells": len(rated)}
    for name in ("wmmse", "wmmse_best_of_10", "exhaustive"):
        shares = [row[f"share_of_{name}"] for row in rated]
        known = [share for share in shares if share is not None]
        summary[f"mean_share_of_{name}"] = sum(known) / len(known) if known else None
        summary[f"cells_of_{name}"] = len(known)  # there is no exhaustive search for many links
    summary["worst_share_of_wmmse"] = None if worst is None else worst["share_of_wmmse"]
    summary["worst_cell"] = None if worst is None else place(worst)
    return summary


def over_cells(summary: dict[str, Any], name: str) -> str:
    """Return of how many of its cells a mean share is: nothing if of all, or of none."""
    known = summary[f"cells_of_{name}"]
    return f" ({known} of {summary['cells']} cells)" if 0 < known < summary["cells"] else ""


def in_common(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the cells in which every allocator that has a share at all has one."""
    places = [
        {place(row) for row in own if row["share_of_wmmse"] is not None}
        for own in by_allocator(rows).values()
    ]
    shared = set.intersection(*filter(None, places)) if any(places) else set()
    return [row for row in rows if row["share_of_wmmse"] is not None and place(row) in shared]


def sentence(summary: dict[str, Any]) -> str:
    """Return an allocator's summary as one line."""
    label = summary["allocator"]
    if summary["worst_cell"] is None:
        return f"{label}: no cell with a share of WMMSE"
    references = [
        f"{summary[f'mean_share_of_{name}']:.2%} of {words}{over_cells(summary, name)}"
        for name, words in (
            ("wmmse", "WMMSE"),
            ("wmmse_best_of_10", "its best of 10"),
            ("exhaustive", "exhaustive"),
        )
        if summary[f"mean_share_of_{name}"] is not None
    ]
    worst = f"worst {summary['worst_share_of_wmmse']:.2%}, {summary['worst_cell']}"
    return f"{label} ({summary['cells']} cells): mean {', '.join(references)}; {worst}"


def left_out(rows: Sequence[Row]) -> list[str]:
    """Return why cells were left out, one line for each allocator and kind of reason."""
    lines = []
    for label, own in by_allocator(rows).items():
        # Of one channel, or of one allocator, the reasons differ in K alone.
        reasons: dict[str, list[Row]] = {}
        for row in own:
            if row["left_out"] is not None:
                kind = row["left_out"].partition(":")[0]
                reasons.setdefault(kind, []).append(row)
        for found in reasons.values():
            links = ", ".join(map(str, dict.fromkeys(row["links"] for row in found)))
            lines.append(f"{label} at K = {links}: {found[0]['left_out']}")
    return lines


def failures(rows: Sequence[Row]) -> list[str]:
    """Return which allocators failed how often, one line each, with the first reason."""
    lines = []
    for label, own in by_allocator(rows).items():
        failed = [row for row in own if row["failed"]]
        if failed:
            count, total = sum(row["failed"] for row in failed), sum(row["channels"] for row in own)
            first = failed[0]
            lines.append(
                f"warning: {label}: {count} of {total} failed, first in {place(first)}: "
                f"{first['failure']}"
            )
    return lines
