"""One measurement of an environment, in this process: `bench_env.py` starts one for each.

    python benchmarks/env_case.py ours --links 10 --seconds 3

Prints a JSON object. Of an environment: `start_s`, from import to the first observation;
`steps_per_s`, with actions drawn beforehand and resets included, all environments of a vector
counted; `frame_ms`, pictures of an episode in a row: the first, the median, and the longest of the
others. `normals` draws what the fading of a step takes and does nothing else: an upper bound.
`observe` and `problem` are calls of `sim.measurements`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import per_second

LATENCY = {"lognormal": {"median": "800 us", "sigma": 0.5}}
FRAMES = 100


def scenario(model: str, links: int, snr_db: float) -> dict[str, Any]:
    """Return fading as slow as a walk makes it, in episodes of 1000 slots."""
    channel = {"links": links, "evolution": "gauss_markov", "doppler": "10 Hz"}
    return {"slots": 1000, "radio": {"snr_db": snr_db}, "channel": {model: channel}}


def frames_ms(env: Any) -> dict[str, float]:
    """Return what pictures take."""
    env.reset(seed=1)
    env.action_space.seed(1)
    took = []
    for _ in range(FRAMES):
        begin = time.perf_counter()
        env.render()
        took.append(1e3 * (time.perf_counter() - begin))
        env.step(env.action_space.sample())
    return {"first": took[0], "median": statistics.median(took[1:]), "longest": max(took[1:])}


def single(make: Callable[[], Any], seconds: float, frames: bool) -> dict[str, Any]:
    """Measure an environment of Gymnasium's; what it needs is imported when it is made."""
    begin = time.perf_counter()
    env = make()
    env.reset(seed=1)
    found: dict[str, Any] = {"start_s": time.perf_counter() - begin}
    if frames:
        return {**found, "frame_ms": frames_ms(env)}
    env.action_space.seed(1)
    actions = [env.action_space.sample() for _ in range(16)]

    def act(n: int) -> None:
        _, _, terminated, truncated, _ = env.step(actions[n])
        if terminated or truncated:
            env.reset()

    return {**found, "steps_per_s": per_second(act, 1, seconds)}


def ours(links: int, size: int, deadlines: bool, seconds: float, frames: bool) -> dict[str, Any]:
    """Measure `ttirace/PowerControl-v0`: one, or a native vector of ``size``."""
    arguments: dict[str, Any] = {"scenario": scenario("rayleigh", links, 0.0)}
    if frames:
        arguments = {
            "scenario": scenario("geometric", links, 30.0), "reference": "max_power",
            "render_mode": "rgb_array",
        }  # fmt: skip
    if deadlines or frames:
        arguments["latency"] = LATENCY

    def make() -> Any:
        import gymnasium

        import sim.env  # noqa: F401  (registers the environment)

        if not size:
            return gymnasium.make("ttirace/PowerControl-v0", **arguments)
        return gymnasium.make_vec(
            "ttirace/PowerControl-v0", size, vectorization_mode="vector_entry_point", **arguments
        )

    if not size:
        return single(make, seconds, frames)
    env = make()
    env.reset(seed=1)
    actions = _actions((size, links))
    return {"steps_per_s": per_second(lambda n: env.step(actions[n]), size, seconds)}


def local(links: int, size: int, reward: str, seconds: float) -> dict[str, Any]:
    """Measure `ttirace/PowerControlLocal-v0`, all K agents in a step: one, or ``size`` of them."""
    from sim.env import LocalVector, parallel_env

    where = scenario("rayleigh", links, 0.0)
    actions = _actions((max(size, 1), links, 1))
    if size:
        envs = LocalVector(where, size=size, reward=reward)
        envs.reset(seed=1)

        def act(n: int) -> None:
            if envs.step(actions[n])[3][0]:
                envs.reset()

    else:
        env = parallel_env(where, reward=reward)
        env.reset(seed=1)
        chosen = [dict(zip(env.possible_agents, action[0], strict=True)) for action in actions]

        def act(n: int) -> None:
            env.step(chosen[n])
            if not env.agents:
                env.reset()

    return {"steps_per_s": per_second(act, max(size, 1), seconds)}


def measurements(links: int, size: int, seconds: float) -> dict[str, Any]:
    """Measure observing alone: of ``size`` radios, or one problem as an allocator has it."""
    from sim.measurements import LocalMeasurements
    from sim.problem import PowerControlProblem

    rng = np.random.default_rng(1)
    radios = max(size, 1)
    gain = rng.exponential(size=(radios, 1, 1, links, links))
    power = rng.uniform(size=(radios, 1, links))
    known = LocalMeasurements(links, 1, 5, radios)
    if size:
        one, at = np.ones((1, links)), np.zeros(size, np.int64)
        speed = per_second(
            lambda _: known.observe(gain, at, one, one, one[0], power, power), size, seconds
        )
    else:
        problem = PowerControlProblem(gain[0, 0], 1.0, 1.0)
        speed = per_second(lambda _: known.of_problem(problem, power[0]), 1, seconds)
    return {"steps_per_s": speed}


def normals(links: int, seconds: float) -> dict[str, Any]:
    """Draw the normals of 64 slots at a time."""
    rng, piece = np.random.default_rng(1), np.empty((64, 2 * links * links))
    speed = per_second(lambda _: rng.standard_normal(out=piece), len(piece), seconds)
    return {"steps_per_s": speed}


def mobile_env(size: str, seconds: float, frames: bool) -> dict[str, Any]:
    """Measure mobile-env (S. Schneider et al., NOMS 2022): ``small`` or ``large``."""

    def make() -> Any:
        import gymnasium
        import mobile_env  # noqa: F401  (registers its environments)

        return gymnasium.make(f"mobile-{size}-central-v0", render_mode="rgb_array")

    return single(make, seconds, frames)


def linkgym(seconds: float) -> dict[str, Any]:
    """Measure linkgym, a link of its own defaults."""

    def make() -> Any:
        import gymnasium
        import linkgym

        return gymnasium.make(linkgym.ENV_ID)

    return single(make, seconds, frames=False)


def _actions(shape: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(16)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = ("ours", "local", "observe", "normals", "mobile-small", "mobile-large", "linkgym")
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--links", type=int, default=10)
    parser.add_argument("--size", type=int, default=0, help="Of a vector; 0: a single one.")
    parser.add_argument("--deadlines", action="store_true")
    parser.add_argument("--reward", default="local", help="Of the local one.")
    parser.add_argument("--frames", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    told = parser.parse_args()
    if told.kind == "ours":
        found = ours(told.links, told.size, told.deadlines, told.seconds, told.frames)
    elif told.kind == "local":
        found = local(told.links, told.size, told.reward, told.seconds)
    elif told.kind == "observe":
        found = measurements(told.links, told.size, told.seconds)
    elif told.kind == "normals":
        found = normals(told.links, told.seconds)
    elif told.kind == "linkgym":
        found = linkgym(told.seconds)
    else:
        found = mobile_env(told.kind.removeprefix("mobile-"), told.seconds, told.frames)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
