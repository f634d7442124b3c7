"""What compiled code answers, so that it can be asked twice: compiled, and as the Python it is.

With ``NUMBA_DISABLE_JIT=1``, ``interpreted.py FILE`` writes the answers of the latter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Allocators, their parameters, links and subbands: each kernel, and each branch of it.
ALLOCATORS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "best_link": ("best_link", {}, 4, 2),
    "exhaustive": ("exhaustive", {}, 4, 2),
    "wmmse": ("wmmse", {}, 9, 2),
    "fp": ("fp", {}, 5, 2),
    "multistart 4": ("multistart", {"starts": 4, "iterations": 3}, 5, 1),
    "multistart 8": ("multistart", {"starts": 8, "iterations": 3}, 5, 1),
    "multistart 16": ("multistart", {"starts": 16, "iterations": 3}, 3, 1),
    "unfolded": ("unfolded", {"model": "unfolded_s"}, 5, 1),
    "anytime": ("anytime", {"start": "best_link", "restarts": 2}, 4, 2),
    "dnn": ("dnn", {}, 10, 1),
    "dnn, several": ("dnn", {"model": ["dnn_k10", "dnn_k10"]}, 10, 1),
    "central policy": ("policy", {"model": "policy_central"}, 3, 2),
    "local policy": ("policy", {"model": "policy_local"}, 3, 2),
}

_LATENCY = {"lognormal": {"median": "1500 us", "sigma": 0.7}}
_FADING = {"model": "rayleigh", "links": 3, "subbands": 2, "doppler_hz": 30}
#: Environments: what is observed, rewarded and done with late answers.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "instant": {"channel": {**_FADING, "evolution": "gauss_markov"}},
    "local": {
        "channel": {**_FADING, "evolution": "jakes"}, "latency": _LATENCY, "reward": "local",
        "neighbours": 1, "power_scale": "db",
    },
    "skip": {
        "channel": {**_FADING, "evolution": "jakes"}, "latency": _LATENCY, "on_overrun": "skip",
    },
    "abort": {
        "channel": {**_FADING, "evolution": "jakes"}, "latency": _LATENCY, "on_overrun": "abort",
        "compute": {"release_jitter": {"exponential": "1 ms"}}, "observe": ["csi_age", "backlog"],
    },
    "late": {
        "channel": {**_FADING, "evolution": "jakes"}, "latency": _LATENCY,
        "on_overrun": "continue", "on_miss": "use_late",
    },
}  # fmt: skip


def powers(name: str) -> Iterator[Array]:
    """Yield an allocator's answers, as shares of the caps, to problems with zeros among them."""
    from sim.problem import PowerControlProblem, PowerControlSpec, sum_rate
    from sim.registry import prepare_allocator

    allocator, parameters, links, subbands = ALLOCATORS[name]
    rng = np.random.default_rng(7)
    spec = PowerControlSpec(links, subbands, np.random.default_rng(3))
    solver = prepare_allocator(allocator, parameters, spec)
    for weight in (rng.uniform(0.5, 2.0, links), np.arange(links) % 2.0):
        shape = (subbands, links)
        gain = rng.exponential(size=(*shape, links))
        noise_w, p_max_w = rng.uniform(0.05, 0.2, shape), rng.uniform(0.5, 2.0, shape)
        problem = PowerControlProblem(gain, noise_w, p_max_w, weight)
        power_w = solver.solve(problem).power_w
        yield power_w / p_max_w
        yield np.array(sum_rate(problem, power_w))


def play(name: str) -> Iterator[Array]:
    """Yield all that environments say while agents act at random."""
    from sim.env import LocalVector, PowerControlVectorEnv

    settings = dict(ENVIRONMENTS[name])
    own = settings.keys() & {"channel", "compute", "on_overrun", "on_miss"}
    scenario = {
        "slots": 40,
        "radio": {"snr_db": 10, "weights": [1.0, 2.0, 0.0]},
        "budget": {"lead": 2, "csi_ns": 100_000},
        **{key: settings.pop(key) for key in own},
    }
    rng = np.random.default_rng(5)
    several: Any
    if "neighbours" in settings:
        several, shape = LocalVector(scenario, size=2, **settings), (2, 3, 2)
    else:
        several, shape = PowerControlVectorEnv(scenario, num_envs=2, **settings), (2, 6)
    yield several.reset(seed=5)[0]
    for _ in range(45):  # an episode has 40 slots
        seen, rewards, ends, cuts, infos = several.step(
            rng.uniform(-1, 1, shape).astype(np.float32)
        )
        yield seen
        yield rewards
        yield ends | cuts
        yield from (value for value in map(np.asarray, infos.values()) if value.dtype.kind in "if")
        if isinstance(several, LocalVector) and cuts.any():  # the other one resets itself
            yield several.reset()[0]


def faults() -> Iterator[Array]:
    """Yield where the first value is that may not be."""
    from sim.env.actions import first_fault
    from sim.problem import Allocation, PowerControlProblem, check_allocation

    active = np.array([False, True])
    problem = PowerControlProblem(np.ones((2, 2)), 1.0, 1.0)
    for value in (0.5, -0.5, 1.5, np.nan):
        yield np.array(first_fault(np.array([[3.0, 0.0], [0.0, value]]), active))
        said = check_allocation(problem, Allocation(np.array([[0.0, value]]), 1))
        yield np.array(str(said))


def answers() -> dict[str, list[Array]]:
    """Return all of it, by name."""
    asked: list[tuple[str, Callable[[], Iterator[Array]]]] = [("faults", faults)]
    asked += [(name, lambda name=name: powers(name)) for name in ALLOCATORS]
    asked += [(name, lambda name=name: play(name)) for name in ENVIRONMENTS]
    return {name: list(ask()) for name, ask in asked}


def _load(lanes: int, rearranged: list[int]) -> Callable[[Array, int], Array]:
    return lambda array, at: array[at : at + lanes][rearranged]


def _store(array: Array, at: int, vector: Array) -> None:
    array[at : at + len(vector)] = vector


def _transpose4(array: Array, at: int, stride: int, to: int) -> None:
    block = np.arange(4)[:, None] * stride + np.arange(4)
    array[to + block] = array[at + block].T


def make_vectors_arrays() -> None:
    """Replace the vectors of `allocators.simd`, the one thing that numba alone can run."""
    from allocators import simd, simd_math

    lanes = range(16)
    simd.load16 = _load(16, list(lanes))
    simd.spread16 = _load(1, [0] * 16)
    simd.repeat2, simd.repeat4 = (_load(n, [i * n // 16 for i in lanes]) for n in (2, 4))
    simd.tile4, simd.tile8 = (_load(n, [i % n for i in lanes]) for n in (4, 8))
    simd.double4 = _load(4, [0, 1, 2, 3])
    simd.single = lambda vector: vector.astype(np.float32)
    simd.fill16 = lambda value: np.full(16, value, dtype=np.float32)
    simd.store = _store
    simd.transpose4 = _transpose4
    simd.maximum = lambda x, y: np.where(x > y, x, np.float32(y))
    simd.minimum = lambda x, y: np.where(x < y, x, np.float32(y))
    simd.total = np.sum
    simd_math.log1p = np.log1p
    simd_math.exp = lambda x: np.exp(np.clip(x, -87, 87))


if __name__ == "__main__":
    make_vectors_arrays()
    np.seterr(all="ignore")  # compiled code says nothing either
    found = answers()
    np.savez(sys.argv[1], **{f"{name}/{i}": a for name in found for i, a in enumerate(found[name])})
