"""Slots a second and memory of the simulator, each run in a process of its own.

    python benchmarks/bench_simulator.py [--memory]

K = 10, one subband, Rayleigh, full log. `--memory` adds the run of 2,000,000 slots.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile

RUN = """
import json, resource, sys, tempfile, time
from pathlib import Path
import yaml
from sim.race import load_race
from sim.scenario import load_scenario

allocator, slots, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
path = folder / "bench.yaml"
path.write_text(yaml.safe_dump({
    "slots": slots, "channel": {"model": "rayleigh", "links": 10}, "radio": {"snr_db": 0},
    "compute": {"latency": "measured"}, "allocators": [allocator]}))
race = load_race(load_scenario(path), path)
begin = time.perf_counter()
contestants = race.run(folder / "log")
took = time.perf_counter() - begin

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

figures = {"slots_s": slots / took, "peak_mib": peak_mib()}
if sys.argv[4:] == ["report"]:
    from sim.plots import plot_race
    from sim.result import summarize

    summary = summarize(race, contestants)
    plot_race(race, contestants, summary, folder / "plots")
    figures["report_peak_mib"] = peak_mib()
print(json.dumps(figures))
"""


def measure(allocator: str, slots: int, *what: str) -> dict[str, float]:
    """Run one race in a process of its own; ``report``: summarise and plot it, too."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", RUN, allocator, str(slots), folder, *what],
            check=True,
            capture_output=True,
            text=True,
        )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--memory", action="store_true", help="also 2,000,000 slots")
    options = parser.parse_args()
    for allocator in ("max_power", "wmmse"):
        runs = [measure(allocator, options.slots) for _ in range(options.repeats)]
        speed = statistics.median(run["slots_s"] for run in runs)
        peak = max(run["peak_mib"] for run in runs)
        print(f"{allocator:10s} {speed:10,.0f} slots/s   peak {peak:.0f} MiB", flush=True)
    if options.memory:
        run = measure("max_power", 2_000_000, "report")
        print(
            f"2,000,000 slots: {run['slots_s']:,.0f} slots/s, peak {run['peak_mib']:.0f} MiB, "
            f"{run['report_peak_mib']:.0f} MiB with summary and plots"
        )


if __name__ == "__main__":
    main()
