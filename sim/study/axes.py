"""The axes of a study: what is varied, over which values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import ValidationError

from sim.deadline.errors import InputError, shown
from sim.scenario.keys import Key, read_key
from sim.scenario.load import describe
from sim.scenario.quantities import convert
from sim.study.columns import FACTS, METRICS, RESERVED
from sim.study.models import RangeModel, ZipModel

Cell = int | float | str

_Model = TypeVar("_Model", RangeModel, ZipModel)

_MOST_VALUES = 10_000

#: Keys that change no figure, or that a study has another word for.
_NOT_VARIED = {
    "name": "changes no figure",
    "description": "changes no figure",
    "allocators": "is no axis: every point is run with each allocator; list them in the scenario",
}


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis.

    Attributes:
        cell: what the table shows.
        settings: the keys of the scenario that it sets, and what to.
    """

    cell: Cell
    settings: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Axis:
    """What is varied.

    Attributes:
        column: its column in the table.
        values: in the order of the study.
        keys: the keys of the scenario that it sets.
    """

    column: str
    values: tuple[AxisValue, ...]
    keys: tuple[Key, ...]


def read_axes(axes: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Return the axes of a study file.

    Raises:
        InputError: an axis without values, a range that is none, values that differ in number.
    """
    read = []
    for name, written in axes.items():
        try:
            read.append(_read_axis(name, written))
        except InputError as error:
            raise InputError(f"axes: {name}: {error}") from None
    _check_apart(read)
    return tuple(read)


def number(key: Key, value: Any) -> int | float:
    """Return a number as it may stand under a key, in its canonical unit.

    Raises:
        InputError: it is none.
    """
    if key.kind is not None:
        try:
            return convert(value, key.kind, key.unit)
        except ValueError as error:
            raise InputError(f"{error} (got {shown(value)})") from None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        found = value if isinstance(value, int) else float(value)
    except ValueError:
        raise InputError(f"want a number (got {shown(value)})") from None
    if not math.isfinite(found):
        raise InputError(f"want a finite number (got {shown(value)})")
    if key.numbers == "whole":
        if found != int(found):
            raise InputError(f"want a whole number (got {shown(value)})")
        return int(found)
    return float(found) if key.numbers == "real" else found


def whole(key: Key, *bounds: int | float) -> bool:
    """Return whether only whole numbers may stand under a key, between these bounds."""
    if key.kind is not None:
        return False
    return key.numbers == "whole" or (
        key.numbers is None and all(isinstance(bound, int) for bound in bounds)
    )


def rounded(key: Key, value: float | Fraction, *, integer: bool) -> int | float:
    """Return a number between others as short as it can be told from its neighbours.

    Whole where only whole numbers may stand; times in whole nanoseconds.
    """
    if integer or (key.kind is not None and key.kind.canonical == "ns"):
        return round(value)
    return float(f"{float(value):.12g}")


def _read_axis(name: str, written: Any) -> Axis:
    if isinstance(written, dict) and "zip" in written:
        return _zipped(name, _model(ZipModel, written))
    key = known(name)
    if isinstance(written, list):
        return Axis(*_listed(key, written), (key,))
    if isinstance(written, dict) and {"from", "to"} & set(written):
        values = _range(key, _model(RangeModel, written))
        return Axis(key.name, _numeric(key, values), (key,))
    raise InputError(
        f"want a list of values, {{from: .., to: .., points: ..}}, or {{zip: ..}} "
        f"(got {shown(written)})"
    )


def known(name: str) -> Key:
    """Return a key that may be varied.

    Raises:
        InputError: it is none that could.
    """
    if not all(name.split(".")):
        raise InputError("is no key; want one such as channel.links")
    if name in _NOT_VARIED:
        raise InputError(_NOT_VARIED[name])
    return read_key(name)


def _model(model: type[_Model], written: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(written)
    except ValidationError as error:
        raise InputError(describe(error, written, model)) from None


def _listed(key: Key, written: list[Any]) -> tuple[str, tuple[AxisValue, ...]]:
    if not written:
        raise InputError("has no values; want at least one")
    if len(written) > _MOST_VALUES:
        raise InputError(f"has {len(written)} values; want at most {_MOST_VALUES}")
    numeric = key.kind is not None or key.numbers is not None
    if numeric and not any(isinstance(value, list | dict | None) for value in written):
        shown_as, values = key.name, _numeric(key, [number(key, value) for value in written])
    else:
        shown_as = key.written
        values = tuple(
            AxisValue(cell, ((key.written, value),))
            for cell, value in zip(_cells(written), written, strict=True)
        )
    _check_distinct([value.cell for value in values], written)
    return shown_as, values


def _numeric(key: Key, values: Sequence[int | float]) -> tuple[AxisValue, ...]:
    return tuple(AxisValue(value, ((key.name, value),)) for value in values)


def _cells(values: Sequence[Any]) -> list[Cell]:
    """Return values as the table shows them: numbers if all are, else text."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return list(values)
    return [value if isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value


def _check_distinct(cells: Sequence[Cell], written: Sequence[Any]) -> None:
    seen: dict[Cell, Any] = {}
    for cell, value in zip(cells, written, strict=True):
        if cell in seen:
            other = "" if seen[cell] == value else f", as {_text(seen[cell])}"
            raise InputError(f"{_text(value)} stands twice{other}")
        seen[cell] = value


def _range(key: Key, model: RangeModel) -> list[int | float]:
    start, to = number(key, model.start), number(key, model.to)
    if start > to:
        raise InputError(f"from {shown(model.start)} is above to {shown(model.to)}; want it below")
    if (model.step is None) == (model.points is None):
        raise InputError("want either step or points in a range")
    integer = whole(key, start, to)
    first, last = Fraction(str(start)), Fraction(str(to))
    if model.step is not None:
        if model.scale == "log":
            raise InputError("step goes with a linear scale; give points for a log one")
        step = Fraction(str(number(key, model.step)))
        if step <= 0:
            raise InputError(f"step {shown(model.step)}: must be above zero")
        if (last - first) / step >= _MOST_VALUES:
            raise InputError(f"more than {_MOST_VALUES} values; want a larger step")
        exact = [first + step * i for i in range(int((last - first) / step) + 1)]
        if integer and step.denominator != 1:
            raise InputError(f"step {shown(model.step)}: want a whole number")
        return [rounded(key, value, integer=integer) for value in exact]
    assert model.points is not None
    if model.points == 1 and first != last:
        raise InputError("one point does not reach from one end to the other; want at least 2")
    steps = max(model.points - 1, 1)
    if model.scale == "log":
        if start <= 0:
            raise InputError(f"a log scale does not reach {shown(model.start)}; want above zero")
        ratio = math.log(to / start)
        spread: list[Fraction | float] = [start * math.exp(ratio * i / steps) for i in range(steps)]
    else:
        spread = [first + (last - first) * i / steps for i in range(steps)]
    values = [rounded(key, value, integer=integer) for value in [*spread, last]]
    values[0] = rounded(key, first, integer=integer)
    return list(dict.fromkeys(values))  # whole numbers may fall together


def _zipped(name: str, model: ZipModel) -> Axis:
    if name in RESERVED:
        raise InputError("is a column of the table already; give the axis another name")
    columns = []
    for written, values in model.zip.items():
        try:
            settings = [value.settings for value in _settings(written, values)]
            columns.append((known(written), settings))
        except InputError as error:
            raise InputError(f"zip: {written}: {error}") from None
    lengths = {key.written: len(values) for key, values in columns}
    if model.labels is not None:
        lengths["labels"] = len(model.labels)
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} {count}" for key, count in lengths.items())
        raise InputError(f"zip: lists of unequal length ({counts})")
    labels = model.labels or [
        ", ".join(_text(values[i]) for values in model.zip.values())
        for i in range(len(columns[0][1]))
    ]
    _check_distinct(labels, labels)
    steps = [
        AxisValue(label, tuple(setting for _, values in columns for setting in values[i]))
        for i, label in enumerate(labels)
    ]
    return Axis(name, tuple(steps), tuple(key for key, _ in columns))


def _settings(written: str, values: list[Any]) -> list[AxisValue]:
    """Return what one of several zipped keys sets; it may repeat itself."""
    key = known(written)
    if not values:
        raise InputError("has no values; want at least one")
    return [_listed(key, [value])[1][0] for value in values]


def _check_apart(axes: Sequence[Axis]) -> None:
    """Refuse two axes for one place, or with one name."""
    places: dict[str, str] = {}
    for axis in axes:
        for key in axis.keys:
            if key.place in places:
                raise InputError(
                    f"axes: {key.written} and {places[key.place]} set the same key; keep one"
                )
            places[key.place] = key.written
    columns = [axis.column for axis in axes]
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(f"axes: {column}: stands twice; give one of them another name")
    for axis in axes:
        # A key of the scenario may bear the name of a fact, as `slots` does: it is that fact.
        taken = axis.column in METRICS or (axis.column in FACTS and "." in axis.keys[0].written)
        if taken:
            raise InputError(f"axes: {axis.column}: is a column of the table already")
