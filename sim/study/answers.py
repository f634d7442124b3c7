"""The table of answers that a study prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.deadline.tables import number, plain_table
from sim.scenario.quantities import Kind
from sim.study.run import StudyResult
from sim.study.study import Study
from sim.study.target import pooled

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 40

#: Canonical unit of a quantity -> units that people write, largest first, and what they come to.
_WRITTEN: Mapping[str, Mapping[str, float]] = {
    "ns": {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0},
    "w": {"W": 1.0, "mW": 1e-3},
    "hz": {"GHz": 1e9, "MHz": 1e6, "kHz": 1e3, "Hz": 1.0},
    "m": {"km": 1e3, "m": 1.0},
    "m_s": {"km/h": 1 / 3.6},
}


def answer_table(study: Study, result: StudyResult) -> Table:
    """Return what was solved for; without that, how each combination did over its replicates."""
    if result.targets is not None:
        return _targets(study, result)
    return _points(study, result)


def _targets(study: Study, result: StudyResult) -> Table:
    from rich.markup import escape

    assert study.line is not None
    assert study.target is not None
    assert result.targets is not None
    kinds = _kinds(study)
    solved, metric = study.line.key.name, study.target.conditions[0].metric
    axis, kind = _bare(solved, kinds), kinds.get(solved)
    title = f"{study.name}: {study.line.find} {axis} with {study.target.text}"
    table = plain_table(escape(title))
    others = [axis.column for axis in study.axes]
    for name in (*others, "allocator"):
        table.add_column(escape(_bare(name, kinds)))
    table.add_column(escape(axis), justify="right")
    table.add_column(metric, justify="right")
    table.add_column("fails at", justify="right")
    table.add_column(metric, justify="right")
    rows = result.targets.to_pylist()
    for row in rows[:_MOST_ROWS]:
        answer, judged = _short(row["answer"], kind), _short(row["metric_at_answer"])
        fails, failing = _short(row["next"], kind), _short(row["metric_at_next"])
        if row["status"] == "everywhere":
            answer, fails = f">= {answer}" if study.line.find == "largest" else f"<= {answer}", "-"
        elif row["status"] == "unmet":
            answer, fails = "none", f"nearest {_short(row['nearest'], kind)}"
            failing = _short(row["metric_at_nearest"])
        elif row["status"] == "refused":
            answer = "cannot be had"
        cells = [_short(row[name], kinds.get(name)) for name in (*others, "allocator")]
        table.add_row(*map(escape, (*cells, answer, judged, fails, failing)))
    _more(table, len(rows), "targets.parquet")
    return table


def _points(study: Study, result: StudyResult) -> Table:
    from rich.markup import escape

    table = plain_table(escape(study.name))
    kinds = _kinds(study)
    names = [*study.columns, "allocator"]
    for name in names:
        table.add_column(escape(_bare(name, kinds)))
    for heading in ("missed", "response p99 us", "genie", "in force bit/s/Hz"):
        table.add_column(heading, justify="right")
    if study.target is not None:
        table.add_column(escape(study.target.text))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in result.table.to_pylist():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    for cells, rows in list(groups.items())[:_MOST_ROWS]:
        shown = [
            escape(_short(cell, kinds.get(name))) for name, cell in zip(names, cells, strict=True)
        ]
        if any(row["status"] == "refused" for row in rows):
            table.add_row(*shown, "-", "-", "-", "-", *(["refused"] if study.target else []))
            continue
        ratio = pooled(rows, "miss_ratio")
        values = [
            "-" if ratio is None else f"{ratio:.3%}",
            number(pooled(rows, "response_p99_us"), 1),
            number(pooled(rows, "genie_bps_hz"), 2),
            number(pooled(rows, "in_force_bps_hz"), 2),
        ]
        if study.target is not None:
            values.append("met" if study.target.judge(rows).met else "not met")
        table.add_row(*shown, *values)
    _more(table, len(groups), "table.parquet")
    return table


def _more(table: Table, rows: int, where: str) -> None:
    if rows > _MOST_ROWS:
        table.caption = f"and {rows - _MOST_ROWS} more, in {where}"
        table.caption_justify = "left"


def _kinds(study: Study) -> dict[str, Kind]:
    """Return of what the axes of quantities are, by their columns."""
    keys = {axis.column: axis.keys[0] for axis in study.axes if len(axis.keys) == 1}
    if study.line is not None:
        keys[study.line.key.name] = study.line.key
    return {
        column: key.kind
        for column, key in keys.items()
        if key.kind is not None and column == key.name
    }


def _bare(column: str, kinds: Mapping[str, Kind]) -> str:
    """Return a column's name without the unit, where values have theirs: `budget.csi`."""
    return column.removesuffix(f"_{kinds[column].canonical}") if column in kinds else column


def _short(value: object, kind: Kind | None = None) -> str:
    if value is None:
        return "-"
    if kind is not None and isinstance(value, int | float):
        return quantity(value, kind)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def quantity(value: float, kind: Kind) -> str:
    """Return a quantity, in its canonical unit, as people write it: `100 us`, `30 km/h`."""
    units = list(_WRITTEN.get(kind.canonical, {"": 1.0}).items())
    unit, scale = next((pair for pair in units if abs(value) >= pair[1]), units[-1])
    return f"{value / scale:.6g} {unit}".rstrip()
