"""Studies whose processes are killed: nothing finished is lost or run again, the table the same."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from studies import SCENARIO, finished, start, study, write
from thorough import KILLS

from sim.study import SerialEngine, run_study

#: Some 10 ms a point.
SLOW = SCENARIO | {"slots": 600}
#: So many for each replicate as can be killed several times.
AXES = {"compute.speed": {"from": 1, "to": 30, "step": 1}, "channel.links": [2, 3]}
#: As many as show what becomes of the rest when a worker goes.
FEW = {"compute.speed": {"from": 1, "to": 12, "step": 1}, "channel.links": [2, 3]}


def expected(folder: Path, **keys: Any) -> bytes:
    run_study(study(folder, **keys), folder / "expected", SerialEngine())
    return (folder / "expected" / "table.parquet").read_bytes()


def wait_for(out: Path, points: int, process: subprocess.Popen[str]) -> None:
    for _ in range(6000):
        if len(finished(out)) >= points or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError(f"{points} points did not come")


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes of loky that a study has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == process.pid and "popen_loky" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_killed_over_and_over_and_resumed(tmp_path: Path) -> None:
    keys = {"scenario": SLOW, "axes": AXES, "replicates": max(KILLS // 4, 1)}
    path, out = write(tmp_path, **keys), tmp_path / "out"
    table = expected(tmp_path, **keys)
    moments = random.Random(7)
    seen: dict[str, tuple[int, int]] = {}
    for kill in range(max(KILLS, 2)):
        engine = ["--workers", "2"] if kill % 7 == 1 else ["--engine", "serial"]
        process = start(path, out, *engine)
        wait_for(out, len(seen) + 1, process)
        time.sleep(moments.uniform(0.0, 0.1))
        orphans = workers_of(process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was done before it was killed"
        before, seen = seen, finished(out)
        assert before.items() < seen.items()  # a point that is run again is written again
        assert not (out / "table.parquet").exists()
        for _ in range(500):
            if not any(map(running, orphans)):
                break
            time.sleep(0.01)
        assert not any(map(running, orphans))
    process = start(path, out, "--engine", "serial", "--json")
    text, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert f'"run": {120 * keys["replicates"] - len(seen)}' in text
    assert seen.items() <= finished(out).items()
    assert (out / "table.parquet").read_bytes() == table


def test_workers_killed_on_the_way(tmp_path: Path) -> None:
    path, out = write(tmp_path, scenario=SLOW, axes=FEW), tmp_path / "out"
    process = start(path, out, "--workers", "2")
    for points in (5, 25):
        wait_for(out, points, process)
        os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert (out / "table.parquet").read_bytes() == expected(tmp_path, scenario=SLOW, axes=FEW)


@pytest.mark.parametrize("engine", ["serial", "loky"])
def test_an_interrupt_is_one_line(engine: str, tmp_path: Path) -> None:
    path, out = write(tmp_path, scenario=SLOW, axes=AXES, replicates=9), tmp_path / "out"
    process = start(path, out, "--engine", engine)
    wait_for(out, 3, process)
    orphans = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    text, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (text, err) == ("", "interrupted; finished points are kept: call it again to go on\n")
    assert not any(map(running, orphans))
    points = len(finished(out))
    assert pq.read_table(out / "table.parquet").num_rows == points >= 3
    assert '"status": "interrupted"' in (out / "manifest.json").read_text()


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def dask(part: str, *options: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of a Dask cluster in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{part}", *options, "--no-dashboard"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_cluster_gives_the_same_table_though_a_worker_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from sim import Allocation, Solver, register\n"
        "@register('mine')\n"
        "class Mine(Solver):\n"
        "    def solve(self, problem):\n"
        "        return Allocation(problem.p_max_w * 0.25)\n"
    )
    scenario = SLOW | {"allocators": ["max_power", "mine"]}
    path = write(tmp_path, scenario=scenario, axes=FEW)
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = ("--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-show")
    worker = (address, "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
    options = ["--engine", "dask", "--scheduler", address, "--plugin", str(plugin)]
    with (
        dask("scheduler", *scheduler, folder=tmp_path),
        dask("worker", *worker, folder=tmp_path) as first,
        dask("worker", *worker, folder=tmp_path),
    ):
        whole = start(path, tmp_path / "whole", *options)
        text, err = whole.communicate(timeout=120)
        assert (whole.returncode, err) == (0, ""), text
        half = start(path, tmp_path / "half", *options)
        wait_for(tmp_path / "half", 12, half)
        first.kill()
        text, err = half.communicate(timeout=120)
        assert (half.returncode, err) == (0, ""), text
    # nobody is there now
    gone = start(path, tmp_path / "gone", *options)
    serial = start(path, tmp_path / "serial", "--engine", "serial", "--plugin", str(plugin))
    text, err = serial.communicate(timeout=120)
    assert (serial.returncode, err) == (0, ""), text
    table = (tmp_path / "serial" / "table.parquet").read_bytes()
    assert (tmp_path / "whole" / "table.parquet").read_bytes() == table
    assert (tmp_path / "half" / "table.parquet").read_bytes() == table
    _, err = gone.communicate(timeout=60)
    assert gone.returncode == 2
    assert err.startswith(f"ttirace: --scheduler {address}: no Dask scheduler answers there (")
    assert err.count("\n") == 1
    assert not (tmp_path / "gone").exists()
