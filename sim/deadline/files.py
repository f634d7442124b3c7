"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sim.deadline.errors import InputError


def part_path(path: Path) -> Path:
    """Return where a file is written before it gets its name.

    Its suffix is another one: what looks for files of a kind does not find it.
    """
    return path.with_name(f".{path.name}.part")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, which then takes the name ``path``: all of the file, or nothing.

    Whatever is raised, an older file of that name stays as it was.
    """
    part = part_path(path)
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):  # on top of what is wrong already
            part.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to as `replacing` does, and tell of failure as a user is told.

    Raises:
        InputError: it cannot be written; an older file of that name stays as it was.
    """
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        kept = "; the older one is untouched" if path.exists() else ""
        raise InputError(f"{path}: cannot be written: {reason(error)}{kept}") from error


def reason(error: OSError) -> str:
    """Return why a file could not be read or written; libraries put whole stories into it."""
    if error.errno:
        return os.strerror(error.errno)
    return " ".join(str(error).split()) or type(error).__name__


def check_writable(path: Path) -> None:
    """Raise InputError, before any work is done, if a file cannot be written there."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; want a file")
    part = part_path(path)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {reason(error)}") from None
