"""The environments' speed, and that of mobile-env and linkgym beside them.

    python benchmarks/bench_env.py [--repeats 5] [--seconds 3]

`make bench` installs the peers, into an environment of their own. Every measurement is a process of
its own on one core; all take turns, as often as `--repeats` says, and medians are printed. Ours:
Rayleigh fading, Gauss-Markov at 10 Hz, 0 dB, one subband, full interference, episodes of 1000
slots; `deadlines`: with a lognormal latency about as long as a slot. The peers as their defaults
have them: they simulate other things, and a step of theirs is not one of ours (mobile-env: users
choose cells; linkgym: the coding scheme of one link).
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from measure import Case, in_turns, load_average, peers_there
from rich.console import Console

from sim.deadline.manifest import processor
from sim.deadline.tables import number, plain_table


def case(name: str, *arguments: str, peer: bool = False) -> Case:
    return Case(name, "env_case.py", arguments, peer)


STEPS: tuple[Case, ...] = (
    *(case(f"PowerControl, K = {k}", "ours", "--links", f"{k}") for k in (10, 30)),
    *(
        case(f"PowerControl, K = {k}, deadlines", "ours", "--links", f"{k}", "--deadlines")
        for k in (10, 30)
    ),
    *(
        case(f"vector, N = {n}, K = {k}{', deadlines' if late else ''}",
             "ours", "--size", f"{n}", "--links", f"{k}", *late)
        for n, k in ((64, 10), (1024, 10), (64, 30))
        for late in ((), ("--deadlines",))
    ),
    *(
        case(f"PowerControlLocal, K = {k}, {reward} reward",
             "local", "--links", f"{k}", "--reward", reward)
        for k in (10, 30)
        for reward in ("shared", "local")
    ),
    *(
        case(f"local vector, N = 256, K = {k}, {reward} reward",
             "local", "--size", "256", "--links", f"{k}", "--reward", reward)
        for k in (10, 30)
        for reward in ("shared", "local")
    ),
    *(
        case(f"{'a problem' if not n else 'of many'} observed by K = {k} transmitters",
             "observe", "--size", f"{n}", "--links", f"{k}")
        for k in (10, 30)
        for n in (0, 256)
    ),
    *(case(f"normals alone, K = {k}", "normals", "--links", f"{k}") for k in (10, 30)),
)  # fmt: skip

PEERS: tuple[Case, ...] = (
    case("mobile-env, 5 users x 3 cells", "mobile-small", peer=True),
    case("mobile-env, 30 users x 13 cells", "mobile-large", peer=True),
    case("linkgym, 1 link", "linkgym", peer=True),
)

FRAMES: tuple[Case, ...] = tuple(
    case(f"PowerControl, K = {k}", "ours", "--links", f"{k}", "--frames") for k in (5, 10, 30)
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()

    load_average()
    peers = PEERS if peers_there() else ()
    cases = [*STEPS, *peers]
    frames = [
        *FRAMES,
        *(
            case(each.name, *each.arguments, "--frames", peer=True)
            for each in peers
            if each.arguments != ("linkgym",)
        ),
    ]
    runs = in_turns([*cases, *frames], options.repeats, options.seconds)

    def median(of: Case, *keys: str) -> float | None:
        values: list[Any] = runs[of]
        for key in keys:
            values = [value.get(key) for value in values]
        return None if None in values else statistics.median(values)

    console = Console(width=100)
    table = plain_table(f"{processor()}: steps of one core, medians of {options.repeats}")
    table.add_column("environment")
    for heading in ("steps/s", "us a step", "import, make, reset, s"):
        table.add_column(heading, justify="right")
    for each in cases:
        speed, start = median(each, "steps_per_s"), median(each, "start_s")
        assert speed is not None
        table.add_row(each.name, f"{speed:,.0f}", f"{1e6 / speed:,.2f}", number(start, 2))
    console.print(table)
    table = plain_table("pictures, ms each")
    table.add_column("environment")
    for heading in ("median", "first", "longest of the others"):
        table.add_column(heading, justify="right")
    for each in frames:
        kinds = ("median", "first", "longest")
        table.add_row(each.name, *(number(median(each, "frame_ms", kind), 1) for kind in kinds))
    console.print(table)


if __name__ == "__main__":
    main()
