"""Runs that are killed or interrupted: the log stays readable, and no summary pretends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.deadline import read_log

# interpreted loops: some minutes of work, of which the tests want seconds
ENDLESS = """
slots: 100000000
channel: {rayleigh: {links: 4}}
radio: {snr_db: 0}
compute: {latency: {constant: 10 us}}
allocators: [{wmmse: {backend: python}}, max_power]
"""


def start(scenario: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sim", "run", str(scenario), "-o", str(out)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts tests in the background has its children ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    for _ in range(15_000):  # traced, on a busy machine, a run takes its time
        if any(path.glob(pattern)):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in {path}")


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGKILL, "manifest.json"),
        (signal.SIGKILL, "log/*-00001.*"),
        (signal.SIGINT, "manifest.json"),
        (signal.SIGINT, "log/max_power-00000.parquet"),
    ],
)
def test_killed(number: signal.Signals, moment: str, tmp_path: Path) -> None:
    scenario, out = tmp_path / "endless.yaml", tmp_path / "out"
    scenario.write_text(ENDLESS)
    process = start(scenario, out)
    try:
        wait_for(out, moment, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    interrupted = number == signal.SIGINT
    assert process.returncode == (130 if interrupted else -signal.SIGKILL)
    assert "Traceback" not in err
    manifest = json.loads((out / "manifest.json").read_text())
    assert not (out / "summary.json").exists()
    parts = sorted((out / "log").glob("[!.]*.parquet")) if (out / "log").exists() else []
    if moment != "manifest.json":
        assert manifest["status"] == ("interrupted" if interrupted else "running")
        assert parts
        if interrupted:
            assert err == f"interrupted; what was logged until then: {out / 'log'}\n"
    for name in {part.name.rsplit("-", 1)[0] for part in parts}:
        log = read_log(out / "log", name=name)
        assert log["index"].to_pylist() == list(range(log.num_rows))

    # a second run does not mix with what is there
    if number == signal.SIGKILL:
        _, err = start(scenario, out).communicate(timeout=60)
        assert err == f"ttirace: -o {out}: holds an earlier run; --overwrite replaces it\n"
