"""Tables on the terminal: what of a race concerns jobs alone; a domain adds its columns behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

_WIDE, _MEDIUM = 108, 90  # columns of a terminal that takes the table whole, or nearly


#: Units of time that tables and figures have, in us.
UNITS_US = {"us": 1.0, "ms": 1e3}

_DIGITS = {"us": 1, "ms": 2}


def outcome_headings(width: int, unit: str = "us") -> list[str]:
    """Return the headings of `outcome_cells`, two lines each."""
    return [
        "\nmissed",
        *(["95%\ninterval"] if width >= _WIDE else []),
        f"response\np50 {unit}",
        f"response\np99 {unit}",
        *([f"response\nmax {unit}"] if width >= _MEDIUM else []),
    ]


def outcome_cells(entry: Mapping[str, Any], width: int, unit: str = "us") -> list[str]:
    """Return how often a solver missed, and how long its responses took.

    Args:
        entry: from `sim.deadline.summary.summarize_jobs`.
        width: of the terminal; a narrow one leaves some out.
        unit: of times, ``us`` or ``ms``.
    """
    low, high = entry["miss_ratio_ci95"]
    p50, p99, longest = response_cells(entry, unit)
    return [
        "-" if entry["miss_ratio"] is None else f"{entry['miss_ratio']:.2%}",
        *([f"{low:.2%} .. {high:.2%}"] if width >= _WIDE else []),
        p50,
        p99,
        *([longest] if width >= _MEDIUM else []),
    ]


def response_cells(entry: Mapping[str, Any], unit: str = "us") -> list[str]:
    """Return median, 99th percentile and maximum of the responses, ``>`` where jobs were cut.

    Args:
        entry: from `sim.deadline.summary.summarize_jobs`.
        unit: of times, ``us`` or ``ms``.
    """
    size, digits = UNITS_US[unit], _DIGITS[unit]
    cut_us, cells = entry["cut_from_us"], []
    for name in ("p50", "p99", "max"):
        value = entry["response_us"][name]
        longer = value is not None and cut_us is not None and value >= cut_us
        cells.append(">" * longer + number(None if value is None else value / size, digits))
    return cells


def plain_table(title: str) -> Table:
    """Return a table without columns, in the style of all."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def number(value: float | None, digits: int) -> str:
    """Return a number for a table; a dash where the data carry none."""
    # Plus zero: what rounds to zero from below should not show a minus.
    return "-" if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"
