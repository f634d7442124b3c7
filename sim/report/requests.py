"""Figures that are asked for: that they are some, and of the study, before any is drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.deadline import InputError
from sim.report.axis import FACTS, study_axis
from sim.report.cells import Cell
from sim.report.exhibit import NothingToShowError, allocators_option, kind, parse_requests
from sim.report.results import StudyResults
from sim.report.target import DEFAULT, parse_target
from sim.study import Study
from sim.study.columns import METRICS

#: Options that may name an axis.
_AXES = ("x", "y", "axis")


def check_planned(study: Study, where: str) -> None:
    """Check the figures that a study asks for, of which no point need be run.

    What passes can be drawn, if points have the rates and times that it shows, and, of a study over
    traces, the links and subbands.

    Args:
        study: the study.
        where: its file, for messages.

    Raises:
        InputError: a figure, an option, an axis or an allocator that is not there, one twice, or a
            figure for which the study has no such axis.
    """
    entries = [(f"{where}: report.{i}", entry) for i, entry in enumerate(study.model.report or [])]
    if entries:
        _check(_planned(study), entries, study.untold & set(FACTS))


def check_asked(results: StudyResults, figures: Iterable[Mapping[str, Any]]) -> None:
    """Check the figures that a command asks for; errors as `check_planned`."""
    _check(results, [("--figure", entry) for entry in figures])


def _planned(study: Study) -> StudyResults:
    """Return the results of a study as far as they are known before it is run: without figures."""
    rows = list(study.outline())
    line = study.line
    return StudyResults(
        folder=Path(),
        name=study.name,
        description="",
        every_axis=tuple(study_axis(name, rows) for name in study.columns),
        allocators=tuple(study.labels),
        cells=tuple(Cell(row, label, "not run", []) for row in rows for label in study.labels[:1]),
        target=parse_target(study.model.target or DEFAULT, METRICS, "target"),
        target_given=study.target is not None,
        answers=(() if line is None else ({**rows[0], "axis": line.key.name, "find": line.find},)),
        requests=study.model.report,
        replicates=study.model.replicates,
        facts={},
        manifest={},
    )


def _check(
    results: StudyResults, entries: Iterable[tuple[str, object]], untold: Collection[str] = ()
) -> None:
    """Check figures; an axis by one of the facts untold, or for want of one, cannot be told."""
    parsed = parse_requests(entries)
    for i, (at, name, options) in enumerate(parsed):
        if (name, options) in [(other, same) for _, other, same in parsed[:i]]:
            raise InputError(f"{at}: stands twice")
        options = {"where": at, **options}
        allocators_option(results, options)
        if any(str(options.get(key)) in untold for key in _AXES):
            continue
        try:
            kind(name).asked(results, options)
        except NothingToShowError as reason:
            if not untold:
                raise InputError(f"{at}: cannot be drawn: {reason}") from None
