"""A profile on disk: NAME.json to read, NAME.parquet beside it with the costs."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline import InputError, did_you_mean
from sim.deadline.call import one_line
from sim.deadline.cost import CHANCES, Cost
from sim.deadline.errors import shown
from sim.deadline.files import reason, replacing
from sim.deadline.manifest import write_json
from sim.deadline.reading import (
    check_parquet_size,
    check_regular,
    parse_json,
    read_json,
    read_whole,
)
from sim.profile.cell import Cell, CellKey
from sim.profile.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

#: Packages with shipped profiles; the entry point's name is the profile's.
GROUP = "ttirace.profiles"

_FORMAT = 2
_HOST = "(host)"
_COST = ("base_ns", "per_work_ns", "typical_ns", "least_ns")


def write_profile(profile: Profile, path: Path) -> tuple[Path, Path]:
    """Write a profile and return its two files, the JSON first.

    Args:
        profile: what was measured.
        path: where; its suffix, if any, does not matter.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow.parquet as pq

    named = _named(path)
    named.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    pq.write_table(_table(profile), buffer, compression="zstd")
    parquet = named.with_name(f"{named.name}.parquet")
    with replacing(parquet) as part:
        part.write_bytes(buffer.getvalue())
    text = named.with_name(f"{named.name}.json")
    write_json(
        text,
        {
            "format": _FORMAT,
            **profile.header,
            "parquet_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
            "cells": [
                {
                    "allocator": str(cell.key),
                    "links": cell.links,
                    "subbands": cell.subbands,
                    "samples": cell.samples,
                    "base_ns": round(cell.cost.base_ns, 1),
                    "per_work_ns": round(cell.cost.per_work_ns, 1),
                    **cell.facts,
                }
                for cell in profile.cells
            ],
        },
    )
    return text, parquet


def check_place(path: Path, overwrite: bool = False) -> None:
    """Find out whether a profile can be written, before it is measured.

    Args:
        path: as of `write_profile`.
        overwrite: whether an earlier profile may be replaced; nothing else ever is.

    Raises:
        InputError: it cannot, or there is something already.
    """
    named = _named(path)
    if not named.name:
        raise InputError(f"-o {path}: names no profile; want, say, out/mine")
    places = [named.with_name(f"{named.name}{end}") for end in (".json", ".parquet")]
    for place in places:
        if place.is_dir():
            raise InputError(f"-o {path}: {place} is a folder; name another profile")
    there = [place for place in places if place.exists()]
    if there and not _is_profile(places[0]):
        raise InputError(f"-o {path}: {there[0]} is no profile of ours; name another one")
    if there and not overwrite:
        raise InputError(f"-o {path}: holds an earlier profile; --overwrite replaces it")
    nearest = next(folder for folder in named.absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InputError(f"-o {path}: cannot be written: {error.strerror}") from None


def _is_profile(path: Path) -> bool:
    """Tell whether a file says that it is a profile; in which state it is does not matter."""
    try:
        header = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(header, dict) and "parquet_sha256" in header


def find_profile(name: str, folder: Path) -> Path:
    """Return the JSON file of a profile.

    Args:
        name: of a shipped profile, or a path: relative to ``folder``, then to the current folder;
            empty for the first shipped one.
        folder: of the scenario.

    Raises:
        InputError: there is none.
    """
    shipped = shipped_profiles()
    if not name and shipped:
        return next(iter(shipped.values()))
    for place in (folder / name, Path(name)):
        named = _named(place)
        text = named.with_name(f"{named.name}.json")
        check_regular(text, "profile")
        if text.is_file():
            return text
    if name in shipped:
        return shipped[name]
    raise InputError(
        f"profile {shown(name)}: neither a shipped one ({', '.join(shipped) or 'none'}) nor a file "
        f"NAME.json{did_you_mean(name, shipped)}; ttirace calibrate makes one"
    )


@cache  # a look at all installed packages, and asked for at every point of a study
def shipped_profiles() -> Mapping[str, Path]:
    """Return the profiles that installed packages bring, by name."""
    found = {}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        path = Path(str(resources.files(point.value))) / f"{point.name}.json"
        if path.is_file():
            found[point.name] = path
    return found


def load_profile(path: Path) -> Profile:
    """Read a profile from its JSON file.

    Raises:
        InputError: it is not there, truncated, or not a profile.
    """
    parquet = path.with_suffix(".parquet")
    try:
        stamps = tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in (path, parquet))
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from None
    return _load(path, parquet, stamps)


