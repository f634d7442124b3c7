"""Policies of Stable-Baselines3: the weights in its zip files, and nothing else that is in them.

Such a file holds pickles, which may do anything when they are read. They are not: the weights come
through torch's reader for weights alone, and what remains to be known stands in plain text.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allocators.policy.flat import Forward
from sim.deadline.errors import InputError, shown
from sim.deadline.reading import parse_json
from sim.observation import Float32Array

_ACTIVATIONS = {
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0.0)),
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, np.float32(0.0)))),
    "LeakyReLU": lambda x: np.where(x > 0, x, np.float32(0.01) * x),
    "Sigmoid": lambda x: np.float32(1.0) / (np.float32(1.0) + np.exp(-x)),
    "SiLU": lambda x: x / (np.float32(1.0) + np.exp(-x)),
}
_LARGEST_BYTES = 1 << 30  # of an entry that is read whole

Layer = tuple[Float32Array, Float32Array]


def read_sb3(path: Path) -> Forward:
    """Return the deterministic policy of a file that ``model.save`` of Stable-Baselines3 wrote.

    PPO, A2C, SAC, TD3 and DDPG with an ``MlpPolicy`` and continuous actions.

    Raises:
        InputError: torch is missing, not such a file, or a policy of another kind.
    """
    weights, data = _read(path)
    if any("features_extractor." in name for name in weights):
        raise InputError(f"{path}: has a features extractor of its own; want MlpPolicy")
    last: str | None
    if "mlp_extractor.policy_net.0.weight" in weights or "action_net.weight" in weights:
        if "log_std" not in weights:
            raise InputError(f"{path}: chooses among discrete actions; want one with a Box of them")
        hidden, last, default = "mlp_extractor.policy_net.", "action_net.", "Tanh"
        squash = _argument(data, "squash_output") is True  # with state-dependent exploration
    elif "actor.mu.weight" in weights:
        hidden, last, default, squash = "actor.latent_pi.", "actor.mu.", "ReLU", True
    elif "actor.mu.0.weight" in weights and "actor.latent_pi.0.weight" not in weights:
        hidden, last, default, squash = "actor.mu.", None, "ReLU", True
    else:
        raise InputError(
            f"{path}: no policy that is known here; want PPO, A2C, SAC, TD3 or DDPG with "
            "MlpPolicy, without state-dependent exploration"
        )
    layers = _layers(path, weights, hidden)
    if last is not None:
        layers.append(_layer(path, weights, last))
    run = _Layers(layers, _activation(path, data, default), squash)
    return Forward(run, layers[0][0].shape[1], len(layers[-1][1]))


@dataclass(frozen=True)
class _Layers:
    """Linear layers, one after the other.

    Attributes:
        layers: weights and biases.
        activation: by name, between them.
        squash: whether tanh comes last.
    """

    layers: list[Layer]
    activation: str
    squash: bool

    def __call__(self, seen: Float32Array) -> Float32Array:
        activation: Any = _ACTIVATIONS[self.activation]
        x = seen
        with np.errstate(over="ignore", invalid="ignore"):  # who calls looks at what comes of it
            for weight, bias in self.layers[:-1]:
                x = activation(weight @ x + bias)
            weight, bias = self.layers[-1]
            x = weight @ x + bias
            return np.tanh(x) if self.squash else x


def _read(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the weights by name, and what else the file says in plain text."""
    try:
        import torch
    except ImportError:
        raise InputError(f"{path}: needs torch: pip install 'ttirace[train]'") from None
    try:
        with zipfile.ZipFile(path) as file:
            for entry in ("policy.pth", "data"):
                if file.getinfo(entry).file_size > _LARGEST_BYTES:
                    raise InputError(f"{path}: {entry} takes more than {_LARGEST_BYTES} bytes")
            data = parse_json(file.read("data").decode("utf-8"))
            stored = io.BytesIO(file.read("policy.pth"))
        weights = torch.load(stored, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # torch's readers raise all kinds
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: not a readable file of Stable-Baselines3, as model.save() writes: {reason}"
        ) from None
    named = isinstance(weights, Mapping) and all(isinstance(name, str) for name in weights)
    if not named or not isinstance(data, dict):
        raise InputError(f"{path}: not a file of Stable-Baselines3: holds no weights by name")
    return weights, data


def _layers(path: Path, weights: Mapping[str, Any], prefix: str) -> list[Layer]:
    """Return the linear layers of a sequence, in order."""
    numbers = sorted(
        int(found[1])
        for name in weights
        if (found := re.fullmatch(re.escape(prefix) + r"(\d+)\.weight", name))
    )
    return [_layer(path, weights, f"{prefix}{number}.") for number in numbers]


def _layer(path: Path, weights: Mapping[str, Any], prefix: str) -> Layer:
    try:
        weight, bias = (
            np.ascontiguousarray(_real(weights[prefix + part]).detach().float().numpy())
            for part in ("weight", "bias")
        )
    except (KeyError, AttributeError, TypeError, RuntimeError):
        raise InputError(f"{path}: {prefix}weight, {prefix}bias: missing or no tensors") from None
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise InputError(f"{path}: {prefix}weight: shape {weight.shape}, want that of a layer")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(f"{path}: {prefix}weight: holds a value that is not finite")
    return weight, bias


def _real(tensor: Any) -> Any:
    if tensor.is_complex():
        raise TypeError
    return tensor


def _argument(data: Mapping[str, Any], name: str) -> Any:
    """Return an argument that the policy was made with, as the file has it in plain text."""
    arguments = data.get("policy_kwargs")
    return arguments.get(name) if isinstance(arguments, dict) else None


def _activation(path: Path, data: Mapping[str, Any], default: str) -> str:
    """Return the name of the activation function in the file, or of that of the algorithm."""
    text = _argument(data, "activation_fn")
    found = re.search(r"(\w+)'?>?$", text) if isinstance(text, str) else None
    name = default if found is None else found[1]
    if name not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise InputError(f"{path}: activation_fn: {shown(text)}, want one of {known}")
    return name
