"""What runs points, in whatever process: a batch in, one record a point out."""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.deadline.errors import InputError
from sim.race import Race
from sim.registry import load_plugin
from sim.result import summarize
from sim.scenario import Scenario
from sim.study.columns import METRICS, OUTCOMES
from sim.study.digest import code_digest, file_hash, plugin_hash
from sim.study.facts import facts_of
from sim.study.point import Point

Record = dict[str, Any]

#: One record a point, and what they took together, in seconds.
Done = tuple[list[Record], float]

# One race at a time: the collector and the plug-ins are the process's, and threads win nothing.
_lock = threading.Lock()
_loaded: dict[str, str] = {}  # plug-ins, with the hash of what was loaded


def run_batch(points: Sequence[tuple[Any, ...]], code: str, plugins: tuple[str, ...]) -> Done:
    """Run points one after the other; what runs them may be another machine.

    Args:
        points: the points, as plain tuples.
        code: digest of the code that asks for them.
        plugins: what registers more allocators, by path or module.

    Raises:
        InputError: this process has another version of the code, or lacks a plug-in or a file.
    """
    with _lock:
        _check_code(code, plugins)
        begin = time.perf_counter()
        records = []
        for point in itertools.starmap(Point, points):
            _check_files(point)
            records.append(run_point(point))
        return records, time.perf_counter() - begin


def run_point(point: Point) -> Record:
    """Return the facts and figures of a point, or why it cannot be had."""
    scenario = Scenario.model_validate(json.loads(point.scenario))
    record = facts_of(scenario, scenario.allocators[0])
    try:
        race = Race(scenario, Path(point.folder))
        channel = race.feeds[0].channel
        record |= {"links": channel.links, "subbands": channel.subbands}
        summary = summarize(race, race.run(None))
        record |= _metrics(summary["allocators"][0])
    except InputError as error:
        refused = {"status": "refused", "reason": str(error)}
        return {**record, **dict.fromkeys(METRICS), **refused}
    return record | {"status": "ok", "reason": None}


def _metrics(entry: dict[str, Any]) -> Record:
    """Return an allocator's entry in a run's summary as columns of the table."""
    rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
    low, high = entry["miss_ratio_ci95"]
    metrics = {
        "jobs": entry["jobs"],
        **{outcome: entry[outcome] for outcome in OUTCOMES},
        "miss_ratio": entry["miss_ratio"],
        "miss_low": low,
        "miss_high": high,
        **{f"{name}_bps_hz": rate[name] for name in ("genie", "aged", "in_force")},
        **{f"{name}_loss_bps_hz": loss[name] for name in ("ageing", "miss")},
        "per_user_p5_bps_hz": entry["per_user_p5_bps_hz"],
        "jain": entry["jain"],
        **{
            f"{time}_{which}_us": value
            for time in ("response", "service")
            for which, value in entry[f"{time}_us"].items()
        },
    }
    assert metrics.keys() == METRICS.keys()
    if not all(value is None or math.isfinite(value) for value in metrics.values()):
        raise InputError("rates are not finite; check the scale of p_max, noise and gains")
    return metrics


def _check_code(code: str, plugins: tuple[str, ...]) -> None:
    try:
        own = code_digest(plugins)
        for plugin in plugins:
            content = plugin_hash(plugin)
            if _loaded.get(plugin) != content:
                load_plugin(plugin)
                _loaded[plugin] = content
    except InputError as error:
        raise InputError(f"{_here()}: {error}") from None
    if own != code:
        raise InputError(
            f"{_here()} runs another version of the code ({own[:12]}) than this study "
            f"({code[:12]}); install the same one on both, and restart the workers"
        )


def _check_files(point: Point) -> None:
    for name, content in point.files:
        try:
            found = file_hash(Path(name))
        except InputError as error:
            raise InputError(f"{_here()}: {error}") from None
        if found != content:
            raise InputError(
                f"{_here()}: {name}: is not the file that the study began with; run it again"
            )


def _here() -> str:
    return f"worker {os.getpid()} on {platform.node()}"
