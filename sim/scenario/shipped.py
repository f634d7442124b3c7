"""The scenarios and studies that come with the package, by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sim
from sim.deadline.errors import did_you_mean

_INSTALLED = Path(sim.__file__).parent / "scenarios"
_CHECKOUT = Path(sim.__file__).parents[1] / "scenarios"

#: Where they are: in an installed package, or in the source tree.
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def shipped_scenarios() -> dict[str, Path]:
    """Return the files of the shipped scenarios, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def shipped_studies() -> dict[str, Path]:
    """Return the files of the shipped studies, by name."""
    return {path.stem: path for path in sorted((SHIPPED / "studies").glob("*.yaml"))}


def find_shipped(given: Path, folder: Path = Path()) -> Path:
    """Return the file that a path means, or else the shipped scenario or study of that name.

    Args:
        given: path, or name of a shipped one; a file of that name goes first.
        folder: what the path is relative to.
    """
    path = folder / given
    if path.is_file() or given.name != str(given):
        return path
    return (shipped_studies() | shipped_scenarios()).get(given.name, path)


def name_of(path: Path) -> str:
    """Return how a command names a file: a shipped one by its name."""
    return path.stem if path in (shipped_scenarios() | shipped_studies()).values() else str(path)


def like_shipped(path: Path) -> str:
    """Return ``'; did you mean X?'`` for a path that is nearly the name of a shipped file."""
    if path.suffix or path.name != str(path):
        return ""
    hint = did_you_mean(path.name, shipped_scenarios() | shipped_studies())
    return hint if hint.startswith("; did you mean") else ""


def files_of(shipped: Path) -> Iterator[Path]:
    """Yield a shipped file and the shipped files that it names, such as a trace.

    Args:
        shipped: the file of a scenario or a study.
    """
    from sim.scenario.text import read

    yield shipped
    for text in _texts(read(shipped, "a scenario")):
        named = shipped.parent / text
        if "\n" not in text and named.is_file():
            yield named


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