@lru_cache(maxsize=8)
def _load(path: Path, parquet: Path, stamps: tuple[tuple[int, int], ...]) -> Profile:
    del stamps  # a file that has changed is another one
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        header = read_json(path)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: cannot be read as a profile: not JSON (line {error.lineno}, column "
            f"{error.colno})"
        ) from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a profile: {one_line(error)}") from None
    try:
        content = read_whole(parquet)
    except OSError as error:
        raise InputError(f"{parquet}: cannot be read: {reason(error)}") from None
    if not isinstance(header, dict) or "parquet_sha256" not in header:
        raise InputError(f"{path}: is no profile; ttirace calibrate makes one")
    if not isinstance(header.get("machine", {}), dict):
        raise InputError(f"{path}: machine: {shown(header['machine'])}; want keys and values")
    if header.get("format") != _FORMAT:
        raise InputError(
            f"{path}: is in format {shown(header.get('format'))}, want {_FORMAT}; calibrate anew"
        )
    if hashlib.sha256(content).hexdigest() != header["parquet_sha256"]:
        raise InputError(
            f"{parquet}: is not the file that {path.name} was written with (truncated, or of "
            "another calibration); calibrate anew"
        )
    try:
        check_parquet_size(pq.read_metadata(io.BytesIO(content)))
        table = pq.read_table(io.BytesIO(content))
        return _profile(path.stem, header, table)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{parquet}: is no profile: {one_line(error)}") from None


def _named(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in (".json", ".parquet") else path


def _table(profile: Profile) -> pa.Table:
    import pyarrow as pa

    host = Cell(CellKey(_HOST, "{}"), 0, 0, profile.release, 0)
    cells = [*profile.cells, host]
    columns: dict[str, Any] = {
        "allocator": [cell.key.allocator for cell in cells],
        "parameters": [cell.key.parameters for cell in cells],
        "links": pa.array([cell.links for cell in cells], pa.int32()),
        "subbands": pa.array([cell.subbands for cell in cells], pa.int32()),
        "samples": pa.array([cell.samples for cell in cells], pa.int64()),
    }
    for name in _COST:
        columns[name] = [getattr(cell.cost, name) for cell in cells]
    columns["jitter"] = pa.array(
        [cell.cost.jitter.astype(np.float32) for cell in cells], pa.list_(pa.float32())
    )
    return pa.table(columns)


def _profile(name: str, header: Mapping[str, Any], table: pa.Table) -> Profile:
    facts = {(cell["allocator"], cell["links"], cell["subbands"]): cell for cell in header["cells"]}
    cells = []
    release: Cost | None = None
    for row in table.to_pylist():
        jitter = np.array(row["jitter"], dtype=np.float64)
        base, per_work, typical, least = (float(row[column]) for column in _COST)
        cost = Cost(base, per_work, typical, jitter, least)
        if jitter.shape != CHANCES.shape or not np.isfinite([*jitter, *cost_times(cost)]).all():
            raise ValueError("a cost that is not finite, or jitter of another length")
        if min(cost_times(cost)) < 0.0 or (np.diff(jitter) < 0.0).any():
            raise ValueError("a cost below zero, or jitter that falls")
        if row["allocator"] == _HOST:
            release = cost
            continue
        if not isinstance(row["allocator"], str):
            raise TypeError(f"allocator {shown(row['allocator'])}, want a name")
        key = CellKey(row["allocator"], row["parameters"])
        if not isinstance(parse_json(key.parameters), dict):
            raise ValueError(f"parameters {shown(key.parameters)}")
        size = int(row["links"]), int(row["subbands"])
        if min(size) < 1:
            raise ValueError(f"a call of {size[0]} links and {size[1]} subbands")
        found = facts.get((str(key), *size), {})
        cells.append(
            Cell(
                key,
                *size,
                cost,
                row["samples"],
                {fact: value for fact, value in found.items() if fact not in _COLUMNS},
            )
        )
    if release is None:
        raise ValueError("the host's own row is missing")
    return Profile(name, {k: v for k, v in header.items() if k != "cells"}, cells, release)


_COLUMNS = ("allocator", "links", "subbands", "samples", *_COST)


def cost_times(cost: Cost) -> tuple[float, ...]:
    """Return a cost's times, in ns."""
    return tuple(getattr(cost, name) for name in _COST)
