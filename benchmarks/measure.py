"""What the benchmarks share: processes of their own, turns, spreads, ratios, and the machine.

The peers' environment imports it as well: at the top stands the standard library alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: Where `make bench` installs the peers.
PEERS_PYTHON = Path(sys.prefix) / "peers" / "bin" / "python"

#: One core's work; more than this beside it, and the figures are of a busy machine.
_BUSY = 0.5

_VERSIONS = ("ttirace", "numpy", "numba", "scipy", "simpy", "gymnasium", "pyarrow")


class Case(NamedTuple):
    """One measurement: a script beside this one that prints a JSON object as its last line."""

    name: str
    script: str
    arguments: tuple[str, ...]
    peer: bool = False
    """It needs what is installed for the peers."""


class Spread(NamedTuple):
    """The median over turns, and the least and the most."""

    median: float
    least: float
    most: float


def measured(case: Case, seconds: float) -> dict[str, Any]:
    """Run one measurement in a process of its own, on one core."""
    script = str(Path(__file__).with_name(case.script))
    python = str(PEERS_PYTHON) if case.peer else sys.executable
    done = subprocess.run(
        [python, script, *case.arguments, "--seconds", str(seconds)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        # numpy, torch and BLAS would take all.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def in_turns(
    cases: Sequence[Case], repeats: int, seconds: float
) -> dict[Case, list[dict[str, Any]]]:
    """Measure all cases in turns, so that a change of the machine's pace meets all alike."""
    for case in cases:
        measured(case, 0.1)  # compiles what is not compiled yet
    runs: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    for turn in range(repeats):
        for case, found in runs.items():
            found.append(measured(case, seconds))
        print(f"{turn + 1} of {repeats} turns", file=sys.stderr, flush=True)
    return runs


def spread(values: Iterable[float]) -> Spread:
    """Return the median of some values, and their range."""
    known = list(values)
    return Spread(statistics.median(known), min(known), max(known))


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Return the spread of ratios, each of two values of the same turn."""
    return spread(a / b for a, b in zip(over, under, strict=True))


def per_second(act: Callable[[int], object], count: int, seconds: float) -> float:
    """Return how often a second `act` is done, in ``seconds`` of them; it counts as ``count``.

    It is called with 0 to 15, over and over.
    """
    for n in range(16):
        act(n)
    done, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        for n in range(16):
            act(n)
        done += 16 * count
    return done / took


def peers_there() -> bool:
    """Say whether the peers are installed; if not, say how they are."""
    if not PEERS_PYTHON.is_file():
        print("left out: the peers, which `make bench` installs", file=sys.stderr)
    return PEERS_PYTHON.is_file()


def load_average() -> float:
    """Return the load of the last minute, and warn if figures would be of a busy machine."""
    load = os.getloadavg()[0]
    if load > _BUSY:
        print(f"warning: load average {load:.1f}: want a quiet machine", file=sys.stderr)
    return load


def facts() -> dict[str, Any]:
    """Return where, with what and by which command figures were made."""
    from sim.deadline.manifest import git_state, machine, versions

    return {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "machine": machine(),
        "versions": versions(_VERSIONS) | (_peers_versions() if PEERS_PYTHON.is_file() else {}),
        "git": git_state(Path(__file__).parents[1]),
    }


def _peers_versions() -> dict[str, Any]:
    names = Path(__file__).with_name("peers.txt").read_text(encoding="utf-8").split()
    code = (
        "import importlib.metadata as m, json, sys\n"
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [str(PEERS_PYTHON), "-c", code, *names], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout))
