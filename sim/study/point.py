"""A point of a study, and its address: what it comes to depends on nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from sim.deadline.manifest import content_hash
from sim.scenario import Scenario
from sim.scenario.allocators import with_files
from sim.scenario.latency import MeasuredLatency, resolve_profiles
from sim.study.digest import file_hash

_LABEL = re.compile(r"[^A-Za-z0-9_.+-]")


class Point(NamedTuple):
    """One scenario with one allocator.

    Attributes:
        address: SHA-256 of the scenario as resolved, the content of its files, and the code.
        scenario: as JSON, its paths absolute, without the name and label it was given.
        folder: what paths would be relative to.
        files: the files it reads, each with the hash of its content.
    """

    address: str
    scenario: str
    folder: str
    files: tuple[tuple[str, str], ...]


class PointMaker:
    """Makes the points of one resolved scenario: one for each allocator and seed.

    Args:
        scenario: the scenario, with all its allocators.
        folder: what its paths are relative to.
        code: digest of the code.

    Raises:
        InputError: a file it names cannot be read.
    """

    def __init__(self, scenario: Scenario, folder: Path, code: str) -> None:
        self._folder = str(folder.resolve())
        self._code = code
        data = scenario.model_dump(mode="json", exclude={"name", "description"})
        if "path" in data["channel"]:
            data["channel"]["path"] = str((folder / data["channel"]["path"]).resolve())
        contestants = data.pop("allocators")
        for place in (data, *contestants):
            _absolute(place, folder)
            resolve_profiles(place, folder)
        shared = {data["channel"]["path"]} if "path" in data["channel"] else set()
        shared |= _profiles(scenario, folder)
        self._base = data
        self._contestants = []
        for model, contestant in zip(scenario.allocators, contestants, strict=True):
            contestant["label"] = _LABEL.sub("_", model.allocator).lstrip("_.+-")[:100] or "it"
            named = shared | _profiles(model, folder)
            for place in (data, contestant):
                named |= _files_named(_references(place))
            hashes = {name: file_hash(Path(name)) for name in sorted(named)}
            self._contestants.append((contestant, hashes))

    def point(self, number: int, seed: int) -> Point:
        """Return the point of allocator ``number`` under a seed."""
        contestant, hashes = self._contestants[number]
        scenario = {**self._base, "seed": seed, "allocators": [contestant]}
        content = {
            "scenario": _with_content(scenario, hashes),
            "files": sorted(hashes.values()),
            "code": self._code,
        }
        text = json.dumps(scenario, separators=(",", ":"))
        return Point(content_hash(content), text, self._folder, tuple(sorted(hashes.items())))


def measured(scenario: Scenario, number: int) -> str | None:
    """Return the key under which the time of allocator ``number`` is measured; None if modelled."""
    model = scenario.allocators[number]
    miss = model.on_miss or scenario.on_miss
    used: dict[str, object] = {
        "compute.latency": scenario.compute.latency,
        f"allocators: {model.label}: latency": model.latency or scenario.compute.latency,
    }
    if model.latency is not None:
        del used["compute.latency"]
        if miss.fallback is not None and miss.fallback.latency is None:
            used["compute.latency"] = scenario.compute.latency
    if miss.fallback is not None and miss.fallback.latency is not None:
        used["on_miss: fallback: latency"] = miss.fallback.latency
    return next(
        (key for key, latency in used.items() if isinstance(latency, MeasuredLatency)), None
    )


def _absolute(place: dict[str, Any], folder: Path) -> None:
    """Write out the files that allocators name: beside the scenario, else in this folder."""
    for reference in _references(place):
        parameters = with_files(reference["parameters"], folder)
        reference["parameters"] = with_files(parameters, Path.cwd())


def _references(place: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the allocators that a scenario, or a contestant, names with parameters."""
    fallback = (place.get("on_miss") or {}).get("fallback")
    own = [place] if "parameters" in place else []
    return [dict_ for dict_ in (*own, fallback) if isinstance(dict_, dict)]


def _files_named(references: list[dict[str, Any]]) -> set[str]:
    """Return the absolute paths of files among parameters."""
    found: set[str] = set()

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)
        elif isinstance(value, str) and value.startswith("/") and Path(value).is_file():
            found.add(value)

    for reference in references:
        visit(reference["parameters"])
    return found


def _profiles(model: object, folder: Path) -> set[str]:
    """Return the files that any latency model in a scenario depends on."""
    found: set[str] = set()
    if isinstance(model, BaseModel):
        files = getattr(model, "files", None)
        if callable(files):
            found |= {str(path.resolve()) for path in files(folder)}
        for name in type(model).model_fields:
            if name != "allocators":
                found |= _profiles(getattr(model, name), folder)
    elif isinstance(model, list | tuple):
        for item in model:
            found |= _profiles(item, folder)
    return found


def _with_content(value: Any, hashes: Mapping[str, str]) -> Any:
    """Return JSON with every path replaced by the hash of what is there."""
    if isinstance(value, dict):
        return {key: _with_content(item, hashes) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_content(item, hashes) for item in value]
    if isinstance(value, str) and value in hashes:
        return {"sha256": hashes[value]}
    return value
