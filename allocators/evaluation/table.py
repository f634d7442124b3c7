"""An evaluation as tables to read in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.markup import escape
from rich.table import Table

from allocators.evaluation.cells import Row
from allocators.evaluation.summary import by_allocator
from sim.deadline.tables import number, plain_table

_FIXED, _PER_SNR, _EXHAUSTIVE = 37, 19, 6  # columns of a terminal
_LONGEST_NAME = 24


def evaluation_tables(rows: Sequence[Row], width: int = 140) -> Iterator[Table]:
    """Yield tables with a row for each channel and K and columns for each SNR.

    Each allocator has one for each set of SNRs, or several where they would be too wide.

    Args:
        rows: of `evaluate_cells`.
        width: columns of the terminal.
    """
    for label, own in by_allocator(rows).items():
        snrs: dict[str, list[float | None]] = {}
        for row in own:
            found = snrs.setdefault(row["channel"], [])
            if row["snr_db"] not in found:
                found.append(row["snr_db"])
        for axis in dict.fromkeys(map(tuple, snrs.values())):
            part = [row for row in own if tuple(snrs[row["channel"]]) == axis]
            small = any(row["share_of_exhaustive"] is not None for row in part)
            fit = max(1, (width - _FIXED) // (_PER_SNR + (_EXHAUSTIVE if small else 0)))
            step = -(-len(axis) // -(-len(axis) // fit))  # tables of much the same width
            for first in range(0, len(axis), step):
                yield _table(label, part, axis[first : first + step], small)


def _table(
    label: str, rows: Sequence[Row], snrs: Sequence[float | None], exhaustive: bool
) -> Table:
    table = plain_table(
        f"{escape(label)}: sum rate in % of WMMSE's, its best of 10 starts'"
        f"{', exhaustive search' if exhaustive else ''}"
    )
    table.padding = 0
    table.add_column("\nchannel", max_width=_LONGEST_NAME, no_wrap=True)
    table.add_column("\nK", justify="right")
    for snr in snrs:
        heading = "own noise" if snr is None else f"{snr:g} dB"
        table.add_column(f"{heading}\nWMMSE±s.e.", justify="right", no_wrap=True, min_width=12)
        for name in ("\nbest", *(["\nexh."] if exhaustive else [])):
            table.add_column(name, justify="right", no_wrap=True)
    for name in ("p50\nus", "p99\nus", "WMMSE\np50 us"):
        table.add_column(name, justify="right", no_wrap=True)
    found = {(row["channel"], row["links"], row["snr_db"]): row for row in rows}
    before = ""
    for channel, links in dict.fromkeys((row["channel"], row["links"]) for row in rows):
        if before and channel != before:
            table.add_section()
        line = [found.get((channel, links, snr)) for snr in snrs]
        cells = [text for row in line for text in _cell(row, exhaustive)]
        times = [
            _median([row[f"{name}_us"] for row in line if row is not None])
            for name in ("time_p50", "time_p99", "wmmse_time_p50")
        ]
        name = escape(channel) if channel != before else ""
        table.add_row(name, str(links), *cells, *(number(time, 1) for time in times))
        before = channel
    return table


def share_text(row: Row | None, error: bool = True) -> str:
    """Return a row's share of WMMSE in percent, bold from 100% on, a dash where there is none.

    Args:
        row: the row.
        error: whether its standard error follows, where it has one.
    """
    if row is None or row["share_of_wmmse"] is None:
        return "-"
    text = f"{100 * row['share_of_wmmse']:.2f}"
    if error and row["share_of_wmmse_stderr"] is not None:
        text += f"±{100 * row['share_of_wmmse_stderr']:.2f}"
    return f"[bold]{text}[/]" if row["share_of_wmmse"] >= 1.0 else text


def _cell(row: Row | None, exhaustive: bool) -> list[str]:
    shares = ["wmmse_best_of_10", *(["exhaustive"] if exhaustive else [])]
    values = [None if row is None else row[f"share_of_{name}"] for name in shares]
    return [share_text(row), *(number(None if v is None else 100 * v, 1) for v in values)]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
