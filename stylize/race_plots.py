"""Pictures of a race over frames: times and a timeline, as of any race, and what was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline.html import charts
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.html.page import Picture as PagePicture
from sim.deadline.plots import canvas, figure, response_times, responses, timeline
from sim.deadline.tables import number
from stylize.pictures import Picture, as_bytes, as_image
from stylize.race import Contestant, RaceSettings, verdict

_FIRST = 10
_MOST_COLUMNS = 8
_MOST_PAGES = 4  # frames shown on a page


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
            "Each bar is a frame being painted, beside its deadline. Drag to move, scroll to zoom, "
            "hover for times.",
            figure=charts.timeline({name: log.parts() for name, log in logs.items()}),
        ),
        Section(
            "Response times",
            "How often a response takes as long or longer; dashed: the deadline.",
            figure=charts.response_times(
                {name: responses(log) for name, log in logs.items()}, [settings.budget_ns]
            ),
        ),
        *_on_screen(contestants, frames),
        reproduction(manifest),
    ]
    return page


def _table(summary: Mapping[str, Any]) -> Table:
    headings = (
        "painter", "missed", "95% interval", "response p50, ms", "p99, ms", "max, ms",
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
                *(number(value, 2) for value in [*times, *losses]),
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
        for index in indices[:: -(-len(indices) // _MOST_PAGES)]
    ]


def plot_race(
    contestants: Sequence[Contestant],
    frames: Sequence[Picture],
    settings: RaceSettings,
    folder: Path,
) -> list[Path]:
    """Draw the plots of a finished race as PNG files and return their paths."""
    logs = {each.name: each.log for each in contestants if each.log is not None}
    with figure(folder / "response_time.png", width=8.0) as axes:
        found = {name: responses(log) for name, log in logs.items()}
        response_times(axes, found, [settings.budget_ns])
        axes.set_title(f"{settings.fps:g} frames/s: is the frame there in time?")
    with figure(folder / "timeline.png", width=9.0, height=1.6 + 0.42 * len(logs)) as axes:
        timeline(axes, {name: next(log.parts()) for name, log in logs.items()}, _FIRST)
        axes.set_title("the first frames", fontsize=11, pad=24)
    shown = [each for each in contestants if each.shown]
    if shown:
        _sheet(shown, frames, folder / "frames.png")
    return sorted(folder.glob("*.png"))


def _sheet(contestants: Sequence[Contestant], frames: Sequence[Picture], path: Path) -> None:
    """Draw frames, and below each what every contestant had on the screen once it was due."""
    indices = list(contestants[0].shown)
    indices = indices[:: -(-len(indices) // _MOST_COLUMNS)]
    rows = [("frame", {index: frames[index] for index in indices})]
    rows += [(each.name, each.shown) for each in contestants]
    shape = frames[0].shape
    width = 1.5 * len(indices)
    height = 1.5 * len(rows) * shape[1] / shape[2]
    with canvas(path, width + 0.9, height + 0.5) as drawing:
        grid = np.atleast_2d(drawing.subplots(len(rows), len(indices), squeeze=False))
        for (name, pictures), line in zip(rows, grid, strict=True):
            for index, axes in zip(indices, line, strict=True):
                axes.imshow(as_bytes(pictures[index]))
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            line[0].set_ylabel(name, fontsize=9, parse_math=False)
        for index, axes in zip(indices, grid[0], strict=True):
            axes.set_title(f"{index}", fontsize=9)
