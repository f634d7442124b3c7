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
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.deadline.manifest import processor
from sim.deadline.tables import number, plain_table

Case = tuple[str, tuple[str, ...]]

STEPS: tuple[Case, ...] = (
    *((f"PowerControl, K = {k}", ("ours", "--links", f"{k}")) for k in (10, 30)),
    *(
        (f"PowerControl, K = {k}, deadlines", ("ours", "--links", f"{k}", "--deadlines"))
        for k in (10, 30)
    ),
    *(
        (f"vector, N = {n}, K = {k}{', deadlines' if late else ''}",
         ("ours", "--size", f"{n}", "--links", f"{k}", *late))
        for n, k in ((64, 10), (1024, 10), (64, 30))
        for late in ((), ("--deadlines",))
    ),
    *(
        (f"PowerControlLocal, K = {k}, {reward} reward",
         ("local", "--links", f"{k}", "--reward", reward))
        for k in (10, 30)
        for reward in ("shared", "local")
    ),
    *(
        (f"local vector, N = 256, K = {k}, {reward} reward",
         ("local", "--size", "256", "--links", f"{k}", "--reward", reward))
        for k in (10, 30)
        for reward in ("shared", "local")
    ),
    *(
        (f"{'a problem' if not n else 'of many'} observed by K = {k} transmitters",
         ("observe", "--size", f"{n}", "--links", f"{k}"))
        for k in (10, 30)
        for n in (0, 256)
    ),
    *((f"normals alone, K = {k}", ("normals", "--links", f"{k}")) for k in (10, 30)),
)  # fmt: skip

PEERS: tuple[Case, ...] = (
    ("mobile-env, 5 users x 3 cells", ("mobile-small",)),
    ("mobile-env, 30 users x 13 cells", ("mobile-large",)),
    ("linkgym, 1 link", ("linkgym",)),
)
PEERS_PYTHON = Path(sys.prefix) / "peers" / "bin" / "python"

FRAMES: tuple[Case, ...] = tuple(
    (f"PowerControl, K = {k}", ("ours", "--links", f"{k}", "--frames")) for k in (5, 10, 30)
)


def measure(arguments: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    script = str(Path(__file__).with_name("env_case.py"))
    python = PEERS_PYTHON if arguments[0] in {how[0] for _, how in PEERS} else sys.executable
    done = subprocess.run(
        [str(python), script, *arguments, "--seconds", str(seconds)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        # Theirs are numpy and torch, too: one core for all.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()

    peers = PEERS if PEERS_PYTHON.is_file() else ()
    if not peers:
        print("left out: the peers, which make bench installs", file=sys.stderr)
    cases = [*STEPS, *peers]
    frames = [*FRAMES, *((name, (*how, "--frames")) for name, how in peers if how != ("linkgym",))]
    for _, how in cases:
        measure(how, 0.1)  # compiles what is not compiled yet
    runs: dict[Case, list[dict[str, Any]]] = {case: [] for case in [*cases, *frames]}
    for turn in range(options.repeats):
        for case, found in runs.items():
            found.append(measure(case[1], options.seconds))
        print(f"{turn + 1} of {options.repeats} turns", file=sys.stderr, flush=True)

    def median(case: Case, *keys: str) -> float | None:
        values: list[Any] = runs[case]
        for key in keys:
            values = [value.get(key) for value in values]
        return None if None in values else statistics.median(values)

    console = Console(width=100)
    table = plain_table(f"{processor()}: steps of one core, medians of {options.repeats}")
    table.add_column("environment")
    for heading in ("steps/s", "us a step", "import, make, reset, s"):
        table.add_column(heading, justify="right")
    for case in cases:
        speed, start = median(case, "steps_per_s"), median(case, "start_s")
        assert speed is not None
        table.add_row(case[0], f"{speed:,.0f}", f"{1e6 / speed:,.2f}", number(start, 2))
    console.print(table)
    table = plain_table("pictures, ms each")
    table.add_column("environment")
    for heading in ("median", "first", "longest of the others"):
        table.add_column(heading, justify="right")
    for case in frames:
        kinds = ("median", "first", "longest")
        table.add_row(case[0], *(number(median(case, "frame_ms", kind), 1) for kind in kinds))
    console.print(table)


if __name__ == "__main__":
    main()
