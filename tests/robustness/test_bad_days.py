"""Disks that are full or cannot be written, clocks that jump, and two at the same place."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from in_process import Ttirace

from sim.deadline import InputError
from sim.deadline.folder import RunFolder

ROOT = Path(__file__).parents[2]
SCENARIO = {
    "name": "it",
    "seed": 5,
    "slots": 6_000,
    "channel": {"rayleigh": {"links": 3}},
    "radio": {"snr_db": 10},
    "compute": {"latency": {"lognormal": {"median": "300 us", "sigma": 0.8}}},
    "allocators": ["max_power", {"best_link": None, "label": "best"}],
}
STUDY = {"scenario": SCENARIO | {"slots": 50}, "axes": {"seed": {"from": 1, "to": 40, "step": 1}}}
DATASET = "dataset {} --links 5 --samples 4000 --shard-size 500 --workers 1"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("it.yaml").write_text(yaml.safe_dump(SCENARIO))
    Path("study.yaml").write_text(yaml.safe_dump(STUDY))
    return tmp_path


def mount(place: Path, options: str) -> None:
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(here: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    place = here / "disk"
    mount(place, "size=64k")
    yield place
    gc.collect()  # files that a command left open as it failed; they go with its process, else
    subprocess.run(["umount", str(place)], check=True)


COMMANDS = ["run it.yaml -o {}", "study study.yaml -o {} --engine serial", DATASET]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
@pytest.mark.parametrize("size", ["16k", "64k", "96k"])
def test_a_full_disk_is_one_line_and_no_result(
    command: str, size: str, disk: Path, ttirace: Ttirace
) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
    said = ttirace(*command.format(disk / "out").split()).error
    assert "No space left on device" in said
    assert not (disk / "out" / "summary.json").exists()
    assert not (disk / "out" / "table.parquet").exists()
    assert not (disk / "out" / "dataset.h5").exists()
    # with room for it, the same command ends well
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    words = command.format(disk / "out").split()
    again = ["--overwrite"] if words[0] == "run" else []
    assert ttirace(*words, *again).code == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_a_disk_that_cannot_be_written_is_one_line(
    command: str, disk: Path, ttirace: Ttirace
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for place in (disk / "out", disk):
        assert "Read-only file system" in ttirace(*command.format(place).split()).error


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_a_place_below_a_file_is_one_line(command: str, here: Path, ttirace: Ttirace) -> None:
    assert ttirace(*command.format("it.yaml/out").split()).error
    assert ttirace(*command.format("it.yaml").split()).error
    assert yaml.safe_load((here / "it.yaml").read_text()) == SCENARIO


def tables(folder: Path) -> list[object]:
    return [pq.read_table(path) for path in sorted((folder / "log").glob("*.parquet"))]


def test_a_race_does_not_ask_what_time_it_is(
    here: Path, ttirace: Ttirace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ttirace("run", "it.yaml", "-o", "steady", "--no-plots").code == 0
    chance = random.Random(3)

    def jumping() -> float:
        return 1e9 + chance.uniform(-1e8, 1e8)

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(time, "time_ns", lambda: int(jumping() * 1e9))
    told = [time.time() for _ in range(8)]
    assert told != sorted(told)  # it jumps back
    assert ttirace("run", "it.yaml", "-o", "jumping", "--no-plots").code == 0
    for name in ("summary.json", "scenario.yaml"):
        assert (here / "steady" / name).read_bytes() == (here / "jumping" / name).read_bytes()
    assert tables(here / "steady") == tables(here / "jumping")


def test_two_runs_do_not_share_a_folder(here: Path, ttirace: Ttirace) -> None:
    first = RunFolder(here / "out")
    for more in ([], ["--overwrite"]):
        said = ttirace("run", "it.yaml", "-o", "out", *more).error
        assert said == "-o out: a run is at work there; wait for it, or name another folder"
    assert list((here / "out").iterdir()) == []
    first.close()
    assert ttirace("run", "it.yaml", "-o", "out", "--no-plots").code == 0
    # a command that has ended has let go of it, and so has one that was refused
    assert "holds an earlier run" in ttirace("run", "it.yaml", "-o", "out").error
    assert ttirace("run", "it.yaml", "-o", "out", "--no-plots", "--overwrite").code == 0
    with pytest.raises(InputError, match="holds an earlier run"):
        RunFolder(here / "out")


def test_of_two_processes_that_start_at_once_one_has_the_folder(here: Path) -> None:
    command = [sys.executable, "-m", "sim", "run", "it.yaml", "-o", "out", "--no-plots"]
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, 2, 2]
    for err, code in ends:
        # who comes late finds the run at work, or finished
        assert code == 0 or "a run is at work there" in err or "holds an earlier run" in err
    assert (
        sum(table.num_rows for table in map(pq.read_table, (here / "out" / "log").iterdir()))
        == 12_000
    )
