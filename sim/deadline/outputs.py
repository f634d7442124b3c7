"""Files that a command is told to write: none that it reads, none twice, none unasked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from sim.deadline.errors import InputError
from sim.deadline.files import check_writable, reason


class Output(NamedTuple):
    """A file to write.

    Attributes:
        option: that names it.
        path: the file; None if the option was not given.
        suffix: its name has to end so, that no file of another kind is taken for it.
    """

    option: str
    path: Path | None
    suffix: str


def check_outputs(
    outputs: Sequence[Output], inputs: Iterable[str | Path], overwrite: bool = False
) -> None:
    """Find out, before any work is done, whether files can be written; make their folders.

    Args:
        outputs: the files.
        inputs: what the command reads, as it was given; names that are no files do no harm.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: one has another suffix, is an input, is there already or cannot be written; two
            are the same.
    """
    given = [(output.option, output.path, output.suffix) for output in outputs if output.path]
    read = [Path(entry) for entry in inputs]
    for option, path, suffix in given:
        if any(_same(path, entry) for entry in read):
            raise InputError(f"{option}: {path} is read for this; take another name")
        if path.suffix != suffix:
            raise InputError(f"{option}: {path}, want a name that ends in {suffix}")
    for (option, path, _), (other, second, _) in combinations(given, 2):
        if _same(path, second):
            raise InputError(f"{option}, {other}: {path} and {second} are one file; name two")
    for option, path, _ in given:
        if path.exists() and not overwrite:
            raise InputError(f"{option}: {path} is there already; --overwrite replaces it")
        make_folder(option, path.parent)
        check_writable(path)


def make_folder(option: str, path: Path) -> None:
    """Make a folder, if it is not there, with those above it.

    Raises:
        InputError: there is a file in its place, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option}: {path} is no folder, or below a file") from None
    except OSError as error:
        raise InputError(f"{option}: {path} cannot be made: {reason(error)}") from None


def make_room_for_trace(path: Path) -> None:
    """Make the folder of a trace (`sim.deadline.trace_events`); no file but a trace gives way.

    Raises:
        InputError: there is another file, or no folder can be made.
    """
    if not path.name.endswith((".json", ".json.gz")):
        return  # `check_trace` says what it wants
    if path.is_file() and not _begin(path).startswith(b'{"displayTimeUnit"'):
        raise InputError(f"--trace: {path} is there already and no trace; take another name")
    make_folder("--trace", path.parent)


def _begin(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked if it was packed; none if it cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(80)
    except (OSError, EOFError, zlib.error):
        return b""


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError, ValueError):  # no file, or no name that one can have
        return path.samefile(other)
    return path.absolute() == other.absolute()
