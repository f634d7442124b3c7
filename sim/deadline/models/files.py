"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.deadline.errors import InputError


def part_path(path: Path) -> Path:
    """Return where a file is written before it gets its name."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which then takes the name ``path``: all of the file, or nothing.

    Raises:
        InputError: it cannot be written; an older file of that name stays as it was.
    """
    part = part_path(path)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        kept = "; the older one is untouched" if path.exists() else ""
        raise InputError(f"{path}: cannot be written: {error.strerror or error}{kept}") from None


def check_writable(path: Path) -> None:
    """Raise InputError, before any work is done, if a file cannot be written there."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; want a file")
    part = part_path(path)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
