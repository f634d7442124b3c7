"""Steps a second of the environment, each run in a process of its own.

    python benchmarks/bench_env.py [--repeats 5] [--seconds 3]

`single`: `gymnasium.make(...).step`, actions drawn beforehand, resets included. `vector`: steps of
all environments of `make_vec(..., vectorization_mode="vector_entry_point")`. Rayleigh fading,
Gauss-Markov at 10 Hz, 0 dB, one subband, episodes of 1000 slots. `normals`: what drawing the fading
of a step alone takes, and so an upper bound. `start`: import, make and reset, in a new process.
`frames`: pictures of links on a map, with misses and a reference, 300 of an episode in a row: the
first (it imports matplotlib and draws all there is), the median and the longest of the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

PRELUDE = """
import json, sys, time
begin = time.perf_counter()
links, size, seconds, mode = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
import gymnasium
import numpy as np
import sim.env

scenario = {
    "slots": 1000, "radio": {"snr_db": 0},
    "channel": {"rayleigh": {"links": links, "evolution": "gauss_markov", "doppler": "10 Hz"}},
}
arguments = {"scenario": scenario}
if mode == "deadlines":
    arguments["latency"] = {"lognormal": {"median": "800 us", "sigma": 0.5}}
if size:
    env = gymnasium.make_vec("ttirace/PowerControl-v0", num_envs=size,
                             vectorization_mode="vector_entry_point", **arguments)
else:
    env = gymnasium.make("ttirace/PowerControl-v0", **arguments)
env.reset(seed=1)
took = time.perf_counter() - begin
"""

START = PRELUDE + "print(json.dumps(took))"

STEPS = (
    PRELUDE
    + """
rng = np.random.default_rng(1)
actions = [rng.uniform(-1, 1, env.action_space.shape).astype(np.float32) for _ in range(16)]
for action in actions:
    env.step(action)
env.reset(seed=1)
steps, begin = 0, time.perf_counter()
while True:
    for action in actions:
        *_, truncated, _ = env.step(action)
        if not size and truncated:
            env.reset()
    steps += len(actions)
    took = time.perf_counter() - begin
    if took > seconds and steps * max(size, 1) > 2000:
        break
print(json.dumps(steps * max(size, 1) / took))
"""
)

NORMALS = (
    PRELUDE
    + """
piece = np.empty((64, 2 * links * links))
rng = np.random.default_rng(1)
slots, begin = 0, time.perf_counter()
while (took := time.perf_counter() - begin) < seconds:
    rng.standard_normal(out=piece)
    slots += len(piece)
print(json.dumps(slots / took))
"""
)

FRAMES = """
import json, sys, time
links = int(sys.argv[1])
import gymnasium
import sim.env

scenario = {
    "slots": 300, "radio": {"snr_db": 30},
    "channel": {"geometric": {"links": links, "evolution": "gauss_markov", "doppler": "10 Hz"}},
}
env = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario, reference="max_power",
                     latency={"lognormal": {"median": "800 us", "sigma": 0.5}},
                     render_mode="rgb_array")
env.action_space.seed(1)
env.reset(seed=1)
took = []
for _ in range(300):
    begin = time.perf_counter()
    env.render()
    took.append(1e3 * (time.perf_counter() - begin))
    env.step(env.action_space.sample())
print(json.dumps([took[0], sorted(took[1:])[150], max(took[1:])]))
"""


def frames(repeats: int) -> None:
    """Print what a frame takes."""
    for links in (5, 10, 30):
        runs = [run(FRAMES, links) for _ in range(repeats)]
        first, median, longest = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"K = {links}: frames: {median:.1f} ms, first {first:.0f}, longest {longest:.0f}")


def run(code: str, *arguments: object) -> Any:
    """Run code in a process of its own and return what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def measure(code: str, links: int, size: int, seconds: float, mode: str = "plain") -> float:
    """Run one measurement in a process of its own."""
    return float(run(code, links, size, seconds, mode))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()

    def median(code: str, *arguments: object) -> float:
        runs = [measure(code, *arguments) for _ in range(options.repeats)]  # type: ignore[arg-type]
        return statistics.median(runs)

    measure(STEPS, 10, 0, 0.1)  # compiles what is not compiled yet
    measure(STEPS, 10, 0, 0.1, "deadlines")
    print(f"start: {median(START, 10, 0, 0.0):.2f} s from import to the first observation")
    for links in (10, 30):
        bound = median(NORMALS, links, 0, options.seconds / 3)
        print(f"K = {links}: normals {bound:,.0f} slots/s")
        sizes = (0, 1, 64, 1024) if links == 10 else (0, 64)
        for size in sizes:
            for mode in ("plain", "deadlines"):
                speed = median(STEPS, links, size, options.seconds, mode)
                name = f"vector N = {size}" if size else "single"
                print(f"K = {links}: {name:15s} {mode:10s} {speed:12,.0f} steps/s", flush=True)
    frames(options.repeats)


if __name__ == "__main__":
    main()
