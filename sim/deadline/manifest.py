"""What was run, where and with what: enough to run it again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sim.deadline.files import replacing
from sim.deadline.reading import read_json


def machine() -> dict[str, Any]:
    """Describe this machine."""
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def versions(distributions: Iterable[str]) -> dict[str, str | None]:
    """Return installed versions; None where a distribution is not installed."""
    found: dict[str, str | None] = {}
    for name in distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of a checkout and whether it is changed; None outside of one.

    A folder that lies in a checkout but is none of its own, as an installed package in a virtual
    environment does, is outside.
    """
    try:
        _git(folder, "ls-files", "--error-unmatch", ".")
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def content_hash(value: object) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(path: Path, status: str, contents: Mapping[str, Any]) -> None:
    """Write a manifest whole, or not at all.

    Args:
        path: the file.
        status: ``running``, ``complete`` or ``interrupted``; a killed run stays ``running``.
        contents: what the domain has to say, JSON values.
    """
    write_json(path, make_manifest(status, contents))


def make_manifest(status: str, contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `write_manifest` writes: when, where and by which command something was made."""
    return {
        "status": status,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": typed(),
        "machine": machine(),
        **contents,
    }


def typed() -> list[str]:
    """Return the words that this process was called with."""
    return [_program(Path(sys.argv[0])), *sys.argv[1:]]


def command_line() -> str:
    """Return `typed` for what may be passed on, as a card is: of absolute paths, the names alone.

    Where else a folder lies on this machine is nobody's business, and of no use to anybody.
    """
    words = ((word, Path(word)) for word in typed())
    return shlex.join(path.name if path.is_absolute() else word for word, path in words)


def _program(path: Path) -> str:
    """Return what a command line begins with; `python -m sim` is nothing to run again as it is."""
    return "ttirace" if path.parts[-2:] == ("sim", "__main__.py") else path.name


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Return what a manifest says; nothing where there is none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: object) -> None:
    """Write JSON whole, or not at all."""
    with replacing(path) as part:
        part.write_text(json_text(value), encoding="utf-8")


def json_text(value: object) -> str:
    """Return JSON to be read by people, too. NaN is refused: readers of JSON choke on it."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=5,
    )
    return done.stdout.strip()


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the kind of processor, with family and model: virtual ones often share a name."""
    known: dict[str, str] = {}
    try:
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            known.setdefault(key.strip(), value.strip())
    except (OSError, UnicodeDecodeError):
        known = {}
    name = known.get("model name") or platform.processor() or platform.machine()
    if "cpu family" not in known or "model" not in known:
        return name
    return f"{name} (family {known['cpu family']}, model {known['model']})"
