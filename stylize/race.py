"""The race over frames: every frame is a job that is due before the next one is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline import Entrant, LatencyModel, LiveClock, OnMiss, OnOverrun, Solver, periodic, run
from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.log import JobLog
from sim.deadline.solver import AnytimeSolver
from sim.deadline.summary import SUMMARY_COLUMNS, summarize_jobs
from sim.deadline.tables import number, outcome_cells, outcome_headings, plain_table
from stylize.pictures import Picture
from stylize.solvers import Painted

if TYPE_CHECKING:
    from rich.table import Table

    from stylize.loss import StyleLoss

_SLOWEST, _QUICKEST = 0.001, 10_000.0  # frames a second


@dataclass(frozen=True, slots=True)
class RaceSettings:
    """How frames come, and what happens when one is late.

    Attributes:
        fps: frames a second.
        deadline_ms: from a frame's release to its deadline; until the next frame if not given.
        on_overrun: what a frame that takes too long does to those behind it.
        use_late: a picture that comes late is shown once the next frame is due.
        scored: of how many frames the loss is computed, evenly spread.
        live: against the wall clock, not simulated.

    Raises:
        InputError: a value out of its range.
    """

    fps: float = 30.0
    deadline_ms: float | None = None
    on_overrun: str = "skip"
    use_late: bool = False
    scored: int = 8
    live: bool = False

    def __post_init__(self) -> None:
        if not _SLOWEST <= self.fps <= _QUICKEST:
            raise InputError(f"--fps: {self.fps}, want from {_SLOWEST} to {_QUICKEST:,.0f}")
        if self.deadline_ms is not None and not 1e-3 <= self.deadline_ms <= 1e9:
            raise InputError(f"--deadline: {self.deadline_ms} ms, want from 0.001 to 1e9")
        if self.on_overrun not in set(OnOverrun):
            hint = did_you_mean(self.on_overrun, map(str, OnOverrun))
            raise InputError(f"--on-overrun: {self.on_overrun!r}{hint}")
        if self.scored < 0:
            raise InputError(f"--score: {self.scored}, want at least 0")

    @property
    def period_ns(self) -> int:
        """From one frame to the next."""
        return round(1e9 / self.fps)

    @property
    def budget_ns(self) -> int:
        """From a frame's release to its deadline."""
        return self.period_ns if self.deadline_ms is None else round(self.deadline_ms * 1e6)


@dataclass(slots=True)
class Contestant:
    """Who takes part, and what came of it.

    Attributes:
        name: in results.
        solver: prepared.
        latency: what a frame costs in simulated time; what it took here if not given.
        log: its jobs.
        shown: of the frames that are scored, what was in force after their deadline.
    """

    name: str
    solver: Solver[Picture, Painted]
    latency: LatencyModel | None = None
    log: JobLog | None = None
    shown: dict[int, Picture] = field(default_factory=dict)


def race(
    contestants: Sequence[Contestant],
    frames: Sequence[Picture],
    settings: RaceSettings,
    log: Path,
    advance: Callable[[int, str], None] | None = None,
) -> None:
    """Let one contestant after the other paint all frames; fill in their logs and what was shown.

    Args:
        contestants: with prepared solvers.
        frames: ``(3, H, W)`` each, all of one size.
        settings: how they come.
        log: folder for the job logs.
        advance: told about every frame.
    """
    scored = set(scored_frames(len(frames), settings.scored))
    for contestant in contestants:
        on_miss = OnMiss.USE_LATE if settings.use_late else OnMiss.HOLD
        if isinstance(contestant.solver, AnytimeSolver):
            on_miss = OnMiss.BEST_SO_FAR
        entrant = Entrant(
            contestant.solver,
            Painted(frames[0]),
            contestant.latency,
            on_overrun=OnOverrun(settings.on_overrun),
            on_miss=on_miss,
            check=fault_of,
        )
        contestant.log = JobLog(log, contestant.name)
        # The first frame comes after the clock has begun, or it would be late by that.
        releases = periodic(settings.period_ns, settings.period_ns)
        clock = LiveClock() if settings.live else None
        with contestant.log as jobs:
            for job, answer in run(
                entrant, frames, releases, budget_ns=settings.budget_ns, clock=clock
            ):
                jobs.append(job)
                if job.index in scored:
                    contestant.shown[job.index] = answer.picture
                if advance is not None:
                    advance(1, contestant.name)


