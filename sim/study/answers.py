"""The table of answers that a study prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.deadline.tables import number, plain_table
from sim.study.run import StudyResult
from sim.study.study import Study
from sim.study.target import pooled

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 40


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
    axis, metric = study.line.key.name, study.target.conditions[0].metric
    title = f"{study.name}: {study.line.find} {axis} with {study.target.text}"
    table = plain_table(escape(title))
    others = [axis.column for axis in study.axes]
    for name in (*others, "allocator"):
        table.add_column(escape(name))
    table.add_column(escape(axis), justify="right")
    table.add_column(metric, justify="right")
    table.add_column("fails at", justify="right")
    table.add_column(metric, justify="right")
    rows = result.targets.to_pylist()
    for row in rows[:_MOST_ROWS]:
        answer, judged = _short(row["answer"]), _short(row["metric_at_answer"])
        fails, failing = _short(row["next"]), _short(row["metric_at_next"])
        if row["status"] == "everywhere":
            answer, fails = f">= {answer}" if study.line.find == "largest" else f"<= {answer}", "-"
        elif row["status"] == "unmet":
            answer, fails = "none", f"nearest {_short(row['nearest'])}"
            failing = _short(row["metric_at_nearest"])
        elif row["status"] == "refused":
            answer = "cannot be had"
        cells = [_short(row[name]) for name in (*others, "allocator")]
        table.add_row(*map(escape, (*cells, answer, judged, fails, failing)))
    _more(table, len(rows), "targets.parquet")
    return table


def _points(study: Study, result: StudyResult) -> Table:
    from rich.markup import escape

    table = plain_table(escape(study.name))
    names = [*study.columns, "allocator"]
    for name in names:
        table.add_column(escape(name))
    for heading in ("missed", "response p99 us", "genie", "in force bit/s/Hz"):
        table.add_column(heading, justify="right")
    if study.target is not None:
        table.add_column(escape(study.target.text))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in result.table.to_pylist():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    for cells, rows in list(groups.items())[:_MOST_ROWS]:
        shown = [escape(_short(cell)) for cell in cells]
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


def _short(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
