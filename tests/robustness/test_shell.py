"""What a shell does to a command: signals, streams that are full or closed, odd environments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from in_process import TINY, Ttirace

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sim"]
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full here")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Path("it.yaml").write_text(TINY)
    return tmp_path


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``T`` is the command."""
    script = f'T() {{ "$PYTHON" -m sim "$@"; }}\nset -o pipefail\n{line}'
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["list", "run it.yaml --no-plots", "validate it.yaml"])
def test_output_that_nobody_reads(command: str, here: Path) -> None:
    done = shell(f"exec 3> >(exec true); sleep 0.2; T {command} >&3")
    assert (done.returncode, done.stderr) == (141, "")


@needs_full
@pytest.mark.parametrize("command", ["list", "run it.yaml --no-plots", "validate it.yaml", "-h"])
def test_a_full_standard_output_is_named(command: str, here: Path) -> None:
    done = shell(f"T {command} > /dev/full")
    said = "ttirace: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("closed", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_an_error_that_cannot_be_told_is_one_all_the_same(closed: str, here: Path) -> None:
    done = shell(f"T run nothere {closed}")
    assert (done.returncode, done.stdout) == (2, "")


def test_no_file_takes_the_place_of_a_closed_stream(here: Path) -> None:
    assert shell("T run it.yaml -o open --no-plots >/dev/null").returncode == 0
    done = shell("T run it.yaml -o closed --no-plots <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (log,) = Path("open/log").iterdir()
    assert (Path("closed/log") / log.name).read_bytes() == log.read_bytes()


def test_what_an_encoding_lacks_is_written_otherwise(here: Path) -> None:
    cell = "--channel rayleigh --links 3 --snr-db 0 --channels 5"
    ascii_alone = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = shell(f"T evaluate max_power {cell}", **ascii_alone)
    assert (done.returncode, done.stderr) == (0, "")
    assert "WMMSE+-s.e." in done.stdout
    Path("it.yaml").write_text(TINY + 'description: "\u03bb \U0001d707"\n')
    shown = shell("T validate it.yaml --show", PYTHONIOENCODING="latin-1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u03bb" in shown.stdout
    assert "\\U0001d707" in shown.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "foo"},
        {"HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/x", "MPLCONFIGDIR": ""},
        {"MPLCONFIGDIR": "/proc/x"},
        {"BOKEH_MINIFIED": "x", "BOKEH_LOG_LEVEL": "x"},
        {"NUMBA_NUM_THREADS": "0", "ARROW_IO_THREADS": "x", "SOURCE_DATE_EPOCH": "x"},
    ],
    ids=lambda environment: ",".join(environment),
)
def test_a_run_does_not_depend_on_the_environment(
    environment: Mapping[str, str], here: Path
) -> None:
    done = shell("T run it.yaml -o out", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(Path("out/plots").glob("*.png"))
    assert Path("out/report.html").exists()


def test_a_scenario_through_a_pipe(here: Path) -> None:
    done = shell("cat it.yaml | T validate /dev/stdin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("/dev/stdin: ok")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device without an end here")
def test_a_scenario_without_an_end(here: Path) -> None:
    # 4 GB of memory: much more than a command takes, much less than would be read
    for source in ("/dev/zero", "/dev/stdin"):
        done = shell(f"ulimit -v 4000000; yes | T validate {source}")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"ttirace: {source}: larger than 4 MiB; not a scenario\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "it.yaml", "-o", "out\udcff"],
        ["run", "it\udcff.yaml", "-o", "out"],
        ["study", "it.yaml", "-o", "out\udcff"],
        ["run", "it.yaml", "-o", "out", "--set", "name=\udcff"],
    ],
)
def test_what_is_no_text_is_refused_at_once(
    arguments: list[str], here: Path, ttirace: Ttirace
) -> None:
    error = ttirace(*arguments).error
    assert "\\udcff" in error
    assert "no text in UTF-8" in error
    assert [path.name for path in here.iterdir()] == ["it.yaml"]


def interrupted(
    arguments: list[str], number: signal.Signals, is_time: Callable[[], bool]
) -> tuple[int, str]:
    """Return the status and the standard error of a command that gets a signal."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts tests in the background has its children ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not is_time():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, err


STARTS = """
import os, signal, sys, threading, time
sys.argv = ["ttirace", "list"]
import sim.__main__
class Slow:
    def find_spec(self, name, path, target=None):
        if name == sys.modules["__main__"].name:
            os.kill(os.getpid(), sys.modules["__main__"].number)
            time.sleep(1)
sys.meta_path.insert(0, Slow())
name, number = "{}", signal.{}
sim.__main__.main()
"""


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("name", ["sim.cli", "click", "click.core", "sim.commands.listing"])
def test_signals_on_the_way_in(name: str, number: str, status: int, here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS.format(name, number)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    later = name == "sim.commands.listing"
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == ("ttirace: interrupted\n" if later else "")


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        ("study study.yaml -o out --workers 1", "out/points/*"),
        ("dataset out --links 5 --samples 10000000 --shard-size 1000 --workers 2", "out/shard-*"),
        ("run it.yaml -o out --set slots=100000000", "out/log/*"),
    ],
    ids=lambda value: value.split()[0],
)
def test_termination_is_an_interruption(command: str, pattern: str, here: Path) -> None:
    Path("study.yaml").write_text(
        "scenario: it.yaml\nset: {slots: 3000}\naxes: {seed: {from: 1, to: 3000, step: 1}}\n"
    )
    status, err = interrupted(command.split(), signal.SIGTERM, lambda: any(here.glob(pattern)))
    assert (status, err.count("\n")) == (143, 1), err
    assert "interrupted" in err


@pytest.mark.parametrize(
    ("command", "pattern", "said"),
    [
        (
            "train dnn --links 3 --steps 1000000 --interval 20 --validation 10 -o m.safetensors",
            "m.checkpoint.safetensors",
            "m.checkpoint.safetensors is kept: the same command goes on from there",
        ),
        (
            "train dnn --links 3 --steps 1000000 --interval 1000000 -o m.safetensors",
            ".m.lock",
            "nothing is left, as it just began",
        ),
        (
            "rl train central -o m.safetensors --links 3 --interval 1 --validation 2 --episodes 2",
            "m.checkpoint.safetensors",
            "m.checkpoint.safetensors is kept: the same command goes on from there",
        ),
    ],
)
def test_an_interrupted_training_says_how_to_go_on(
    command: str, pattern: str, said: str, here: Path
) -> None:
    pytest.importorskip("torch")
    if command.startswith("rl"):
        pytest.importorskip("gymnasium")
    status, err = interrupted(command.split(), signal.SIGINT, lambda: any(here.glob(pattern)))
    assert (status, err) == (130, f"ttirace: interrupted; {said}\n")


def test_a_run_that_is_interrupted_before_it_races(
    here: Path, monkeypatch: pytest.MonkeyPatch, ttirace: Ttirace
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr("sim.result.ResultFolder.write_scenario", interrupt)
    result = ttirace("run", "it.yaml", "-o", "out")
    assert left == [130]
    assert result.err == "interrupted; nothing raced\n"
    assert json.loads(Path("out/manifest.json").read_text())["status"] == "interrupted"
