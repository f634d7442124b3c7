"""What a study left, held against what it should be: damage is said, and not reported on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.study.axes import Cell, read_axes
from sim.study.bisection import read_line
from sim.study.columns import FACTS, METRICS, OUTCOMES, SHARES, SIGNED
from sim.study.models import SolveModel, StudyModel

_COUNTS = ("jobs", *OUTCOMES)
_STATUS = ("ok", "refused")
_ROUNDING = 1e-9


def check_rows(path: Path, rows: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> None:
    """Check types and ranges of a study's table, and that every point stands in it once.

    Args:
        path: the table, for messages.
        rows: of the table.
        axes: the columns that are axes.

    Raises:
        InputError: what no study could have written.
    """
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows, 1):
        for fault in _faults(row, axes):
            raise InputError(f"{path}: row {number}: {fault}; `ttirace study` writes it again")
        place = (*(row[axis] for axis in axes), row["replicate"], row["allocator"])
        first = seen.setdefault(place, number)
        if first != number:
            raise InputError(
                f"{path}: row {number}: is the point of row {first} once more; `ttirace study` "
                "writes it again"
            )


def _faults(row: Mapping[str, Any], axes: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong in a row, the first first."""
    for name in ("point", "allocator"):
        if not isinstance(row[name], str) or not row[name]:
            yield f"{name}: {shown(row[name])}; want text"
    if not _is_count(row["replicate"]):
        yield f"replicate: {shown(row['replicate'])}; want a count"
    for name in axes:
        if not isinstance(row[name], str) and not _is_finite(row[name]):
            yield f"{name}: {shown(row[name])}; want a finite number or text"
    if row["status"] not in _STATUS:
        yield f"status: {shown(row['status'])}; want {' or '.join(_STATUS)}"
    for name, kind in FACTS.items():
        if name not in axes and (found := row.get(name)) is not None:
            if kind == "string" and not isinstance(found, str):
                yield f"{name}: {shown(found)}; want text"
            if kind != "string" and not (_is_finite(found) and found >= 0):
                yield f"{name}: {shown(found)}; want a finite number, not below zero"
    if row["status"] == "ok":
        yield from _wrong_figures(row)


