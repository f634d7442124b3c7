"""``table.parquet`` and ``targets.parquet``: tidy, and the same wherever a study ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.study.axes import Cell
from sim.study.columns import RECORD
from sim.study.study import Row, Study

if TYPE_CHECKING:
    import pyarrow as pa

#: What was solved for, behind the columns of the other axes.
TARGET_COLUMNS: Mapping[str, str] = {
    "allocator": "string",
    "axis": "string",
    "find": "string",
    "target": "string",
    "answer": "float64",
    "status": "string",
    "metric_at_answer": "float64",
    "next": "float64",
    "metric_at_next": "float64",
    "nearest": "float64",
    "metric_at_nearest": "float64",
    "evaluations": "int64",
}


def points_table(
    study: Study, rows: Iterable[Row], records: Mapping[str, Mapping[str, Any]]
) -> pa.Table:
    """Return the table of the points, sorted by axes, replicate and allocator.

    Args:
        study: the study.
        rows: its rows, in any order; those without a record are left out.
        records: what each address came to.
    """
    import pyarrow as pa

    kept = [row for row in rows if row.record is not None or row.address in records]
    kept.sort(key=lambda row: row.order)
    columns: dict[str, pa.Array] = {
        "point": pa.array([row.address for row in kept], pa.string()),
        **_cell_columns(study.columns, [row.cells for row in kept], _kinds(study)),
        "replicate": pa.array([row.replicate for row in kept], pa.int64()),
        "allocator": pa.array([row.allocator for row in kept], pa.string()),
    }
    found = [row.record if row.record is not None else records[row.address] for row in kept]
    for name, kind in RECORD.items():
        if name not in columns:  # an axis may be such a fact itself
            values = [record.get(name) for record in found]
            columns[name] = pa.array(values, pa.type_for_alias(kind))
    return pa.table(columns)


def targets_table(
    study: Study, answers: Sequence[tuple[Sequence[Cell], Mapping[str, Any]]]
) -> pa.Table:
    """Return the table of what was solved for.

    Args:
        study: the study.
        answers: cells of the other axes, and the columns of the answer.
    """
    import pyarrow as pa

    others = [axis.column for axis in study.axes]
    columns = _cell_columns(others, [cells for cells, _ in answers], _kinds(study))
    for name, kind in TARGET_COLUMNS.items():
        columns[name] = pa.array([answer[name] for _, answer in answers], pa.type_for_alias(kind))
    return pa.table(columns)


def _kinds(study: Study) -> dict[str, str]:
    """Return the type of each axis's column, by all its values, whichever have been run."""
    cells: dict[str, list[Cell]] = {
        axis.column: [value.cell for value in axis.values] for axis in study.axes
    }
    if study.line is not None:
        line = study.line
        cells[line.key.name] = [line.low, line.high, 0 if line.step else line.tolerance]
    return {name: _kind(values) for name, values in cells.items()}


def _kind(cells: Sequence[Cell]) -> str:
    if all(isinstance(cell, int) for cell in cells):
        return "int64"
    return "string" if any(isinstance(cell, str) for cell in cells) else "float64"


def _cell_columns(
    names: Sequence[str], cells: Sequence[Sequence[Cell]], kinds: Mapping[str, str]
) -> dict[str, pa.Array]:
    import pyarrow as pa

    return {
        name: pa.array([row[i] for row in cells], pa.type_for_alias(kinds[name]))
        for i, name in enumerate(names)
    }
