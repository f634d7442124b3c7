"""`report.html` of a study: what was asked, what fits, who is best, and every point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.deadline.html.page import Page, Picture, Section, Table, reproduction
from sim.report.certainty import asked, carries, refusals, rests_on, unfinished
from sim.report.exhibit import Exhibit
from sim.report.results import StudyResults
from sim.report.wording import bullets, count, interval, number, plain, ratios

_MOST_POINTS = 2000  # in the table of the page
_MOST_VERDICTS = 8  # answers at the head of it


def study_page(
    results: StudyResults,
    exhibits: Sequence[Exhibit],
    answers: Sequence[str],
    missing: Sequence[str] = (),
) -> Page:
    """Return the page of a study.

    Args:
        results: of the study.
        exhibits: its figures.
        answers: what it found, in sentences; what fits is the verdict, else the first.
        missing: why other figures are not there.
    """
    said = list(answers) or ["No point of the study could be had."]
    fits = [line for e in exhibits if e.markdown for line in e.sentences if line in said]
    verdict = fits[:_MOST_VERDICTS] or said[:1]
    others = [line for line in said if line not in verdict]
    first, *more = map(plain, verdict)
    page = Page(f"{results.name}: what meets the target?", first, more=more)
    page.warnings = [plain(sentence) for sentence in unfinished(results)]
    page.sections.append(
        Section("What was asked", note=results.description, text=_listed(asked(results)))
    )
    if others:
        page.sections.append(Section("What else was found", text=_listed(others)))
    for exhibit in exhibits:
        said = [line for line in exhibit.sentences if line not in answers]
        text = f"{exhibit.markdown}\n\n{_listed(said)}"
        section = Section(exhibit.title, note=plain(exhibit.caption), text=text.strip())
        if exhibit.interactive is None:
            section.pictures = [Picture.drawn(exhibit.figure)]
        else:
            made = exhibit.interactive()
            section.figures, section.note = made.figures, made.caption
            _hide_hover(made.figures)
        page.sections.append(section)
    page.sections.append(_points(results))
    for title, sentences in (
        ("Refused", refusals(results)),
        ("How certain", carries(results)),
        ("What it rests on", rests_on(results)),
        ("Not drawn", missing),
    ):
        if sentences:
            text = "\n".join(sentences) if title == "Refused" else _listed(sentences)
            page.sections.append(Section(title, text=text))
    page.sections.append(reproduction(results.manifest))
    return page


def _hide_hover(figures: Sequence[Any]) -> None:
    """Take the button of what tells numbers from toolbars: there it leaves no room for others."""
    from bokeh.models import HoverTool

    for figure in figures:
        for tool in figure.tools:
            if isinstance(tool, HoverTool):
                tool.visible = False


def _points(results: StudyResults) -> Section:
    axes = results.axes
    headings = [
        *(axis.title for axis in axes), "allocator", "jobs", "missed", "95% interval", "target",
        "p99, us", "in force, bit/s/Hz",
    ]  # fmt: skip
    wider = results.bursts is not None
    rows, values = [], []
    for cell in results.cells[:_MOST_POINTS]:
        missed, response = cell.metric("miss_ratio"), cell.metric("response_p99_us")
        ends = cell.interval("miss_ratio")
        places = [axis.of(cell.values) for axis in axes]
        rows.append(
            [
                *(axis.text(place) for axis, place in zip(axes, places, strict=True)),
                cell.allocator,
                "-" if cell.refused else f"{cell.jobs:,}",
                "-" if missed is None else ratios(missed, ends[1] if ends else missed)[0],
                "-" if ends is None else interval(*ends, wider),
                results.target.verdict(cell),
                "-"
                if response is None
                else ">" * cell.is_cut("response_p99_us") + number(response),
                "-" if cell.rate is None else f"{cell.rate:.2f}",
            ]
        )
        values.append(
            [
                *(axis.numbers.get(place) for axis, place in zip(axes, places, strict=True)),
                # None sorts last, whichever way.
                None, None if cell.refused else float(cell.jobs), missed,
                ends[1] if ends else None, None, response, cell.rate,
            ]
        )  # fmt: skip
    there = len(results.cells)
    note = "Click a heading to sort."
    if there > _MOST_POINTS:
        note += f" The first {_MOST_POINTS:,} of {count(there, 'row')}; table.parquet has all."
    return Section("Every point", note, table=Table(headings, rows, values))


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(bullets(sentences))
