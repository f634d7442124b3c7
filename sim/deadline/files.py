"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sim.deadline.errors import InputError

_TOKEN_BYTES = 4
_PART = re.compile(rf"\.(.+)\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}\.part", re.DOTALL)
_LONG_BYTES = 128
"""Some file systems take names of 143 bytes alone; those of parts are 15 longer."""


def part_path(path: Path) -> Path:
    """Return where a file is written before it gets its name: each time another place.

    So no writer gives the name to what another has only half written. The suffix is another one:
    what looks for files of a kind does not find it.
    """
    return path.with_name(f".{_head(path.name)}.{os.urandom(_TOKEN_BYTES).hex()}.part")


def unfinished(present: Iterable[str], own: Iterable[str]) -> set[str]:
    """Return the names of parts: of who is writing, or was killed as it wrote.

    Args:
        present: names in a folder.
        own: names of the files whose parts are meant.
    """
    heads = {_head(name) for name in own}
    found = ((name, _PART.fullmatch(name)) for name in present)
    return {name for name, part in found if part is not None and part[1] in heads}


def _head(name: str) -> str:
    """Return what the name of a file's part begins with; cut where that could get too long."""
    longer = 2 * _TOKEN_BYTES + 1
    return name[:-longer] if len(os.fsencode(name)) > _LONG_BYTES else name


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