def _wrong_figures(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the figures of a finished point."""
    for name in _COUNTS:
        if not _is_count(row[name]):
            yield f"{name}: {shown(row[name])} in a finished point; want a count"
    for name in METRICS:
        found = row.get(name)
        if name in _COUNTS or found is None:
            continue
        if not _is_finite(found):
            yield f"{name}: {shown(found)}; want a number"
        elif found < 0 and name not in SIGNED:
            yield f"{name}: {shown(found)}; want a number, not below zero"
        elif name in SHARES and found > 1.0 + _ROUNDING:
            yield f"{name}: {shown(found)}; want a share from 0 to 1"
    outcomes = sum(row[name] for name in OUTCOMES)
    if outcomes != row["jobs"]:
        yield f"jobs: {row['jobs']}, but {' + '.join(OUTCOMES)} are {outcomes}"
    missed = row.get("miss_ratio")
    if missed is not None and abs(missed * row["jobs"] - (row["jobs"] - row["met"])) > 1e-6:
        yield f"miss_ratio: {missed}, but {row['met']} of {row['jobs']} jobs are met"


def check_study(
    path: Path, study: Mapping[str, Any], axes: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Check that a study is the one whose table this is.

    Args:
        path: the study's file, for messages.
        study: what it says.
        axes: the columns of the table that are axes.
        rows: of the table.

    Raises:
        InputError: it is no study, or one of other axes or values.
    """
    known = {field.alias or name for name, field in StudyModel.model_fields.items()}
    for key in study:
        if key not in known:
            raise InputError(f"{path}: {key}: is no key of a study{did_you_mean(key, known)}")
    try:
        values = _values(study)
    except (TypeError, ValueError, AttributeError) as error:
        first = str(error).split("\n", 1)[0]
        raise InputError(f"{path}: axes or solve cannot be read: {first}") from None
    if values.keys() != set(axes):
        raise InputError(
            f"{path}: varies {_listed(values)}, but table.parquet beside it {_listed(axes)}: they "
            "are of two studies; `ttirace study` writes the table again"
        )
    for name, allowed in values.items():
        for row in rows:
            if row[name] not in allowed:
                raise InputError(
                    f"{path}: {name}: has no value {shown(row[name])}, but table.parquet beside it "
                    "has: they are of two studies; `ttirace study` writes the table again"
                )


class _Between:
    """All values between two, of the axis that is solved for."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self._low <= value <= self._high


def _values(study: Mapping[str, Any]) -> dict[str, set[Cell] | _Between]:
    """Return the values of each axis of a study, under its column in the table."""
    found: dict[str, set[Cell] | _Between] = {
        axis.column: {value.cell for value in axis.values}
        for axis in read_axes(study.get("axes") or {})
    }
    if study.get("solve") is not None:
        line = read_line(SolveModel.model_validate(study["solve"]))
        found[line.key.name] = _Between(line.low, line.high)
    return found


def check_points(folder: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """Check that a table is whole, and of the points that lie beside it.

    Args:
        folder: the study's.
        rows: of its table.
        about: its manifest; nothing of it need be there.

    Raises:
        InputError: points are missing, or are of another study.
    """
    table = folder / "table.parquet"
    points = about.get("points")
    finished = points.get("finished") if isinstance(points, dict) else None
    # One that was killed says `running`, and has no table, or not yet a count.
    counted = about.get("status") in ("complete", "interrupted") and isinstance(finished, int)
    if counted and finished != len(rows):
        raise InputError(
            f"{table}: has {len(rows)} rows, but manifest.json beside it counts {finished} "
            "finished points; `ttirace study` writes it again"
        )
    kept = {path.stem for path in (folder / "points").glob("*.json")}
    for number, row in enumerate(rows, 1):
        # Of a refused point there may be no more than the row.
        if kept and row["status"] == "ok" and row["point"] not in kept:
            raise InputError(
                f"{table}: row {number}: its point is none of those in {folder / 'points'}: the "
                "table is of another study; `ttirace study` writes it again"
            )


def check_name(path: Path, study: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Check that a study has the name that its manifest gives it.

    Raises:
        InputError: it has another.
    """
    name, other = study.get("name"), about.get("study")
    if name and other and name != other:
        raise InputError(
            f"{path}: is the study {shown(name)}, but manifest.json beside it is of "
            f"{shown(other)}; `ttirace study` writes both again"
        )


def check_answers(
    path: Path, rows: Sequence[Mapping[str, Any]], table: Sequence[Mapping[str, Any]]
) -> None:
    """Check types of a study's answers, that each is there once, and where points are.

    Args:
        path: the answers, for messages.
        rows: of them.
        table: rows of the study's table.

    Raises:
        InputError: what no study could have written.
    """
    seen: set[tuple[Any, ...]] = set()
    values = {name: {row[name] for row in table} for name in (table[0] if table else ())}
    for number, row in enumerate(rows, 1):
        where = f"{path}: row {number}"
        for name in ("allocator", "axis", "find", "status"):
            if not isinstance(row[name], str):
                raise InputError(f"{where}: {name}: {shown(row[name])}; want text")
        for name in ("answer", "next", "nearest"):
            if row[name] is not None and not _is_finite(row[name]):
                raise InputError(f"{where}: {name}: {shown(row[name])}; want a finite number")
        others = list(row)[: list(row).index("allocator") + 1]
        place = tuple(row[name] for name in others)
        for name in others:
            if name in values and row[name] not in values[name]:
                raise InputError(
                    f"{where}: {name}: {shown(row[name])} is not in table.parquet beside it; "
                    "`ttirace study` writes both again"
                )
        if place in seen:
            raise InputError(f"{where}: stands twice; `ttirace study` writes it again")
        seen.add(place)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
