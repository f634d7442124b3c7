"""A training's figures, interval after interval, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from allocators.training.state import Report, State
from sim.deadline.files import whole_file

_COLUMNS = ("step", "loss", "learning_rate", "gradient_norm", "skipped", "seconds")


def csv_log(path: Path) -> Callable[[State, Report], None]:
    """Return an observer that keeps the whole history in a CSV file.

    The file is written anew from the checkpoint's history each time: a training that was killed
    leaves neither a gap in it nor a row twice.
    """

    def write(state: State, report: Report) -> None:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow([*_COLUMNS, *(f"share_of_wmmse/{name}" for name in report.shares)])
        for past in state.history:
            rows.writerow([getattr(past, name) for name in _COLUMNS] + list(past.shares.values()))
        with whole_file(path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")

    return write
