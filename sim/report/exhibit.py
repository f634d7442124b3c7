"""The contract of a figure: a table in; a figure, its numbers and its sentences out.

A kind of figure is one module with ``OPTIONS``, the keys it takes in a study's ``report``,
``asked(results, options)``, which resolves them and knows no more than the axes of the study, so
that a study can be checked before it is run, and ``exhibits(results, options)``, which begins with
that. Both raise `NothingToShowError` where there is nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.report.axis import Axis
from sim.report.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Options = Mapping[str, Any]

#: Kinds of figures, in the order of the report.
KINDS = {
    "fits": "sim.report.fits",
    "best": "sim.report.best",
    "heatmap": "sim.report.heatmap",
    "rate": "sim.report.rate",
    "loss": "sim.report.loss",
    "pareto": "sim.report.pareto",
}


class NothingToShowError(Exception):
    """The table has nothing for this kind of figure; the message says why."""


@dataclass(frozen=True)
class Interactive:
    """Figures for a page, which tell numbers when they are pointed at.

    Attributes:
        figures: of Bokeh.
        caption: how to read them.
    """

    figures: Sequence[Any]
    caption: str


@dataclass(frozen=True)
class Exhibit:
    """A figure with what it shows.

    Attributes:
        name: of its files.
        title: its heading.
        figure: the drawing.
        columns: of its numbers.
        rows: its numbers.
        sentences: what it shows, in Markdown.
        caption: how to read it.
        markdown: a table for the report; empty if there is none.
        interactive: makes the same for a page; None where there is no such thing, and the drawing
            is shown.
    """

    name: str
    title: str
    figure: Figure
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    sentences: Sequence[str]
    caption: str
    markdown: str = ""
    interactive: Callable[[], Interactive] | None = None


class Kind(Protocol):
    """A module that draws one kind of figure."""

    OPTIONS: tuple[str, ...]

    def asked(self, results: StudyResults, options: Options) -> object:
        """Return what is asked for, of the results or of what they will be.

        Raises:
            NothingToShowError: no study with these axes has anything for it.
            InputError: an option names what is not there.
        """

    def exhibits(self, results: StudyResults, options: Options) -> list[Exhibit]:
        """Draw it.

        Raises:
            NothingToShowError: the table has nothing for it.
            InputError: an option names what is not there.
        """


def kind(name: str) -> Kind:
    """Return a kind of figure by its name."""
    return cast(Kind, import_module(KINDS[name]))


def make_exhibits(
    results: StudyResults, requests: Sequence[tuple[str, str, Options]] | None
) -> tuple[list[Exhibit], list[str]]:
    """Draw the figures asked for, or all that the table has something for.

    Args:
        results: of the study.
        requests: where it is asked, the kind, its options; None for every kind.

    Returns:
        The exhibits, and why others are not there.

    Raises:
        InputError: a figure asked for cannot be drawn.
    """
    found: list[Exhibit] = []
    missing = []
    for where, name, options in (
        [("", name, {}) for name in KINDS] if requests is None else requests
    ):
        try:
            found += kind(name).exhibits(results, {"where": where, **options})
        except NothingToShowError as reason:
            if requests is not None:
                raise InputError(f"{where}: cannot be drawn: {reason}") from None
            missing.append(f"{name}: {reason}")
    return _apart(found), missing


def parse_requests(
    entries: Iterable[tuple[str, object]],
) -> list[tuple[str, str, Options]]:
    """Check the figures asked for.

    Args:
        entries: where each stands, and what: ``rate`` or ``{rate: {x: budget_us}}``.

    Raises:
        InputError: a kind or an option that is not known.
    """
    parsed: list[tuple[str, str, Options]] = []
    for where, entry in entries:
        name, options = (entry, {}) if isinstance(entry, str) else _pair(where, entry)
        if name not in KINDS:
            hint = did_you_mean(str(name), KINDS)
            raise InputError(f"{where}: {shown(name)} is no figure{hint}")
        known = kind(name).OPTIONS
        for key in options:
            if key not in known:
                raise InputError(
                    f"{where}: {name}: {key!r} is no option of it{did_you_mean(str(key), known)}"
                )
        parsed.append((f"{where}: {name}", name, options))
    return parsed


def axis_option(results: StudyResults, options: Options, key: str) -> Axis | None:
    """Return the axis that an option names, if it is given."""
    if (name := options.get(key)) is None:
        return None
    return results.axis(str(name), f"{options['where']}: {key}")


def allocators_option(results: StudyResults, options: Options) -> list[str]:
    """Return the allocators that an option names, one or a list; all if it is not given."""
    asked = options.get("allocator")
    if asked is None:
        return list(results.allocators)
    labels = [str(label) for label in (asked if isinstance(asked, list) else [asked])]
    if not labels:
        raise InputError(f"{options['where']}: allocator: names none; want at least one")
    for label in labels:
        if label not in results.allocators:
            raise InputError(
                f"{options['where']}: allocator: {label!r} is none of this study"
                f"{did_you_mean(label, results.allocators)}"
            )
    return [label for label in results.allocators if label in labels]


def _pair(where: str, entry: object) -> tuple[Any, dict[str, Any]]:
    if isinstance(entry, dict) and len(entry) == 1:
        ((name, options),) = entry.items()
        if options is None or isinstance(options, dict):
            return name, options or {}
    raise InputError(f"{where}: {shown(entry)}; want a figure such as rate: {{x: budget_us}}")


def _apart(exhibits: Iterable[Exhibit]) -> list[Exhibit]:
    """Give exhibits of one name a number each, from the second on."""
    seen: dict[str, int] = {}
    apart = []
    for exhibit in exhibits:
        seen[exhibit.name] = n = seen.get(exhibit.name, 0) + 1
        apart.append(exhibit if n == 1 else replace(exhibit, name=f"{exhibit.name}_{n}"))
    return apart
