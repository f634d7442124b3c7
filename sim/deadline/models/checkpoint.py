"""State of a training between two intervals, in one safetensors file: arrays, and JSON beside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sim.deadline.errors import InputError, shown
from sim.deadline.models.tensors import read_tensors, write_tensors
from sim.deadline.reading import parse_json

_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a training needs to go on as if it had not been stopped.

    Attributes:
        settings: what the training was begun with; it goes on only with the same.
        progress: numbers: steps done, best share, time used, history.
        arrays: the parameters, the optimiser's memory, the best weights.
    """

    settings: dict[str, Any]
    progress: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written; the checkpoint before it stays.
    """
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
    if not path.exists():
        return None
    try:
        metadata, arrays = read_tensors(path)
        found = parse_json(metadata["settings"])
        progress = parse_json(metadata["progress"])
    except (ValueError, KeyError):
        raise InputError(f"{path}: not a checkpoint; delete it to begin anew") from None
    # As JSON keeps them: tuples are lists there.
    difference = _difference(found, json.loads(json.dumps(settings)))
    if difference is not None:
        key, before, now = difference
        raise InputError(
            f"{path}: that training was begun with {key} {before}, now {now};"
            " give the same settings to go on, or delete the file to begin anew"
        )
    return Checkpoint(found, progress, arrays)


def _difference(before: Any, now: Any, key: str = "") -> tuple[str, str, str] | None:
    """Return the first key that differs, and both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*now, *(name for name in before if name not in now)]:
            inner = f"{key}.{name}" if key else name
            found = _difference(before.get(name, _NOTHING), now.get(name, _NOTHING), inner)
            if found is not None:
                return found
        return None
    if before == now:
        return None
    texts = ("nothing" if value is _NOTHING else shown(value) for value in (before, now))
    return (key, *texts)  # type: ignore[return-value]
