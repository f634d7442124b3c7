"""Which files a scenario, a study or a recipe may name: those that come with it, or were permitted.

A scenario from elsewhere is data. It names what is registered, and files below its own folder, or
below the folder in which the command was given, and what is shipped; links that lead out of there
count as outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sim.deadline.errors import InputError, shown
from sim.scenario.shipped import SHIPPED

_permitted: ContextVar[tuple[Path, ...]] = ContextVar("permitted", default=())

#: A profile is named without the ending of its files.
_ENDINGS = ("", ".json")


@contextmanager
def permitted(folders: Iterable[Path]) -> Iterator[None]:
    """Permit files below further folders for as long as this lasts."""
    token = _permitted.set((*_permitted.get(), *(folder.resolve() for folder in folders)))
    try:
        yield
    finally:
        _permitted.reset(token)


def confine(data: object, folder: Path) -> None:
    """Refuse texts that name an existing file where the text's own file has no business.

    Args:
        data: what the file says, plain values. It is not asked which of its keys name files, so
            that none can be forgotten.
        folder: what its relative paths are relative to.

    Raises:
        InputError: a text names such a file.
    """
    allowed = (folder.resolve(), Path.cwd().resolve(), SHIPPED.resolve(), *_permitted.get())
    for keys, text in _texts(data, ()):
        for base in (folder, Path.cwd()):
            for ending in _ENDINGS:
                file = _file(base, text + ending)
                if file is not None and not any(file.is_relative_to(place) for place in allowed):
                    raise InputError(
                        f"{'.'.join(keys)}: {shown(text)} lies outside of {folder}, where this "
                        f"file is, and of the current folder; `--files {file.parent}` permits it"
                    )


def _texts(value: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, item in pairs:
        yield from _texts(item, (*keys, str(key)))


def _file(base: Path, text: str) -> Path | None:
    """Return the file that a text names, all links followed; None if there is none."""
    try:
        place = base / text
        return place.resolve() if place.is_file() else None
    except (OSError, ValueError):  # no name that a file can have
        return None
