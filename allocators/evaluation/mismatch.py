"""Trained here, used there: models by test settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from allocators.evaluation.cells import EvaluationSettings, Row, check_any, rows_of_cells
from allocators.evaluation.channels import EvaluationChannel, channel_named
from allocators.evaluation.contenders import Contender
from allocators.evaluation.plots import plot_matrix
from allocators.evaluation.suites import Cell
from allocators.evaluation.table import share_text
from sim.deadline.errors import InputError
from sim.deadline.tables import plain_table

_ANY_LINKS = 10  # for allocators that fit every K where nobody says which
_FIXED, _SHARE, _LONGEST_NAME = 10, 6, 24  # columns of a terminal


@dataclass(frozen=True, slots=True)
class TestSetting:
    """A test setting; K is that of the model."""

    channel: EvaluationChannel
    snr_db: float | None

    def __str__(self) -> str:
        return self.channel.name + ("" if self.snr_db is None else f" {self.snr_db:g} dB")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The matrix.

    Attributes:
        models: contender and K of each row.
        tests: the columns.
        rows: of `evaluate_cells`, row by row; each also says what its model was trained on.
    """

    models: list[tuple[Contender, int]]
    tests: list[TestSetting]
    rows: list[Row]

    def at(self, row: int, column: int) -> Row:
        """Return one element of the matrix."""
        return self.rows[row * len(self.tests) + column]


def setting_named(text: str) -> TestSetting:
    """Return the setting written as ``CHANNEL@SNR``, or ``CHANNEL`` where that has its own noise.

    Raises:
        InputError: not written so, or no such channel.
    """
    name, at, snr = text.rpartition("@")
    channel = channel_named(name if at else text)
    if channel.has_snr != bool(at):
        want = f"{channel.name}@SNR, as in {channel.name}@10" if channel.has_snr else channel.name
        raise InputError(f"--on {text}: want {want}")
    try:
        return TestSetting(channel, float(snr) if at else None)
    except ValueError:
        raise InputError(f"--on {text}: {snr!r}, want an SNR in dB") from None


def mismatch(
    contenders: Sequence[Contender],
    tests: Sequence[TestSetting],
    links: Sequence[int],
    settings: EvaluationSettings,
    progress: Callable[[Cell, list[Row]], None] | None = None,
) -> Mismatch:
    """Evaluate every model in every test setting.

    Args:
        contenders: the models; one that was made for some K is tried at that K, another one at
            all of ``links``.
        tests: the settings.
        links: if empty, every K that one of the models was made for, or 10.
        settings: how.
        progress: as in `evaluate_cells`.

    Raises:
        InputError: as `evaluate_cells`.
    """
    pairs = matrix_rows(contenders, links)
    found: dict[tuple[str, int], list[Row]] = {}
    for size in dict.fromkeys(size for _, size in pairs):
        here = [one for one, own in pairs if own == size]
        cells = [Cell(test.channel, size, test.snr_db) for test in tests]
        for row in rows_of_cells(here, cells, settings, progress):
            found.setdefault((row["allocator"], size), []).append(row)
    rows = [
        {**row, "trained_on": one.trained_on}
        for one, size in pairs
        for row in found[one.label, size]
    ]
    check_any(rows)
    return Mismatch(pairs, list(tests), rows)


def matrix_rows(
    contenders: Sequence[Contender], links: Sequence[int]
) -> list[tuple[Contender, int]]:
    """Return contender and K of each row of the matrix, each once."""
    unique = {one.label: one for one in reversed(contenders)}
    asked = [unique[label] for label in dict.fromkeys(one.label for one in contenders)]
    known = sorted({one.links for one in asked if one.links is not None})
    free = list(dict.fromkeys(links)) or known or [_ANY_LINKS]
    return [(one, size) for one in asked for size in (free if one.links is None else [one.links])]


def mismatch_tables(matrix: Mismatch, width: int = 140) -> Iterator[Table]:
    """Yield the matrix as a table, or as several where one would be too wide.

    Args:
        matrix: the matrix.
        width: columns of the terminal.
    """
    models = [one.label for one, _ in matrix.models]
    homes = ["trained on", *(one.trained_on for one, _ in matrix.models)]
    # Long names are folded rather than take the room of the figures.
    widths = [min(max(map(len, names)), max(10, width // 4)) for names in (models, homes)]
    columns = [min(max(len(test.channel.name), _SHARE), _LONGEST_NAME) + 2 for test in matrix.tests]
    first = 0
    while first < len(columns):
        room, end = width - _FIXED - sum(widths) - columns[first], first + 1
        while end < len(columns) and columns[end] <= room:
            room, end = room - columns[end], end + 1
        yield _table(matrix, range(first, end), widths)
        first = end


def _table(matrix: Mismatch, columns: range, widths: Sequence[int]) -> Table:
    table = plain_table("Trained here (rows), used there: sum rate in % of WMMSE's")
    table.add_column("\nmodel", width=widths[0], overflow="fold")
    table.add_column("\nK", justify="right", no_wrap=True)
    table.add_column("\ntrained on", width=widths[1], overflow="fold")
    for test in (matrix.tests[j] for j in columns):
        snr = "" if test.snr_db is None else f"\n{test.snr_db:g} dB"
        heading = escape(test.channel.name) + snr
        table.add_column(heading, justify="right", min_width=_SHARE, max_width=_LONGEST_NAME)
    for i, (one, size) in enumerate(matrix.models):
        cells = [share_text(matrix.at(i, j), error=False) for j in columns]
        table.add_row(escape(one.label), str(size), escape(one.trained_on) or "-", *cells)
    return table


def plot_mismatch(matrix: Mismatch, path: Path) -> None:
    """Draw the matrix as a heatmap, a PNG file."""
    values = [
        [matrix.at(i, j)["share_of_wmmse"] for j in range(len(matrix.tests))]
        for i in range(len(matrix.models))
    ]
    names = [f"{one.label}, K = {size}" for one, size in matrix.models]
    homes = [f"\n({one.trained_on})" if one.trained_on else "" for one, _ in matrix.models]
    labels = [name + home for name, home in zip(names, homes, strict=True)]
    plot_matrix(values, labels, [str(test) for test in matrix.tests], path)
