"""Pictures of a race over frames: times and a timeline, as of any race, and what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.deadline.plots import canvas, figure, response_times, timeline
from sim.deadline.responses import responses
from stylize.pictures import Picture, as_bytes
from stylize.race import Contestant, RaceSettings

_FIRST = 10
_MOST_COLUMNS = 8


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
        response_times(axes, found, [settings.budget_ns], "ms")
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
