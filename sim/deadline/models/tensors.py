"""Arrays by name in a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from sim.deadline.files import whole_file
from sim.deadline.reading import check_regular


def write_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file; it appears whole or not at all, the same bytes for the same values.

    Raises:
        InputError: it cannot be written; an older file of that name stays as it was.
    """
    from safetensors.numpy import save as to_bytes

    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    content = _with_sorted_header(to_bytes(contiguous, dict(metadata) or None))
    with whole_file(path) as part:
        part.write_bytes(content)


def _with_sorted_header(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in order; the library's order is by chance."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(dict(sorted(header.items())), separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begin on a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[start:]


def read_tensors(
    path: Path, tensors: bool = True
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Return a safetensors file's metadata, and its tensors unless they are not wanted.

    Raises:
        InputError: not a readable safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys()) if tensors else []
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, TypeError, ValueError, AttributeError) as error:
        # also of a number format that numpy does not have
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable safetensors file: {reason}") from None
