"""Rows into a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from allocators.evaluation.cells import Row
from sim.deadline.files import whole_file


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows, their keys first; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written; an older file of that name stays as it was.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([list(rows[0]), *(list(row.values()) for row in rows)])