def scored_frames(count: int, scored: int) -> list[int]:
    """Return which of so many frames are scored: evenly spread, with the last one."""
    scored = min(scored, count)
    return [(place + 1) * count // scored - 1 for place in range(scored)]


def fault_of(frame: Picture, painted: Painted) -> str | None:
    """Return what is wrong with a painted frame, or None."""
    picture = painted.picture
    if picture.shape != frame.shape:
        return f"a picture of shape {picture.shape}, want {frame.shape}"
    low, high = float(picture.min()), float(picture.max())
    if not (low >= 0.0 and high <= 1.0):
        return f"colours from {low:.3g} to {high:.3g}, want 0 to 1"
    return None


def summarize(
    contestants: Sequence[Contestant],
    frames: Sequence[Picture],
    settings: RaceSettings,
    loss: StyleLoss | None,
    advance: Callable[[int, str], None] | None = None,
) -> dict[str, Any]:
    """Return how a race went: outcomes, times, and what was shown for it.

    Losses are means over the frames that are scored: of what a contestant paints however long it
    takes, and of what was in force once the frame's deadline had passed; their difference is what
    misses cost.

    Args:
        contestants: after the race.
        frames: they raced over.
        settings: how.
        loss: what scores; None leaves losses out.
        advance: told about every score.
    """
    entries = []
    for contestant in contestants:
        assert contestant.log is not None
        entry: dict[str, Any] = {
            "name": contestant.name,
            **summarize_jobs(contestant.log.parts(SUMMARY_COLUMNS)),
        }
        if loss is not None and contestant.shown:
            entry["loss"] = _losses(contestant, frames, loss, advance)
        entries.append(entry)
    _, height, width = frames[0].shape
    return {
        "frames": len(frames),
        "width": width,
        "height": height,
        "fps": settings.fps,
        "budget_us": settings.budget_ns / 1e3,
        "live": settings.live,
        "solvers": entries,
    }


def _losses(
    contestant: Contestant,
    frames: Sequence[Picture],
    loss: StyleLoss,
    advance: Callable[[int, str], None] | None,
) -> dict[str, Any]:
    given_time, in_force = [], []
    for index, shown in contestant.shown.items():
        painted = contestant.solver.solve(frames[index])
        given_time.append(loss.score(painted.picture, frames[index]))
        in_force.append(loss.score(shown, frames[index]))
        if advance is not None:
            advance(1, contestant.name)
    return {
        "frames": list(contestant.shown),
        "given_time": float(np.mean(given_time)),
        "in_force": float(np.mean(in_force)),
        "miss": float(np.mean(in_force) - np.mean(given_time)),
    }


def race_table(summary: Mapping[str, Any], width: int = 140) -> Table:
    """Return the summary as a table, one row a solver; a narrow one leaves some out."""
    table = plain_table(
        f"{summary['frames']} frames of {summary['width']} x {summary['height']},"
        f" {summary['budget_us'] / 1e3:.4g} ms each"
    )
    table.add_column("\nsolver")
    for heading in (
        *outcome_headings(width, "ms"),
        "loss\ngiven time",
        "miss\nloss",
        "loss\nin force",
    ):
        table.add_column(heading, justify="right")
    best = min(
        (entry["loss"]["in_force"] for entry in summary["solvers"] if "loss" in entry),
        default=None,
    )
    for entry in summary["solvers"]:
        loss = entry.get("loss", dict.fromkeys(("given_time", "miss", "in_force")))
        in_force = number(loss["in_force"], 2)
        table.add_row(
            entry["name"],
            *outcome_cells(entry, width, "ms"),
            number(loss["given_time"], 2),
            number(loss["miss"], 2),
            f"[bold]{in_force}[/]" if best is not None and loss["in_force"] == best else in_force,
        )
    return table


def verdict(summary: Mapping[str, Any]) -> str:
    """Return what the race says in a sentence or two, computed from its figures."""
    entries = summary["solvers"]
    in_time = [entry for entry in entries if entry["miss_ratio"] == 0.0]
    best = min(entries, key=lambda entry: entry["miss_ratio"])
    text = f"At {summary['fps']:g} frames/s, "
    if in_time:
        text += f"every frame was made by {_listed([entry['name'] for entry in in_time])}."
    elif best["miss_ratio"] == 1.0:
        text += "every painter missed every frame."
    else:
        text += f"nobody made every frame; {best['name']} missed the fewest, "
        text += f"{best['miss_ratio']:.2%}."
    scored = [entry for entry in entries if "loss" in entry]
    if scored:
        best = min(scored, key=lambda entry: entry["loss"]["in_force"])
        text += f" The least loss on the screen: {best['name']}, {best['loss']['in_force']:.2f}."
        ideal = min(scored, key=lambda entry: entry["loss"]["given_time"])
        if ideal["loss"]["given_time"] < best["loss"]["given_time"]:
            text += (
                f" Given all the time it wants, {ideal['name']} would come to"
                f" {ideal['loss']['given_time']:.2f}; on the screen it is"
                f" {ideal['loss']['in_force']:.2f}."
            )
    return text


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
