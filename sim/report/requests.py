"""Figures that are asked for: that they are some, and of the study, before any is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sim.deadline import InputError, did_you_mean
from sim.report.axis import FACTS, study_axis
from sim.report.exhibit import Options, parse_requests
from sim.report.results import StudyResults
from sim.study import Study
from sim.study.axes import Cell
from sim.study.columns import METRICS

#: Options that name an axis.
_AXES = ("x", "y", "axis")
_ALLOCATOR = "allocator"  # as `y` it is no axis, but the rows of a map

#: Returns the column of an axis by any of its names; its second argument is for messages.
AxisOf = Callable[[str, str], str]


def check_planned(study: Study, where: str) -> None:
    """Check the figures that a study asks for, of which no point need be run.

    Args:
        study: the study.
        where: its file, for messages.

    Raises:
        InputError: a figure, an option, an axis or an allocator that is not there, or one twice.
    """
    axes = [study_axis(name, [{name: cell} for cell in cells]) for name, cells in _cells(study)]
    columns = {name: axis.name for axis in axes for name in (axis.name, axis.bare)}
    columns |= {axis.fact: axis.name for axis in axes if axis.fact and len(axis.values) > 1}
    # Of what could not be resolved, or is read from a trace only, it cannot be told.
    varying = [name for name in FACTS if None in study.facts[name] or len(study.facts[name]) > 1]

    def axis_of(name: str, at: str) -> str:
        if name in columns or name in varying:
            return columns.get(name, name)
        known = list(dict.fromkeys([*columns, *varying]))
        if name in FACTS:
            raise InputError(
                f"{at}: {name!r} does not vary in this study; known: {', '.join(known) or 'none'}"
            )
        raise InputError(f"{at}: {name!r} is no axis of this study{did_you_mean(name, known)}")

    entries = [(f"{where}: report.{i}", entry) for i, entry in enumerate(study.model.report or [])]
    for at, _, options in _checked(entries, axis_of):
        _check_allocators(at, options, study.labels)


def _cells(study: Study) -> Iterator[tuple[str, Sequence[Cell]]]:
    """Yield columns of axes and their values; of the one solved for, both ends."""
    for axis in study.axes:
        yield axis.column, [value.cell for value in axis.values]
    if study.line is not None:
        yield study.line.key.name, [study.line.low, study.line.high]


def check_asked(results: StudyResults, figures: Iterable[Mapping[str, Any]]) -> None:
    """Check the figures that a command asks for; errors as `check_planned`."""
    _checked([("--figure", entry) for entry in figures], lambda n, at: results.axis(n, at).name)


def _checked(
    entries: Iterable[tuple[str, object]], axis_of: AxisOf
) -> list[tuple[str, str, Options]]:
    parsed = parse_requests(entries)
    for i, (at, name, options) in enumerate(parsed):
        if (name, options) in [(other, same) for _, other, same in parsed[:i]]:
            raise InputError(f"{at}: stands twice")
        if name == "pareto":  # its x is a metric
            if (x := str(options.get("x", "miss_ratio"))) not in METRICS:
                raise InputError(f"{at}: x: {x!r} is no metric{did_you_mean(x, METRICS)}")
            continue
        given = {key: options[key] for key in _AXES if options.get(key) is not None}
        if given.get("y") == _ALLOCATOR:
            del given["y"]
        found = {key: axis_of(str(value), f"{at}: {key}") for key, value in given.items()}
        if len(found) > len(set(found.values())):
            raise InputError(f"{at}: x and y are the same axis, {found['x']}; want two")
    return parsed


def _check_allocators(at: str, options: Options, known: Iterable[str]) -> None:
    asked = options.get("allocator")
    for label in asked if isinstance(asked, list) else [] if asked is None else [asked]:
        if str(label) not in known:
            raise InputError(
                f"{at}: allocator: {str(label)!r} is none of this study"
                f"{did_you_mean(str(label), known)}"
            )
