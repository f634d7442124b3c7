"""Small policies for the tests: ours, untrained, and those of others, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

import sim.env  # noqa: F401  (registers the environment)
from allocators.policy.network import ARCHITECTURE, config_of
from allocators.policy.training.learner import PolicyLearner, make_learner
from sim.deadline.models.model_file import save
from sim.env import LocalVector


def scenario(links: int = 3, **changes: Any) -> dict[str, Any]:
    return {
        "slots": 12,
        "channel": {
            "model": "rayleigh", "links": links, "evolution": "gauss_markov", "doppler_hz": 30,
        },
        "radio": {"snr_db": 10},
        **changes,
    }  # fmt: skip


def learner(kind: str, seed: int = 0, neighbours: int = 2) -> PolicyLearner:
    """Return a policy with random weights, which switches some on and some off."""
    made = make_learner(kind, 16, neighbours, np.random.default_rng(seed))
    made.parameters()["out.weight"].data *= 20.0
    if kind == "local":
        # As if trained: it begins blind to what depends on powers.
        for name, value in made.parameters().items():
            if name.endswith(".weight"):
                noise = np.random.default_rng(seed).normal(scale=0.3, size=tuple(value.shape))
                value.data += torch.from_numpy(noise.astype(np.float32))
        # Around zero for what a transmitter sees, not far off to one side.
        seen, _ = LocalVector(scenario(), size=32, neighbours=neighbours).reset(seed=seed)
        levels = made.levels(torch.from_numpy(seen.reshape(-1, seen.shape[-1])))
        made.parameters()["out.bias"].data -= levels.detach().median()
    return made


def saved(made: PolicyLearner, path: Path) -> Path:
    save(path, ARCHITECTURE, config_of(made.shape), made.tensors())
    return path


def sb3_model(name: str, links: int = 3, **settings: Any) -> Any:
    """Return a model of Stable-Baselines3, untrained."""
    import stable_baselines3

    env = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario(links), **settings)
    given = {"policy_kwargs": {"net_arch": [12, 8]}, "seed": 1, "device": "cpu"}
    return getattr(stable_baselines3, name)("MlpPolicy", env, **given)


def sb3_file(name: str, folder: Path, links: int = 3, **settings: Any) -> Path:
    path = folder / f"{name}.zip"
    sb3_model(name, links, **settings).save(path)
    return path


def onnx_file(path: Path, inputs: int, outputs: int, scale: float = 0.5) -> Path:
    """Write ``tanh(W x)`` as an ONNX file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(1).normal(size=(inputs, outputs), scale=scale)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["seen", "weight"], ["level"]),
            helper.make_node("Tanh", ["level"], ["action"]),
        ],
        "policy",
        [helper.make_tensor_value_info("seen", TensorProto.FLOAT, [1, inputs])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(weight.astype(np.float32), "weight")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path
