"""Slots a second and memory of the simulator, each run in a process of its own.

    python benchmarks/bench_simulator.py [--memory]

K = 10, one subband, Rayleigh, full log. `--memory` adds the run of 2,000,000 slots.
"""

from __future__ import annotations

import argparse

from measure import Case, in_turns, load_average, measured, spread


def case(allocator: str, slots: int, *more: str) -> Case:
    arguments = ("slots", "--allocator", allocator, "--slots", f"{slots}", "--latency", "measured")
    return Case(allocator, "radio_case.py", (*arguments, *more))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--memory", action="store_true", help="also 2,000,000 slots")
    options = parser.parse_args()
    load_average()
    cases = [case(allocator, options.slots) for allocator in ("max_power", "wmmse")]
    for each, runs in in_turns(cases, options.repeats, 0).items():
        speed = spread(run["slots_per_s"] for run in runs)
        peak = spread(run["peak_mib"] for run in runs).most
        print(
            f"{each.name:10s} {speed.median:10,.0f} slots/s "
            f"({speed.least:,.0f} .. {speed.most:,.0f})   peak {peak:.0f} MiB"
        )
    if options.memory:
        run = measured(case("max_power", 2_000_000, "--memory"), 0)
        print(
            f"2,000,000 slots: {run['slots_per_s']:,.0f} slots/s, peak {run['peak_mib']:.0f} MiB, "
            f"{run['report_peak_mib']:.0f} MiB with summary and plots"
        )


if __name__ == "__main__":
    main()
