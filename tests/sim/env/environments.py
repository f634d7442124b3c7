"""Small environments for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import sim.env
from sim.channel import write_trace
from sim.env import PowerControlEnv

ID = "ttirace/PowerControl-v0"

#: Three links on two subbands, slots of 1 ms, a budget with all its items.
SMALL: Mapping[str, Any] = {
    "slots": 20,
    "channel": {
        "model": "rayleigh", "links": 3, "subbands": 2, "evolution": "gauss_markov",
        "doppler_hz": 30,
    },
    "radio": {"snr_db": 10, "weights": [1.0, 2.0, 0.5]},
    "budget": {"lead": 2, "csi_ns": 100_000, "control_ns": 50_000},
}  # fmt: skip

#: A latency of which some answers make it, and some do not.
ON_THE_EDGE: Mapping[str, Any] = {"lognormal": {"median": "1500 us", "sigma": 0.7}}


def made(scenario: Any = SMALL, **arguments: Any) -> PowerControlEnv:
    """Return an environment as `gymnasium.make` makes it."""
    assert sim.env.PowerControlEnv
    env = gymnasium.make(ID, scenario=scenario, **arguments).unwrapped
    assert isinstance(env, PowerControlEnv)
    return env


def changed(**changes: Any) -> dict[str, Any]:
    """Return the small scenario, changed."""
    return {**SMALL, **changes}


def trajectory(env: Any, steps: int, seed: int = 5, reset: bool = True) -> list[Any]:
    """Return all that an environment says while it is acted on at random."""
    rng = np.random.default_rng(seed)
    said: list[Any] = [env.reset(seed=seed)] if reset else []
    for _ in range(steps):
        said.append(env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)))
    return said


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, to the bit and to the type."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == object:
            return all(map(equal, one.flat, other.flat))
        return bool(np.array_equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def made_trace(folder: Path, samples: int, links: int = 3) -> Path:
    """Write a trace whose gain (0, 0) is the number of the sample plus one."""
    gain = np.random.default_rng(1).exponential(size=(samples, 1, links, links))
    gain[:, 0, 0, 0] = np.arange(samples) + 1.0
    path = folder / f"{samples}.h5"
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    return path


def trace_scenario(path: Path, **changes: Any) -> dict[str, Any]:
    """Return a scenario of a recorded channel."""
    return {"channel": {"trace": str(path)}, "radio": {"snr_db": 0}, **changes}
