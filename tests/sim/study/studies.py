"""Small studies, and processes that run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from sim.study import Study, load_study

SCENARIO: dict[str, Any] = {
    "seed": 5,
    "slots": 60,
    "channel": {"rayleigh": {"links": 3, "evolution": "gauss_markov", "doppler": "10 Hz"}},
    "radio": {"snr_db": 10},
    "compute": {"latency": {"lognormal": {"median": "300 us", "sigma": 0.8}}},
    "allocators": ["max_power", {"best_link": None, "label": "best"}],
}


def write(folder: Path, name: str = "study", **keys: Any) -> Path:
    """Write a study of the small scenario."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"scenario": SCENARIO, **keys}, sort_keys=False))
    return path


def study(folder: Path, **keys: Any) -> Study:
    return load_study(write(folder, **keys))


def start(path: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """Start `ttirace study` in a process of its own; its page has tests of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sim", "study", str(path), "-o", str(out), "--no-plots", *options],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C can be sent to all of it, as a terminal does
        # a shell that starts tests in the background has its children ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finished(out: Path) -> dict[str, tuple[int, int]]:
    """Return the finished points of a folder, each with what tells it from one written later."""
    found = {}
    for path in (out / "points").glob("[!.]*.json"):
        status = path.stat()
        found[path.stem] = status.st_ino, status.st_mtime_ns
    return found
