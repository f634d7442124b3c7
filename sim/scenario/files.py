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

#: What is read is more than what is named: of a profile, which may be named without an ending, and
#: of weights with their card, the file beside it too.
_ENDINGS = (".json", ".parquet")
_OF_TWO_FILES = (*_ENDINGS, ".safetensors")


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
            for name in _read_for(text):
                file = named_file(base, name)
                if file is not None and not any(file.is_relative_to(place) for place in allowed):
                    beside = "" if name == text else f": {Path(name).name}"
                    raise InputError(
                        f"{'.'.join(keys)}: {shown(text)}{beside} lies outside of {folder}, where "
                        f"this file is, and of the current folder; `--files {file.parent}` permits "
                        "it"
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


def _read_for(text: str) -> Iterator[str]:
    """Yield the names of all files that may be read where a text names one."""
    yield text
    stem, dot, last = text.rpartition(".")
    ended = f"{dot}{last}" in _OF_TWO_FILES
    yield from ((stem if ended else text) + ending for ending in _ENDINGS)


def named_file(base: Path, text: str) -> Path | None:
    """Return the file that a text names, all links followed; None if there is none."""
    try:
        place = base / text
        return place.resolve() if place.is_file() else None
    except (OSError, ValueError):  # no name that a file can have
        return None
