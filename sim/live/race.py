"""A scenario against the wall clock: every allocator in its turn, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline import JobLog
from sim.deadline.collector import collector_paused
from sim.deadline.discipline import Discipline
from sim.deadline.stats import percentile
from sim.host import Conditions, Wait, check_cpu, in_own_process, live_clock, quiet
from sim.ledger import RATE_COLUMNS, PowerTask, Tally
from sim.live.controller import LiveController, lateness_ns, play, rated
from sim.live.recording import playable, recordings
from sim.registry import load_plugin
from sim.scenario import Scenario

#: Time to get going before the first slot.
LEAD_IN_NS = 20_000_000

#: Slots between two reports of progress: they come from the timed process, while it waits.
_REPORT = 50


class LiveEntry(NamedTuple):
    """One allocator's live race.

    Attributes:
        label: whose.
        tallies: sums over its slots, of each controller.
        log: its jobs.
        release_jitter_us: how late the host began its jobs: ``p50``, ``p99``, ``p999``, ``max``.
    """

    label: str
    tallies: list[Tally]
    log: JobLog
    release_jitter_us: dict[str, float | None]


class LiveResult(NamedTuple):
    """A live race.

    Attributes:
        conditions: pinning and priority.
        entries: one an allocator.
    """

    conditions: Conditions
    entries: list[LiveEntry]


def live_race(
    scenario: Scenario,
    folder: Path,
    log_folder: Path,
    progress: Callable[[int, str], None],
    cpu: int | None = None,
    wait: Wait = "poll",
    plugins: tuple[str, ...] = (),
) -> LiveResult:
    """Play a scenario on the wall clock, in a process of its own, and log it.

    Args:
        scenario: the scenario.
        folder: what its paths are relative to.
        log_folder: where the logs go; an allocator's is written when it has run.
        progress: told how many slots more are over.
        cpu: processor to pin to; the last one permitted if not given.
        wait: how it waits for releases.
        plugins: to load there, too.

    Raises:
        InputError: the scenario does not fit together, or cannot be played live.
    """
    return in_own_process(_race, (scenario, folder, log_folder, cpu, wait, plugins), progress)


def _race(
    scenario: Scenario,
    folder: Path,
    log_folder: Path,
    cpu: int | None,
    wait: Wait,
    plugins: tuple[str, ...],
    progress: Callable[[int, str], None],
) -> LiveResult:
    check_cpu(cpu)
    for plugin in plugins:
        load_plugin(plugin)
    scenario = playable(scenario)
    recorded = recordings(scenario, folder)
    entrants = [[one.entrant(model) for one in recorded] for model in scenario.allocators]
    entries = []
    with quiet(cpu, wait) as conditions:
        for model, own in zip(scenario.allocators, entrants, strict=True):
            controllers = [
                LiveController(one, entrant) for one, entrant in zip(recorded, own, strict=True)
            ]
            with collector_paused():
                tasks = _played(
                    controllers, scenario.compute.discipline, wait, model.label, progress
                )
            with JobLog(log_folder, model.label, "allocator", RATE_COLUMNS) as log:
                tallies = rated(controllers, log)
            late = lateness_ns(tasks, own[0].on_overrun)
            entries.append(LiveEntry(model.label, tallies, log, described(late)))
    return LiveResult(conditions, entries)


def _played(
    controllers: Sequence[LiveController],
    discipline: Discipline,
    wait: Wait,
    label: str,
    progress: Callable[[int, str], None],
) -> list[PowerTask]:
    """Play all slots and return the jobs in the order in which the server was done with them."""
    tasks: list[PowerTask] = []
    for controller in controllers:
        controller.warm_up()
    start_ns = min(controller.timing.offset_ns for controller in controllers)
    clock = live_clock(wait, start_ns - LEAD_IN_NS)
    for task in play(controllers, clock, discipline):
        tasks.append(task)
        if len(tasks) % _REPORT == 0:
            progress(_REPORT, label)
    progress(len(tasks) % _REPORT, label)
    return tasks


def described(times_ns: Sequence[int] | NDArray[np.int64]) -> dict[str, float | None]:
    """Return the percentiles of times that the data carry, in us."""
    ordered = np.sort(np.asarray(times_ns, dtype=np.int64))
    found: dict[str, float | None] = {}
    for name, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        value = percentile(ordered, q)
        found[name] = None if value is None else value.value / 1e3
    return {**found, "max": float(ordered[-1]) / 1e3 if len(ordered) else None}


def live_facts(result: LiveResult) -> dict[str, Any]:
    """Return what a summary says about a live race."""
    return {
        **result.conditions.facts(),
        "release_jitter_us": {entry.label: entry.release_jitter_us for entry in result.entries},
    }
