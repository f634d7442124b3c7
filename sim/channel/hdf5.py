"""What h5py leaves to us: files that appear whole or not at all, damage it hangs on or dies of."""

from __future__ import annotations

import io
import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.deadline.files import replacing

if TYPE_CHECKING:
    import h5py


def write_hdf5(
    path: Path, fill: Callable[[h5py.File], None], check: Callable[[Path], None] | None = None
) -> None:
    """Write an HDF5 file whole, or not at all.

    It is made in memory first: where a disk is full, the library can neither write nor close its
    file, and says so on standard error for each of its parts.

    Args:
        path: where to; an existing file is replaced.
        fill: puts into the empty file what it is to hold.
        check: looks at the file before it takes its name; what it raises is raised.

    Raises:
        OSError: it cannot be written; an older file of that name stays as it was.
    """
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        fill(file)
    with replacing(path) as part:
        part.write_bytes(made.getbuffer())
        if check is not None:
            check(part)


#: How a global heap begins: signature, version, reserved. The length of all of it follows.
_HEAP = b"GCOL\x01\x00\x00\x00"
_HEAP_HEADER, _OBJECT_HEADER = 16, 16

#: A larger file is not looked through: that would take a second and more.
_MOST_LOOKED_THROUGH = 1 << 31


def is_endless(path: Path) -> bool:
    """Whether HDF5 would never come back from a file's strings.

    Texts of any length lie in global heaps, whose objects are gone through one after another by
    what each says of its length. Of free space of no length HDF5 (2.0.0) sees the same one for
    ever, deaf to Ctrl-C; of all other damage it says that there is some.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    if not 0 < size <= _MOST_LOOKED_THROUGH:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_HEAP)
        while start >= 0:
            if _stands_still(content, start):
                return True
            start = content.find(_HEAP, start + 1)
    return False


def _stands_still(content: mmap.mmap, start: int) -> bool:
    """Whether an object of the heap at ``start`` is free space of no length."""
    if start + _HEAP_HEADER > len(content):
        return False
    (length,) = struct.unpack_from("<Q", content, start + 8)
    end, at = min(start + length, len(content)), start + _HEAP_HEADER
    while at + _OBJECT_HEADER <= end:
        index, size = struct.unpack_from("<H6xQ", content, at)
        if index == 0 and size == 0:
            return True
        at += size if index == 0 else _OBJECT_HEADER + -(-size // 8) * 8
    return False


_CHECKSUM = 4  # bytes, behind the content of a chunk


def short_chunk(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    """Return where a chunk is that is too short to be read; None if there is none.

    Of one that is shorter than its checksum HDF5 (2.0.0) reads memory that it does not have, and
    the process dies.
    """
    if dataset.chunks is None:
        return None
    least = _CHECKSUM if dataset.fletcher32 else 1
    found: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(
        lambda chunk: found.append(chunk.chunk_offset) if chunk.size < least else None
    )
    return min(found, default=None)
