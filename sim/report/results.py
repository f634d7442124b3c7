"""What a study left, read and checked: its table, its target, its answers, its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sim.deadline import InputError, did_you_mean
from sim.deadline.files import reason
from sim.deadline.manifest import read_manifest
from sim.deadline.reading import check_parquet_size, check_regular, read_whole
from sim.report.axis import FACTS, Axis, Value, fact_axis, study_axis
from sim.report.cells import Cell, dispersion, pool
from sim.report.damage import check_answers, check_name, check_points, check_rows, check_study
from sim.report.target import DEFAULT, Target, parse_target
from sim.scenario.text import parse

_COUNTS = ("jobs", "met", "late", "aborted", "skipped", "failed")
_RATES = ("genie_bps_hz", "aged_bps_hz", "in_force_bps_hz")
_LOSSES = ("ageing_loss_bps_hz", "miss_loss_bps_hz")
_NEEDED = (*_COUNTS, *_RATES, *_LOSSES, "response_p99_us")
_BURSTS = 1.5  # scatter beyond that of independent misses that is worth saying
_FALSE_ALARM = 0.01
_FRAME = ("point", "replicate", "allocator", "status", "reason")


@dataclass(frozen=True)
class StudyResults:
    """A study's results, pooled.

    Attributes:
        folder: where they lie.
        name: of the study.
        description: of the study.
        every_axis: its axes, in its order, also those of one value.
        allocators: labels, in the scenario's order.
        cells: the table over its replicates.
        target: what is asked.
        target_given: whether the study or the command asks it, not the default.
        answers: rows of the table of targets; empty if nothing was solved for.
        requests: figures that the study asks for, as written; None if it asks for none.
        replicates: how many there are.
        facts: of the whole table: latencies, slots, points.
        manifest: the study's; empty if it has none.
    """

    folder: Path
    name: str
    description: str
    every_axis: tuple[Axis, ...]
    allocators: tuple[str, ...]
    cells: tuple[Cell, ...]
    target: Target
    target_given: bool
    answers: tuple[Mapping[str, Any], ...]
    requests: Sequence[Any] | None
    replicates: int
    facts: Mapping[str, tuple[Any, ...]]
    manifest: Mapping[str, Any]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes along which something changes."""
        return tuple(axis for axis in self.every_axis if len(axis.values) > 1)

    @cached_property
    def varying(self) -> dict[str, Axis]:
        """Facts that differ between points, as axes; one that an axis sets is that axis."""
        found = {axis.fact: axis for axis in reversed(self.axes) if axis.fact}
        for fact in FACTS:
            axis = fact_axis(fact, (cell.values[fact] for cell in self.cells))
            if fact not in found and len(axis.values) > 1:
                found[fact] = axis
        return found

    @property
    def budget_axis(self) -> Axis | None:
        """The compute budget, where an axis moves it: an item of the budget, or the slot."""
        moved = any(
            axis.fact == "slot_us" or (axis.name.startswith("budget.") and axis.fact != "lead")
            for axis in self.axes
        )
        found = self.varying.get("budget_us")
        return found if found and found.numeric and (moved or found in self.axes) else None

    @cached_property
    def bursts(self) -> float | None:
        """How much more misses scatter between replicates than independent ones would.

        None where that may be chance, or is not worth saying.
        """
        from scipy.special import chdtrc

        factor, freedom = dispersion(self.served) or (1.0, 1)
        sure = chdtrc(freedom, factor * freedom) < _FALSE_ALARM
        return factor if sure and factor > _BURSTS else None

    @cached_property
    def served(self) -> tuple[Cell, ...]:
        """The cells that could be had."""
        return tuple(cell for cell in self.cells if not cell.refused)

    def axis(self, name: str, where: str) -> Axis:
        """Return an axis by its name in the study, without its unit, or by the fact it sets.

        Raises:
            InputError: there is none of that name.
        """
        for axis in self.every_axis:
            if name in (axis.name, axis.bare):
                return axis
        if name in self.varying:
            return self.varying[name]
        known = [axis.bare for axis in self.every_axis] + list(self.varying)
        if name in FACTS:
            raise InputError(
                f"{where}: {name!r} does not vary in this study; known: "
                f"{', '.join(known) or 'none'}"
            )
        raise InputError(f"{where}: {name!r} is no axis of this study{did_you_mean(name, known)}")


