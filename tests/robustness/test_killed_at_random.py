"""SIGKILL at moments by chance over the whole length of a command: no part passes for the whole.

TTIRACE_KILLS says how often each command is killed (once, where nothing is said).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from thorough import KILLS

from sim.deadline import InputError, read_log

ROOT = Path(__file__).parents[2]
SEED = 20

SCENARIO = {
    "name": "it",
    "seed": 5,
    "slots": 5000,
    "channel": {"rayleigh": {"links": 3, "evolution": "gauss_markov", "doppler": "10 Hz"}},
    "radio": {"snr_db": 10},
    "compute": {"latency": {"lognormal": {"median": "300 us", "sigma": 0.8}}},
    "allocators": ["max_power", {"best_link": None, "label": "best"}],
}
STUDY = {
    "scenario": SCENARIO | {"slots": 300},
    "axes": {"compute.speed": {"from": 1, "to": 15, "step": 1}, "channel.links": [2, 3]},
}


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sim", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(folder: Path, *words: str) -> None:
    process = start(folder, *words)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()


def contents(folder: Path, *patterns: str) -> dict[str, bytes]:
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def check_run(folder: Path, whole: dict[str, bytes]) -> None:
    summary, manifest = folder / "out" / "summary.json", folder / "out" / "manifest.json"
    if summary.exists():
        assert summary.read_bytes() == whole["out/summary.json"]
    if manifest.exists():
        status = json.loads(manifest.read_text())["status"]
        assert status == "running" or (status == "complete" and summary.exists())
    for name in ("max_power", "best"):
        try:
            log = read_log(folder / "out" / "log", name=name)
        except InputError:
            continue  # nothing of it yet
        assert log["index"].to_pylist() == list(range(log.num_rows))


def check_study(folder: Path, whole: dict[str, bytes]) -> None:
    if (folder / "out" / "table.parquet").exists():
        assert contents(folder, "out/table.parquet") == whole
    elif (folder / "out").exists():
        process = start(folder, "report", "out")
        _, err = process.communicate(timeout=120)
        assert process.returncode == 2
        assert err.count(b"\n") == 1


def check_exact(folder: Path, whole: dict[str, bytes]) -> None:
    """What is there under its own name is the whole of it."""
    found = contents(folder, "d/*.h5", "k3.safetensors")
    assert found.items() <= whole.items()


TRAIN = "train dnn --links 3 --steps 60 --interval 5 --batch-size 50 --validation 50 --suite quick"

#: What is run, how again, which files it leaves that are the same to the byte, and what holds of
#: what a kill leaves.
CASES: dict[str, tuple[str, str, tuple[str, ...], Callable[[Path, dict[str, bytes]], None]]] = {
    "run": (
        "run it.yaml -o out --no-plots",
        " --overwrite",
        ("out/summary.json", "out/log/*.parquet"),
        check_run,
    ),
    "study": (
        "study study.yaml -o out --engine serial --no-plots",
        "",
        ("out/table.parquet",),
        check_study,
    ),
    "train": (f"{TRAIN} --channels 10 -o k3.safetensors", "", ("k3.safetensors",), check_exact),
    "dataset": (
        "dataset d --links 3 --samples 6000 --shard-size 500 --workers 1",
        "",
        ("d/*.h5",),
        check_exact,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_moment(case: str, tmp_path: Path) -> None:
    if case == "train":
        pytest.importorskip("torch")
    command, again, patterns, check = CASES[case]

    def folder(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "it.yaml").write_text(yaml.safe_dump(SCENARIO))
        (made / "study.yaml").write_text(yaml.safe_dump(STUDY))
        return made

    undisturbed = folder("undisturbed")
    begun = time.monotonic()
    finish(undisturbed, *command.split())
    length_s = time.monotonic() - begun
    whole = contents(undisturbed, *patterns)
    assert whole
    rng = random.Random(f"{case} {SEED}")
    killed = rounds = 0
    here = folder("killed0")
    while killed < KILLS:
        rounds += 1
        assert rounds <= 5 * KILLS, "it is through before it can be killed"
        begun_before = any(here.glob("out"))
        begun = time.monotonic()
        process = start(here, *command.split(), *(again.split() if begun_before else []))
        try:
            process.wait(rng.uniform(0.05, 0.95) * length_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        check(here, whole)
        if process.returncode != 0:
            assert process.returncode == -signal.SIGKILL
            killed += 1
        # The card is the last that a training writes: killed later, it was through as well.
        if process.returncode == 0 or (here / "k3.json").exists():
            assert contents(here, *patterns) == whole
            length_s = min(length_s, time.monotonic() - begun)  # the first had to compile
            here = folder(f"killed{rounds}")
    finish(here, *command.split(), *again.split())
    assert contents(here, *patterns) == whole
