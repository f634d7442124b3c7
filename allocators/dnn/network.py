"""The emulator's network as plain arrays: its shape, its file and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError, did_you_mean

HIDDEN = (200, 80, 80)
"""Width of the hidden layers (Sun et al. 2018, Section V)."""

WEIGHTS = Path(__file__).parent.parent / "weights"

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A multilayer perceptron; layer ``i`` maps x to ``weight[i] @ x + bias[i]``.

    Attributes:
        weight: one ``(out, in)`` array a layer, float32.
        bias: one ``(out,)`` array a layer, float32.
    """

    weight: tuple[Float32Array, ...]
    bias: tuple[Float32Array, ...]

    @property
    def links(self) -> int:
        """K, the number of links it was made for: one output each."""
        return int(self.bias[-1].shape[0])

    def tensors(self) -> dict[str, Float32Array]:
        """Return the arrays under the names they have in the file."""
        named: dict[str, Float32Array] = {}
        for i, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            named[f"layers.{i}.weight"] = weight
            named[f"layers.{i}.bias"] = bias
        return named

    def packed(self) -> Float32Array:
        """Return every layer's transposed weight, then its bias, end to end in one flat array.

        One array costs one argument to the compiled code, and the transposed order lets it run
        along memory while it adds up one input after another.
        """
        parts = [
            part
            for weight, bias in zip(self.weight, self.bias, strict=True)
            for part in (weight.T.ravel(), bias)
        ]
        flat = aligned_zeros(sum(part.size for part in parts))
        np.concatenate(parts, out=flat)
        return flat


def aligned_zeros(size: int) -> Float32Array:
    """Return zeros that begin on a cache line: a tenth of the answer's time at K = 30."""
    line = 64
    room = np.zeros(size + line // 4, dtype=np.float32)
    start = -room.ctypes.data % line // 4
    return room[start : start + size]


def layer_sizes(links: int) -> tuple[int, ...]:
    """Return the widths from input to output: K*K, 200, 80, 80, K."""
    return (links * links, *HIDDEN, links)


def shipped_networks() -> list[str]:
    """Names of the networks that come with the package."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def weights_file(model: str) -> Path:
    """Return the file of a shipped network's name, or of a path to a ``.safetensors`` file.

    Raises:
        InputError: there is no such network or file.
    """
    if not model.endswith(".safetensors"):
        known = shipped_networks()
        if model not in known:
            raise InputError(
                f"model: no network {model!r} is shipped{did_you_mean(model, known)}"
                " (or give a path that ends in .safetensors)"
            )
        return WEIGHTS / f"{model}.safetensors"
    path = Path(model)
    if not path.is_file():
        raise InputError(f"model: no such file: {model}")
    return path


def load(path: Path) -> Network:
    """Read a network.

    Raises:
        InputError: not a safetensors file, cut short, a tensor missing or too many, a wrong shape
            or type, a value that is not finite.
    """
    from safetensors import SafetensorError, safe_open

    tensors: dict[str, Float32Array] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is not a mapping
                tensors[name] = file.get_tensor(name)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable safetensors file: {reason}") from None
    return _checked(path, tensors)


def _checked(path: Path, tensors: dict[str, Float32Array]) -> Network:
    depth = len(HIDDEN) + 1
    expected = {f"layers.{i}.{part}" for i in range(depth) for part in ("weight", "bias")}
    for problem, names in (("no", expected - set(tensors)), ("unknown", set(tensors) - expected)):
        if names:
            raise InputError(
                f"{path}: {problem} tensor {min(names)!r}; want layers.0 to layers.{depth - 1},"
                " each .weight and .bias"
            )
    links = tensors[f"layers.{depth - 1}.bias"].size
    sizes = layer_sizes(links)
    weights: list[Float32Array] = []
    biases: list[Float32Array] = []
    for i in range(depth):
        for part, shape, to in (
            ("weight", (sizes[i + 1], sizes[i]), weights),
            ("bias", (sizes[i + 1],), biases),
        ):
            name = f"layers.{i}.{part}"
            array = tensors[name]
            if array.shape != shape:
                raise InputError(
                    f"{path}: {name}: shape {array.shape}, want {shape} for {links} links"
                )
            if array.dtype != np.float32:
                raise InputError(f"{path}: {name}: type {array.dtype}, want float32")
            if not np.all(np.isfinite(array)):
                raise InputError(f"{path}: {name}: holds a value that is not finite")
            to.append(array)
    return Network(tuple(weights), tuple(biases))


def save(path: Path, network: Network) -> None:
    """Write a network; the file appears whole or not at all."""
    write_tensors(path, network.tensors(), {})


def write_tensors(path: Path, tensors: dict[str, Float32Array], metadata: dict[str, str]) -> None:
    """Write a safetensors file; it appears whole or not at all."""
    from safetensors.numpy import save as to_bytes

    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(to_bytes(contiguous, metadata or None))
    part.replace(path)
