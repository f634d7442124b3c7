"""HDF5 files that appear whole or not at all, and whose writing fails in a way that can be told."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.deadline.files import replacing

if TYPE_CHECKING:
    import h5py


def write_hdf5(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Write an HDF5 file whole, or not at all.

    It is made in memory first: where a disk is full, the library can neither write nor close its
    file, and says so on standard error for each of its parts.

    Args:
        path: where to; an existing file is replaced.
        fill: puts into the empty file what it is to hold.

    Raises:
        OSError: it cannot be written; an older file of that name stays as it was.
    """
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        fill(file)
    with replacing(path) as part:
        part.write_bytes(made.getbuffer())
