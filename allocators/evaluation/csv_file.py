"""Rows into a CSV file as they come: a run that is stopped leaves what it had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from allocators.evaluation.cells import Row
from sim.deadline.errors import InputError


@contextmanager
def csv_rows(path: Path | None) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Give a function that writes rows, their keys first; without a path it does nothing.

    The file is opened at once, so that a path nobody can write to does not cost an evaluation. An
    older file of that name is kept until there are rows.
    """
    import csv

    if path is None:
        yield lambda _: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = "r+" if path.is_file() else "w"
        with path.open(mode, encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            headed = False

            def write(rows: Sequence[Row]) -> None:
                nonlocal headed
                if rows and not headed:
                    if mode == "r+":
                        file.truncate()
                    writer.writerow(rows[0])
                    headed = True
                writer.writerows(row.values() for row in rows)
                file.flush()

            yield write
    except OSError as error:
        if error.filename is not None:
            raise
        # A full disk: writing, or closing after that, does not say what file it was.
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
