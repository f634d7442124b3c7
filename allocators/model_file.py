"""Weights on disk: one reader and writer for every architecture.

A model is ``NAME.safetensors``, whose metadata name the architecture and say how to build it, and
beside it the card ``NAME.json``, which holds the checksum of the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.manifest import json_text

Float32Array = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"
"""Where the shipped models are."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a file of weights holds.

    Attributes:
        path: the file.
        config: what the architecture needs to build the network again.
        tensors: its weights, float32, all finite.
    """

    path: Path
    config: dict[str, Any]
    tensors: dict[str, Float32Array]

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


def shipped_models(architecture: str | None = None) -> list[str]:
    """Names of the models that come with the package: all, or those of one architecture."""
    prefix = "" if architecture is None else f"{architecture}_"
    return sorted(path.stem for path in WEIGHTS.glob(f"{prefix}*.safetensors"))


def weights_file(
    model: str, architecture: str | None = None, suffixes: Sequence[str] = (".safetensors",)
) -> Path:
    """Return the file of a shipped model's name, or of a path to a ``.safetensors`` file.

    Args:
        model: name or path.
        architecture: whose names to take; all if not given.
        suffixes: of all files that would do, for the message.

    Raises:
        InputError: there is no such model or file.
    """
    if not model.endswith(".safetensors"):
        known = shipped_models(architecture)
        if model not in known:
            raise InputError(
                f"model: no network {model!r} is shipped{did_you_mean(model, known)}"
                f" (or give a path that ends in {' or '.join(suffixes)})"
            )
        return WEIGHTS / f"{model}.safetensors"
    path = Path(model)
    if not path.is_file():
        problem = "not a file" if path.exists() else "no such file"
        raise InputError(f"model: {problem}: {model}")
    return path


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
            its card states, a tensor that is not float32 or holds a value that is not finite.
    """
    check_card(path)
    metadata, tensors = read_tensors(path)
    found = _architecture(path, metadata)
    if found != architecture:
        raise InputError(f"{path}: holds weights of {found!r}, want {architecture!r}")
    try:
        config = json.loads(metadata["config"])
    except (KeyError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise InputError(f"{path}: its metadata hold no config")
    for name, array in tensors.items():
        if array.dtype != np.float32:
            raise InputError(f"{path}: {name}: type {array.dtype}, want float32")
        if not np.all(np.isfinite(array)):
            raise InputError(f"{path}: {name}: holds a value that is not finite")
    return ModelFile(path, config, tensors)


def save(
    path: Path, architecture: str, config: Mapping[str, Any], tensors: Mapping[str, Float32Array]
) -> None:
    """Write a model; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    metadata = {"architecture": architecture, "config": json.dumps(config)}
    write_tensors(path, tensors, metadata)


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
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_card(path: Path) -> None:
    """Compare the weights ``path`` with their card, if there is one; the shipped ones need one.

    Raises:
        InputError: no card where there must be one, not a card, it states another checksum, or
            the weights cannot be read.
    """
    card = card_path(path)
    try:
        stated = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError:
        if path.parent == WEIGHTS:
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


def part_path(path: Path) -> Path:
    """Return where a file is written before it gets its name."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which then takes the name ``path``: all of the file, or nothing.

    Raises:
        InputError: it cannot be written; an older file of that name stays as it was.
    """
    part = part_path(path)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        kept = "; the older one is untouched" if path.exists() else ""
        raise InputError(f"{path}: cannot be written: {error.strerror or error}{kept}") from None


def read_tensors(
    path: Path, tensors: bool = True
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Return a safetensors file's metadata, and its tensors unless they are not wanted.

    Raises:
        InputError: not a readable safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys()) if tensors else []
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, TypeError, ValueError, AttributeError) as error:
        # also of a number format that numpy does not have
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable safetensors file: {reason}") from None


def _architecture(path: Path, metadata: Mapping[str, str]) -> str:
    if "architecture" not in metadata:
        raise InputError(f"{path}: its metadata name no architecture; not a model of ttirace")
    return metadata["architecture"]
