"""State of a training between two epochs, in one safetensors file: arrays, and JSON beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allocators.dnn.network import Float32Array, write_tensors
from sim.deadline.errors import InputError


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a training needs to go on as if it had not been stopped.

    Attributes:
        settings: what the training was begun with; it goes on only with the same.
        progress: numbers: epochs done, best error, time used, history.
        arrays: the network, the optimiser's moments, the best network.
    """

    settings: dict[str, Any]
    progress: dict[str, Any]
    arrays: dict[str, Float32Array]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file appears whole or not at all."""
    metadata = {
        "settings": json.dumps(checkpoint.settings),
        "progress": json.dumps(checkpoint.progress),
    }
    write_tensors(path, checkpoint.arrays, metadata)


def read_checkpoint(path: Path, settings: dict[str, Any]) -> Checkpoint | None:
    """Return the checkpoint, or None if there is none.

    Raises:
        InputError: it is damaged, or was begun with other settings.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            found = json.loads(metadata["settings"])
            progress = json.loads(metadata["progress"])
            names = list(file.keys())
            arrays = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a checkpoint; delete it to begin anew") from None
    for key, value in settings.items():
        if found.get(key) != value:
            raise InputError(
                f"{path}: that training was begun with {key} {found.get(key)}, now {value};"
                " give the same settings to go on, or delete the file to begin anew"
            )
    return Checkpoint(found, progress, arrays)
