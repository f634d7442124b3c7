"""The report: `report.html`, `report.md`, figures, their numbers as CSV, and `report.json`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.deadline import InputError
from sim.deadline.files import replacing
from sim.deadline.manifest import write_json
from sim.deadline.plots import save
from sim.deadline.reading import read_json
from sim.report.certainty import asked, carries, refusals, rests_on, unfinished
from sim.report.exhibit import Exhibit, make_exhibits, parse_requests
from sim.report.page import study_page
from sim.report.results import StudyResults, read_results
from sim.report.wording import bullets, count

PAGE = "report.html"
_INDEX = "report.json"
_TEXT = "report.md"
#: How a figure and its numbers can be written.
FORMATS = ("png", "svg", "csv")
_MOST_ANSWERS, _MOST_OTHERS = 12, 4  # sentences at the head of the report


def write_report(
    results: StudyResults,
    folder: Path,
    figures: Sequence[object] = (),
    formats: Sequence[str] = FORMATS,
) -> dict[str, Any]:
    """Write the report of a study.

    Args:
        results: of the study.
        folder: where to; made if it is not there. An earlier report there is replaced.
        figures: to draw, ``rate`` or ``{rate: {x: budget_us}}``, instead of those of the study.
        formats: which of `FORMATS`; pictures in the first of them stand in the text.

    Returns:
        What `report.json` holds: conclusions, files, why figures are missing.

    Raises:
        InputError: a figure cannot be drawn, or the folder not be used.
    """
    exhibits, missing = _exhibits(results, figures)
    answers = conclusions(exhibits)
    _clear(folder)
    files = [f"{exhibit.name}.{suffix}" for exhibit in exhibits for suffix in formats]
    files += [_TEXT, PAGE]
    try:
        write_json(folder / _INDEX, {"files": files})  # so that what is cut short can be replaced
        for exhibit in exhibits:
            for suffix in formats:
                path = folder / f"{exhibit.name}.{suffix}"
                if suffix == "csv":
                    _write_text(path, csv_text(exhibit.columns, exhibit.rows))
                else:
                    save(exhibit.figure, path)
        _write_text(folder / _TEXT, report_text(results, exhibits, missing, formats))
        study_page(results, exhibits, answers, missing).write(folder / PAGE)
        report = {
            "study": results.name,
            "target": results.target.text,
            "status": results.manifest.get("status"),
            "unfinished": unfinished(results),
            "answers": answers,
            "figures": {exhibit.name: list(exhibit.sentences) for exhibit in exhibits},
            "refused": refusals(results),
            "certainty": carries(results),
            "rests_on": rests_on(results),
            "missing": missing,
            "files": files,
        }
        write_json(folder / _INDEX, report)
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: cannot be written: {error.strerror}"
        ) from None
    return report


def write_page(folder: Path) -> Path:
    """Write `report.html` alone, into the folder of a study, and return it.

    Raises:
        InputError: it cannot be written, or the study not be read.
    """
    results = read_results(folder)
    exhibits, missing = _exhibits(results)
    path = folder / PAGE
    study_page(results, exhibits, conclusions(exhibits), missing).write(path)
    return path


def _exhibits(
    results: StudyResults, figures: Sequence[object] = ()
) -> tuple[list[Exhibit], list[str]]:
    """Draw the figures given, or those that the study asks for, or all there are."""
    entries = [("--figure", entry) for entry in figures]
    if not entries and results.requests is not None:
        where = results.folder / "study.yaml"
        entries = [(f"{where}: report.{i}", entry) for i, entry in enumerate(results.requests)]
    return make_exhibits(results, parse_requests(entries) if entries else None)


def conclusions(exhibits: Sequence[Exhibit]) -> list[str]:
    """Return the answers: what fits, who is best, where that changes; all there is to say else."""
    answers = [exhibit for exhibit in exhibits if exhibit.markdown]
    chosen = [
        (exhibit, _MOST_ANSWERS if i == 0 else _MOST_OTHERS) for i, exhibit in enumerate(answers)
    ]
    chosen += [(e, _MOST_OTHERS) for e in exhibits if e.title.startswith("Rate in force")]
    if not answers:
        chosen = [(exhibit, _MOST_OTHERS) for exhibit in exhibits]
    lines: list[str] = []
    for exhibit, most in chosen:
        lines += exhibit.sentences[:most]
        if more := len(exhibit.sentences[most:]):
            lines.append(f"{count(more, 'sentence')} more in the section {exhibit.title!r}.")
    return lines


def report_text(
    results: StudyResults,
    exhibits: Sequence[Exhibit],
    missing: Sequence[str],
    formats: Sequence[str] = FORMATS,
) -> str:
    """Return the report as Markdown."""
    linked = sorted(formats, key=FORMATS.index)
    drawn = linked.pop(0) if linked[0] != "csv" else None
    titles = {"png": "PNG", "svg": "SVG", "csv": "numbers"}
    head = [*unfinished(results), *conclusions(exhibits)]
    lines = [f"# {' '.join(results.name.split())}", "", *bullets(head)]
    lines += ["What was asked:", "", *bullets(asked(results))]
    lines += [results.description, ""] if results.description else []
    for exhibit in exhibits:
        lines += [f"## {exhibit.title}", ""]
        lines += [exhibit.markdown, ""] if exhibit.markdown else []
        lines += bullets([line for line in exhibit.sentences if line not in head])
        if drawn is not None:
            lines += [f"![{exhibit.title}]({exhibit.name}.{drawn})", ""]
        lines += [exhibit.caption, ""]
        links = [f"[{titles[suffix]}]({exhibit.name}.{suffix})" for suffix in linked]
        lines += [", ".join(links), ""] if links else []
    lines += ["## Refused", "", *refusals(results), ""]
    for title, sentences in (
        ("How certain", carries(results)),
        ("What it rests on", rests_on(results)),
        ("Not drawn", missing),
    ):
        lines += [f"## {title}", "", *bullets(sentences)] if sentences else []
    return "\n".join(lines).rstrip("\n") + "\n"


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return numbers as CSV: a float to its last digit, nothing where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([str(v).lower() if isinstance(v, bool) else v for v in row])
    return text.getvalue()


def _clear(folder: Path) -> None:
    """Make the folder, and take away what an earlier report left there.

    Raises:
        InputError: it holds something else, or cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in folder.iterdir()}
        earlier = _earlier(folder / _INDEX)
        other = sorted(present - {*earlier, _INDEX, _TEXT, PAGE})
        other = [name for name in other if not (name.startswith(".") and name.endswith(".part"))]
        if other:
            raise InputError(
                f"-o {folder}: holds {other[0]!r}, no report of ours; name another folder"
            )
        for name in present & {*earlier, _INDEX, _TEXT, PAGE}:
            (folder / name).unlink()
    except FileExistsError:
        raise InputError(f"-o {folder}: is a file; want a folder") from None
    except OSError as error:
        raise InputError(f"-o {folder}: cannot be used: {error.strerror}") from None


def _earlier(index: Path) -> set[str]:
    try:
        report: Mapping[str, Any] = read_json(index)
        return {str(name) for name in report["files"]}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
