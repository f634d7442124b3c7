"""Files that are read whole: regular ones, of a size that memory has room for."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.deadline.errors import InputError, shown

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_LARGEST_FILE = 64 << 20  # bytes; what is read so takes a few hundred kilobytes
_LARGEST_TABLE = 1 << 26  # values; the longest of studies so far has fewer than a million
_DEEPEST = 100  # levels of JSON; ours has six or so


def check_regular(path: Path, key: str = "") -> None:
    """Refuse what may be waited for, or read, for ever; who opens a file says what else is wrong.

    Args:
        path: the file.
        key: that names it, for messages.

    Raises:
        InputError: it is a pipe, a socket or a device, or no file can have such a name.
    """
    where = f"{key}: " if key else ""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            name = shown(str(path))
            raise InputError(f"{where}{name}: no name that a file can have") from None
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{where}{path}: is no regular file")


def read_whole(path: Path, largest: int = _LARGEST_FILE) -> bytes:
    """Return what a file holds.

    Args:
        path: the file.
        largest: bytes that it may have.

    Raises:
        InputError: it is no regular file, or larger.
        OSError: it cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise InputError(f"{path}: larger than {largest >> 20} MiB")
    return content


def read_json(path: Path) -> Any:
    """Return what a JSON file in UTF-8 says.

    Raises:
        ValueError: it is no regular file, too large, in another encoding, or as `parse_json`.
        OSError: it cannot be read.
    """
    return parse_json(read_whole(path).decode("utf-8"))


def parse_json(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is not JSON, or nested so deeply that who goes through it would not return.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def check_parquet_size(metadata: pq.FileMetaData, largest: int = _LARGEST_TABLE) -> None:
    """Refuse a table that takes far more memory than disk: what repeats is packed to nothing.

    Args:
        metadata: of the Parquet file, from its footer.
        largest: rows and values, those inside of lists too, that it may have together.

    Raises:
        ValueError: it has more.
    """
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    values = metadata.num_rows + sum(
        group.column(index).num_values for group in groups for index in range(group.num_columns)
    )
    if values > largest:
        raise ValueError(
            f"{metadata.num_rows:,} rows, {values:,} rows and values together; "
            f"want at most {largest:,}"
        )
