"""A network's weights on disk: one reader and writer for every architecture.

A model is ``NAME.safetensors``, whose metadata name the architecture and say how to build it, and
beside it the card ``NAME.json``, which holds the checksum of the weights. A tensor is kept in
single precision, in half, or in 8 bits: whole numbers, and in ``TENSOR.step`` what one is worth,
for each index of the first axis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from sim.deadline.files import whole_file
from sim.deadline.manifest import json_text
from sim.deadline.models.tensors import read_tensors, write_tensors
from sim.deadline.reading import check_regular, parse_json, read_json

Float32Array = NDArray[np.float32]

#: A package's folder of shipped models.
_SHIPPED = "weights"

_STEP = ".step"

_MOST = 127
"""Whole numbers of 8 bits are as large, with either sign."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a file of weights holds.

    Attributes:
        path: the file.
        config: what the architecture needs to build the network again.
        tensors: its weights, all finite; float32, whatever the file keeps.
        in_8_bits: names of those that the file keeps in 8 bits.
    """

    path: Path
    config: dict[str, Any]
    tensors: dict[str, Float32Array]
    in_8_bits: frozenset[str] = frozenset()

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Compare the tensors with those that the architecture wants.

        Raises:
            InputError: one is missing, one too many, or one has another shape.
        """
        for problem, names in (
            ("no", set(shapes) - set(self.tensors)),
            ("unknown", set(self.tensors) - set(shapes)),
        ):
            if names:
                known = f"{min(shapes)} to {max(shapes)}"
                raise InputError(f"{self.path}: {problem} tensor {min(names)!r}; want {known}")
        for name, shape in shapes.items():
            if self.tensors[name].shape != shape:
                found = self.tensors[name].shape
                raise InputError(f"{self.path}: {name}: shape {found}, want {shape}")

    def size(self, key: str, most: int = 100_000) -> int:
        """Return a size in the config.

        Raises:
            InputError: it is not there, or not a whole number between 1 and ``most``.
        """
        value = self.config.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InputError(f"{self.path}: config: {key}: {value!r}, want 1 to {most}")
        return value


def architecture_of(path: Path) -> str:
    """Return the architecture that a file of weights names.

    Raises:
        InputError: not a readable safetensors file, or it names none.
    """
    return _architecture(path, read_tensors(path, tensors=False)[0])


def load(path: Path, architecture: str) -> ModelFile:
    """Read a model of the given architecture.

    Raises:
        InputError: not a safetensors file, cut short, another architecture, another checksum than
            its card states, a tensor that is neither float32, float16 nor int8 with its steps,
            or that holds a value that is not finite.
    """
    check_card(path)
    metadata, tensors = read_tensors(path)
    found = _architecture(path, metadata)
    if found != architecture:
        raise InputError(f"{path}: holds weights of {found!r}, want {architecture!r}")
    try:
        config = parse_json(metadata["config"])
    except (KeyError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise InputError(f"{path}: its metadata hold no config")
    steps = {
        name: tensors.pop(name + _STEP, None)
        for name in [name for name, array in tensors.items() if array.dtype == np.int8]
    }
    whole: dict[str, Float32Array] = {}
    for name, array in tensors.items():
        if array.dtype not in (np.float32, np.float16, np.int8):
            raise InputError(f"{path}: {name}: type {array.dtype}, want float32, float16 or int8")
        whole[name] = array.astype(np.float32)
        if name in steps:
            whole[name] = _of_steps(path, name, whole[name], steps[name])
        if not np.all(np.isfinite(whole[name])):
            raise InputError(f"{path}: {name}: holds a value that is not finite")
    return ModelFile(path, config, whole, frozenset(steps))


def _of_steps(
    path: Path, name: str, numbers: Float32Array, steps: NDArray[Any] | None
) -> Float32Array:
    """Return what 8 bits stand for."""
    if steps is None or steps.dtype != np.float32 or steps.shape != numbers.shape[:1]:
        raise InputError(
            f"{path}: {name}: 8 bits, and no {name + _STEP} in float32, shape {numbers.shape[:1]}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # of a damaged file; it is looked at next
        found: Float32Array = numbers * steps.reshape(-1, *[1] * (numbers.ndim - 1))
    return found


def save(
    path: Path,
    architecture: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, NDArray[np.floating]],
    in_8_bits: Collection[str] = (),
) -> None:
    """Write a model; the file appears whole or not at all.

    Args:
        path: of the file.
        architecture: what it is for.
        config: what the architecture needs to build the network again.
        tensors: all finite.
        in_8_bits: names of those that are rounded to 8 bits, each part along the first axis to 127
            steps of its own.

    Raises:
        InputError: it cannot be written.
    """
    metadata = {"architecture": architecture, "config": json.dumps(config)}
    kept: dict[str, NDArray[Any]] = dict(tensors)
    for name in in_8_bits:
        array = kept[name].astype(np.float32)
        parts = array.reshape(len(array), -1)
        steps = np.abs(parts).max(axis=1) / np.float32(_MOST)
        steps[steps < np.finfo(np.float32).tiny] = 1.0  # as good as 0, all of it
        kept[name] = np.rint(parts / steps[:, None]).astype(np.int8).reshape(array.shape)
        kept[name + _STEP] = steps
    write_tensors(path, kept, metadata)


def write_card(path: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the card beside the weights ``path``, with their checksum; return it.

    Raises:
        InputError: it cannot be written.
    """
    whole = {**card, "sha256": checksum(path)}
    text = json_text(whole)
    with whole_file(card_path(path)) as part:
        part.write_text(text, encoding="utf-8")
    return whole


def card_path(path: Path) -> Path:
    """Return where the card of the weights ``path`` is."""
    return path.with_suffix(".json")


def checksum(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_card(path: Path) -> None:
    """Compare the weights ``path`` with their card, if there is one; the shipped ones need one.

    Raises:
        InputError: no card where there must be one, not a card, it states another checksum, or
            the weights cannot be read.
    """
    check_regular(path)
    card = card_path(path)
    try:
        stated = read_json(card)["sha256"]
    except FileNotFoundError:
        if path.parent.name == _SHIPPED:
            raise InputError(f"{card}: missing; shipped weights come with their card") from None
        return
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{card}: not a model card: no sha256 of {path.name} in it") from None
    try:
        found = checksum(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if stated != found:
        raise InputError(
            f"{path}: checksum {found[:12]}..., but its card states {str(stated)[:12]}...:"
            " the weights were changed or damaged; restore them (or move the card away)"
        )


def _architecture(path: Path, metadata: Mapping[str, str]) -> str:
    if "architecture" not in metadata:
        raise InputError(f"{path}: its metadata name no architecture; not a model of ttirace")
    return metadata["architecture"]
