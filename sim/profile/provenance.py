"""Whose time a scenario replays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sim.deadline.manifest import machine
from sim.profile.file import find_profile, load_profile
from sim.scenario import Scenario
from sim.scenario.latency import CalibratedLatency


def profiles_of(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Return what a manifest says of the profiles that a scenario replays; see `described`."""
    return described(profile_names(scenario), folder)


def described(names: Iterable[str], folder: Path) -> list[dict[str, Any]]:
    """Return what a manifest says of profiles.

    Each with its name, the machine it was measured on, and what its calibration warned of.

    Args:
        names: as scenarios name them.
        folder: what paths are relative to.
    """
    found: dict[Path, dict[str, Any]] = {}
    for name in names:
        path = find_profile(name, folder)
        header = load_profile(path).header
        found[path] = {
            "name": path.stem,
            "machine": header.get("machine", {}),
            "warnings": header.get("warnings", []),
        }
    return list(found.values())


def elsewhere(profiles: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each profile that was measured on another kind of machine."""
    here = machine()
    return [
        f"Time is replayed from profile {profile['name']}, which was measured on another machine: "
        f"{there.get('processor', 'unknown')}, {there.get('cores', '?')} cores; this one: "
        f"{here['processor']}, {here['cores']} cores."
        for profile in profiles
        if not same_machine(there := profile["machine"], here)
    ]


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two machines, as manifests describe them, are of one kind."""
    return all(one.get(key) == other.get(key) for key in ("processor", "cores"))


def profile_names(scenario: Scenario) -> Iterator[str]:
    """Yield the profiles that a scenario replays, as it names them."""
    misses = [scenario.on_miss, *(model.on_miss for model in scenario.allocators)]
    latencies = [
        scenario.compute.latency,
        scenario.compute.release_jitter,
        *(model.latency for model in scenario.allocators),
        *(miss.fallback.latency for miss in misses if miss and miss.fallback),
    ]
    # What every allocator replaces is not replayed.
    if all(model.latency is not None for model in scenario.allocators):
        latencies.remove(scenario.compute.latency)
    for latency in latencies:
        if isinstance(latency, CalibratedLatency):
            yield latency.profile
