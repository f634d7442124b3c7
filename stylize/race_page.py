"""`report.html` of a race over frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.deadline.html import charts
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.html.page import Picture as PagePicture
from sim.deadline.html.timeline import TIMELINE_COLUMNS, timeline
from sim.deadline.manifest import read_manifest
from sim.deadline.responses import responses
from sim.deadline.tables import number, response_cells
from stylize.pictures import Picture, as_image
from stylize.race import Contestant, RaceSettings, verdict

_MOST_FRAMES = 4  # that are shown


def race_page(
    contestants: Sequence[Contestant],
    frames: Sequence[Picture],
    settings: RaceSettings,
    summary: Mapping[str, Any],
    manifest: Path,
) -> Page:
    """Return the page of a finished race.

    Args:
        contestants: after the race.
        frames: they raced over.
        settings: how.
        summary: from `stylize.race.summarize`.
        manifest: the race's file.
    """
    logs = {each.name: each.log for each in contestants if each.log is not None}
    page = Page(f"{settings.fps:g} frames a second: who makes them?", verdict(summary))
    page.sections = [
        Section(
            "Painters",
            "missed: share of frames that were not there in time, with its 95% interval. given "
            "time: the loss of what is painted however long it takes; in force: of what is on the "
            "screen; miss loss: their difference. Click a heading to sort.",
            table=_table(summary),
        ),
        Section(
            "Frames and jobs",
            "Each bar is a frame being painted, beside its deadline. Drag to move, Ctrl and scroll "
            "to zoom, hover for times.",
            figures=[timeline({name: log.parts(TIMELINE_COLUMNS) for name, log in logs.items()})],
        ),
        Section(
            "Response times",
            "Of the frames that were begun, how many take as long or longer; dashed: the deadline. "
            "Skipped frames are missed, too, but in no curve. A curve ends in an open circle where "
            "the frames that were left were cut.",
            figures=[
                charts.response_times(
                    {name: responses(log) for name, log in logs.items()}, [settings.budget_ns], "ms"
                )
            ],
        ),
        *_on_screen(contestants, frames),
        reproduction(read_manifest(manifest)),
    ]
    return page


def _table(summary: Mapping[str, Any]) -> Table:
    headings = (
        "painter", "missed", "95% interval", "response\np50, ms", "response\np99, ms",
        "response\nmax, ms",
        "loss given time", "miss loss", "loss in force",
    )  # fmt: skip
    rows, values = [], []
    for entry in summary["solvers"]:
        loss = entry.get("loss", dict.fromkeys(("given_time", "miss", "in_force")))
        times = [
            None if value is None else value / 1e3
            for value in (entry["response_us"][key] for key in ("p50", "p99", "max"))
        ]
        losses = [loss[key] for key in ("given_time", "miss", "in_force")]
        low, high = entry["miss_ratio_ci95"]
        rows.append(
            [
                entry["name"],
                f"{entry['miss_ratio']:.2%}",
                f"{low:.2%} .. {high:.2%}",
                *response_cells(entry, "ms"),
                *(number(value, 2) for value in losses),
            ]
        )
        values.append([None, entry["miss_ratio"], high, *times, *losses])
    return Table(headings, rows, values)


def _on_screen(contestants: Sequence[Contestant], frames: Sequence[Picture]) -> list[Section]:
    """Return a section for each of a few frames: it, and what everyone showed for it."""
    shown = [each for each in contestants if each.shown]
    if not shown:
        return []
    indices = list(shown[0].shown)
    return [
        Section(
            f"On the screen for frame {index}",
            pictures=[
                PagePicture.of(as_image(frames[index]), "the frame"),
                *(PagePicture.of(as_image(each.shown[index]), each.name) for each in shown),
            ],
        )
        for index in indices[:: -(-len(indices) // _MOST_FRAMES)]
    ]