def read_results(folder: Path, target: str | None = None) -> StudyResults:
    """Read the results of a study.

    Args:
        folder: the study's.
        target: instead of the study's.

    Raises:
        InputError: it is no study's folder, or what lies there is damaged, or of two studies.
    """
    _check_folder(folder)
    table = folder / "table.parquet"
    columns, rows = _read_table(table)
    axis_names = _axis_columns(table, columns)
    check_rows(table, rows, axis_names)
    manifest = read_manifest(folder / "manifest.json")
    study = _read_study(folder / "study.yaml", axis_names, rows)
    check_name(folder / "study.yaml", study, manifest)
    check_points(folder, rows, manifest)
    own = study.get("target")
    where = "--target" if target is not None else f"{folder / 'study.yaml'}: target"
    metrics = [name for name in columns[columns.index("jobs") :] if name not in _FRAME]
    parsed = parse_target(target or own or DEFAULT, metrics, where)
    solved = folder / "targets.parquet"
    same = own is not None and parsed == parse_target(own, metrics, where)
    answers = _read_answers(solved, rows) if solved.exists() and same else []
    requests = study.get("report")
    if requests is not None and not isinstance(requests, list):
        raise InputError(f"{folder / 'study.yaml'}: report: want a list of figures")
    return StudyResults(
        folder=folder,
        name=str(study.get("name") or folder.resolve().name),
        description=" ".join(str(study.get("description") or "").split()),
        every_axis=tuple(study_axis(name, rows) for name in axis_names),
        allocators=tuple(dict.fromkeys(str(row["allocator"]) for row in rows)),
        cells=tuple(pool(rows, axis_names)),
        target=parsed,
        target_given=target is not None or own is not None,
        answers=tuple(answers),
        requests=requests,
        replicates=len({row["replicate"] for row in rows}),
        facts={name: _distinct(rows, name) for name in ("latency", "slots", "point")},
        manifest=manifest,
    )


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; want that of a study")
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; want the folder of a study")
    if (folder / "table.parquet").exists():
        return
    if (folder / "study.yaml").exists() or (folder / "points").is_dir():
        raise InputError(
            f"{folder}: has no table.parquet yet; `ttirace study` goes on where it was stopped"
        )
    if (folder / "scenario.yaml").exists():
        left = "was stopped, and has left what was logged until then in log"
        for name in ("summary.json", "report.html"):
            if (folder / name).exists():
                left = f"has left what it found in {name}"
        raise InputError(f"{folder}: is the folder of a run, which {left}; want that of a study")
    raise InputError(f"{folder}: holds no table.parquet; want the folder of a study")


def _read_table(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    columns, rows = _read_parquet(path)
    missing = [name for name in (*_FRAME, *_NEEDED) if name not in columns]
    if missing:
        raise InputError(f"{path}: lacks the column {missing[0]!r}; not the table of a study")
    if not rows:
        raise InputError(f"{path}: holds no point; nothing to report")
    return columns, rows


def _read_parquet(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        check_parquet_size(pq.read_metadata(path))
        table = pq.read_table(path, partitioning=None)
        return table.column_names, table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).split("\n", 1)[0]
        raise InputError(
            f"{path}: cannot be read: {first}; `ttirace study` writes it again"
        ) from None


def _read_answers(path: Path, table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    columns, rows = _read_parquet(path)
    for name in ("allocator", "axis", "find", "answer", "status", "next", "nearest"):
        if name not in columns:
            raise InputError(f"{path}: lacks the column {name!r}; not the answers of a study")
    check_answers(path, rows, table)
    return rows


def _axis_columns(path: Path, columns: Sequence[str]) -> list[str]:
    first, last = columns.index("point") + 1, columns.index("replicate")
    if first > last:
        raise InputError(f"{path}: 'point' stands after 'replicate'; not the table of a study")
    return list(columns[first:last])


def _read_study(
    path: Path, axes: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = parse(str(path), read_whole(path).decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is no study; want keys and values")
    check_study(path, found, axes, rows)
    return found


def _distinct(rows: Iterable[Mapping[str, Any]], name: str) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(row[name] for row in rows if row.get(name) is not None))
