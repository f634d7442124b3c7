"""Steps a second with an agent for each transmitter, each run in a process of its own.

    python benchmarks/bench_local.py [--repeats 5] [--seconds 3]

`vector`: steps of all environments of a `LocalVector`; `parallel`: steps of a `parallel_env`, all K
agents in one. Actions drawn beforehand, resets included. `observe`: what observing alone takes, us
an environment; `problem`: us of a call of `LocalMeasurements.of_problem`, as from an allocator.
Rayleigh fading, Gauss-Markov at 10 Hz, 0 dB, one subband, episodes of 1000 slots, five neighbours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

CODE = """
import json, sys, time
import numpy as np
from sim.env import LocalVector, parallel_env
from sim.measurements import LocalMeasurements

links, size, seconds, what = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
name, _, reward = what.partition(":")
scenario = {
    "slots": 1000, "radio": {"snr_db": 0},
    "channel": {"rayleigh": {"links": links, "evolution": "gauss_markov", "doppler": "10 Hz"}},
}
rng = np.random.default_rng(1)
actions = [rng.uniform(-1, 1, (size, links, 1)).astype(np.float32) for _ in range(8)]


def rate(act, count):
    for value in actions:
        act(value)
    done, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        for value in actions:
            act(value)
        done += len(actions) * count
    return done / took


if name == "vector":
    env = LocalVector(scenario, size=size, reward=reward)
    env.reset(seed=1)

    def act(value):
        if env.step(value)[3][0]:
            env.reset()

elif name == "parallel":
    env = parallel_env(scenario, reward=reward)
    env.reset(seed=1)

    def act(value):
        env.step(dict(zip(env.possible_agents, value[0])))
        if not env.agents:
            env.reset()

else:
    gain = rng.exponential(size=(size, 1, 1, links, links))
    power = rng.uniform(size=(size, 1, links))
    one, at = np.ones((1, links)), np.zeros(size, np.int64)
    known = LocalMeasurements(links, 1, 5, size)
    if name == "problem":
        from sim.problem import PowerControlProblem

        problem, power = PowerControlProblem(gain[0, 0], 1.0, 1.0), power[0]

        def act(value):
            known.of_problem(problem, power)

    else:

        def act(value):
            known.observe(gain, at, one, one, one[0], power, power)


print(json.dumps(rate(act, size)))
"""


def measure(links: int, size: int, seconds: float, what: str) -> float:
    """Run one measurement in a process of its own; return how many a second."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(links), str(size), str(seconds), what],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()

    def median(links: int, size: int, what: str) -> float:
        runs = [measure(links, size, options.seconds, what) for _ in range(options.repeats)]
        return statistics.median(runs)

    for reward in ("shared", "local"):
        measure(10, 1, 0.1, f"parallel:{reward}")  # compiles what is not compiled yet
    for links in (10, 30):
        for size in (1, 256):
            for reward in ("shared", "local"):
                speed = median(links, size, f"vector:{reward}")
                print(f"K = {links}: vector N = {size:3d} {reward:6s} {speed:10,.0f} steps/s")
        for reward in ("shared", "local"):
            speed = median(links, 1, f"parallel:{reward}")
            print(f"K = {links}: parallel       {reward:6s} {speed:10,.0f} steps/s")
        for what, size in (("observe", 256), ("problem", 1)):
            print(f"K = {links}: {what} {1e6 / median(links, size, what):.1f} us", flush=True)


if __name__ == "__main__":
    main()
