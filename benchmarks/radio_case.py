"""One measurement of the radio, in this process: `side_by_side.py` starts one for each.

    python benchmarks/radio_case.py wmmse --backend python --links 10 --seconds 3

Prints a JSON object. `wmmse` solves Rayleigh channels at 0 dB, one at a time, through the public
`solve`; `python` is the algorithm as papers run and time it, interpreted loops over links, from the
same start to the same tolerance. `slots` races an allocator over i.i.d. Rayleigh channels, with the
full log; `simpy` is the same race as one would write it plainly on SimPy. `rates` takes K powers to
K rates, gains known; `crrm` does it with CRRM.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from measure import per_second

SAME = 20  # instances that every backend solves, however long it takes
SLOT_NS, CSI_NS, DEADLINE_NS = 1_000_000, 100_000, 900_000
MEDIAN_NS, SIGMA = 500_000, 0.5  # of a call


def wmmse(backend: str, links: int, seconds: float) -> dict[str, Any]:
    """Solve instance after instance; what is reached is told of the first ones, which all solve."""
    from allocators.wmmse import WMMSE
    from sim.problem import PowerControlProblem, PowerControlSpec, sum_rate

    rng = np.random.default_rng([1, links])
    gains = rng.exponential(size=(256, 1, links, links))
    problems = [PowerControlProblem(gain, 1.0, 1.0) for gain in gains]
    solver = WMMSE(backend=backend)
    solver.prepare(PowerControlSpec(links, 1, np.random.default_rng(0)))
    solver.solve(problems[0])
    answers = [(problem, solver.solve(problem)) for problem in problems[:SAME]]
    taken: list[int] = []
    begin = time.perf_counter()
    while len(taken) < SAME or time.perf_counter() - begin < seconds:
        problem = problems[len(taken) % len(problems)]
        start = time.perf_counter_ns()
        solver.solve(problem)
        taken.append(time.perf_counter_ns() - start)
    return {
        "us": statistics.median(taken) / 1e3,
        "sum_rate_bps_hz": float(np.mean([sum_rate(p, a.power_w) for p, a in answers])),
        "iterations": float(np.mean([a.work for _, a in answers])),
    }


def slots(
    allocator: str, links: int, count: int, latency: str, memory: bool = False
) -> dict[str, Any]:
    """Race an allocator; ``memory``: summarise and plot it as well, for their peak."""
    import resource
    import tempfile
    from pathlib import Path

    import yaml

    from sim.race import load_race
    from sim.scenario import load_scenario

    def peak_mib() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    compute: dict[str, Any] = {"latency": latency}
    if latency == "lognormal":
        compute = {"latency": {"lognormal": {"median": f"{MEDIAN_NS} ns", "sigma": SIGMA}}}
    scenario = {
        "slots": count,
        "slot": f"{SLOT_NS} ns",
        "channel": {"model": "rayleigh", "links": links},
        "radio": {"snr_db": 0},
        "budget": {"csi": f"{CSI_NS} ns", "control": f"{SLOT_NS - DEADLINE_NS} ns"},
        "compute": compute,
        "on_overrun": "abort",
        "allocators": [allocator],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "bench.yaml"
        path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        race = load_race(load_scenario(path), path)
        begin = time.perf_counter()
        contestants = race.run(folder / "log")
        took = time.perf_counter() - begin
        found = {"slots_per_s": count / took, "peak_mib": peak_mib()}
        from sim.result import summarize

        summary = summarize(race, contestants)
        found["missed"] = summary["allocators"][0]["miss_ratio"]
        if memory:
            from sim.plots import plot_race

            plot_race(race, contestants, summary, folder / "plots")
            found["report_peak_mib"] = peak_mib()
    return found


def plain_simpy(links: int, count: int) -> dict[str, Any]:
    """The same race, full power held: a process a job, a server, rates in numpy, a log in memory.

    Channels and latencies are drawn many at a time, as one would who wants it fast.
    """
    import simpy

    env, rng, block = simpy.Environment(), np.random.default_rng(1), 1024
    server = simpy.Resource(env)
    power = np.ones(links)
    log: list[tuple[int, int, int, int, bool]] = []
    rates = np.zeros((count, 2))  # of the answer itself, and of what is in force
    delivered: dict[int, np.ndarray] = {}

    def channels() -> Iterator[np.ndarray]:
        while True:
            yield from rng.exponential(size=(block, links, links))

    def service() -> Iterator[int]:
        while True:
            yield from (MEDIAN_NS * rng.lognormal(0.0, SIGMA, block)).astype(int).tolist()

    def sum_rate(gain: np.ndarray, power: np.ndarray) -> float:
        signal = gain.diagonal() * power
        return float(np.log2(1.0 + signal / (gain @ power - signal + 1.0)).sum())

    service_ns = service()

    def job(slot: int) -> Iterator[simpy.Event]:
        due = env.now + DEADLINE_NS
        yield env.timeout(CSI_NS)
        release = env.now
        with server.request() as turn:
            yield turn
            begin, needs = env.now, next(service_ns)
            yield env.timeout(min(needs, due - begin))
            met = begin + needs <= due
            if met:
                delivered[slot] = power
            log.append((slot, release, begin, env.now, met))

    def controller() -> Iterator[simpy.Event]:
        in_force, gains = power, channels()
        for slot in range(count):
            gain = next(gains)
            in_force = delivered.pop(slot - 1, in_force)
            rates[slot] = sum_rate(gain, power), sum_rate(gain, in_force)
            env.process(job(slot))
            yield env.timeout(SLOT_NS)

    begin = time.perf_counter()
    env.process(controller())
    env.run()
    took = time.perf_counter() - begin
    return {"slots_per_s": count / took, "missed": sum(not row[-1] for row in log) / count}


def our_rates(links: int, seconds: float) -> dict[str, Any]:
    """Take powers to rates of links, in float64, one problem at a time."""
    from sim.problem import PowerControlProblem, link_rates

    rng = np.random.default_rng(1)
    problem = PowerControlProblem(rng.exponential(size=(1, links, links)), 1.0, 1.0)
    powers = rng.uniform(size=(16, 1, links))
    return {"rates_per_s": per_second(lambda n: link_rates(problem, powers[n]), 1, seconds)}


def crrm(links: int, seconds: float) -> dict[str, Any]:
    """As many cells as users, which it attaches to cells: set all powers, get all rates."""
    from CRRM import Parameters, Simulator

    simulator = Simulator(Parameters(n_ues=links, n_cell_locations=links, n_subbands=1))
    powers = np.random.default_rng(1).uniform(1.0, 100.0, size=(16, links, 1))

    def act(n: int) -> None:
        simulator.set_power_matrix(powers[n])
        simulator.get_spectral_efficiency()

    return {"rates_per_s": per_second(act, 1, seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("wmmse", "slots", "simpy", "rates", "crrm"))
    parser.add_argument("--links", type=int, default=10)
    parser.add_argument("--backend", default="compiled")
    parser.add_argument("--allocator", default="max_power")
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--latency", default="lognormal", help="Of slots; or measured.")
    parser.add_argument("--memory", action="store_true", help="Also summarise and plot.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Of all but slots and simpy.")
    told = parser.parse_args()
    if told.kind == "wmmse":
        found = wmmse(told.backend, told.links, told.seconds)
    elif told.kind == "slots":
        found = slots(told.allocator, told.links, told.slots, told.latency, told.memory)
    elif told.kind == "simpy":
        found = plain_simpy(told.links, told.slots)
    elif told.kind == "rates":
        found = our_rates(told.links, told.seconds)
    else:
        found = crrm(told.links, told.seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
