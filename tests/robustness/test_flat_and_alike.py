"""Many runs in one process cost no memory; one core or two, the results are the same."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import yaml
from thorough import RUNS

from sim.race import Race
from sim.result import summarize
from sim.scenario import load_scenario

ROOT = Path(__file__).parents[2]

#: The gains of a run are 5 x 4 x 20 x 20 x 8 B = 64 kB.
SCENARIO = {
    "name": "it",
    "slots": 5,
    "channel": {"rayleigh": {"links": 20, "subbands": 4}},
    "radio": {"snr_db": 10},
    "compute": {"latency": {"lognormal": {"median": "300 us", "sigma": 0.8}}},
    "allocators": ["max_power", "wmmse"],
}
WARM_UP = 40


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(folder: Path) -> tuple[int, int]:
    """Return by how much memory, in bytes, and open files grew over `RUNS` runs."""
    path = folder / "it.yaml"
    path.write_text(yaml.safe_dump(SCENARIO))

    def run() -> None:
        race = Race(load_scenario(path), folder)
        summarize(race, race.run(folder / "log"))

    def measured() -> tuple[int, int]:
        gc.collect()
        return resident_bytes(), len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(WARM_UP):
        run()
    memory, handles = measured()
    for _ in range(RUNS):
        run()
    memory_after, handles_after = measured()
    return memory_after - memory, handles_after - handles


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells of them so")
def test_memory_and_file_handles_are_flat_over_many_runs(tmp_path: Path) -> None:
    # In a process of its own: what other tests leave comes and goes by tens of megabytes.
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        memory, handles = alone.submit(growth, tmp_path).result()
    assert handles <= 0
    # A run that stayed would be its gains alone, 64 kB, and as much again of problems and answers.
    # What an allocator of memory keeps and splits comes and goes by some megabytes, whatever the
    # number of runs: so much is let pass, and from 1,000 runs a tenth of one that stays is seen.
    assert memory < 6e6 + 6e3 * RUNS


def start(folder: Path, cores: int, *words: str) -> str:
    """Run the command on so many cores, and return what it printed."""
    available = sorted(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-m", "sim", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(cores)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, available[:cores]),
    )
    return done.stdout


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there is only one core, or it cannot be chosen",
)
def test_one_core_and_two_give_the_same_bits(tmp_path: Path) -> None:
    allocators = ["max_power", "random", "wmmse", "fp", "unfolded"]
    scenario = SCENARIO | {"slots": 40, "allocators": allocators}
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(scenario))
    study = {"scenario": scenario | {"slots": 20}, "axes": {"channel.links": [5, 10, 20]}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    found = []
    for cores in (1, 2):
        out = tmp_path / f"cores{cores}"
        start(tmp_path, cores, "run", "it.yaml", "-o", f"{out}/run", "--no-plots")
        studied = ("study", "study.yaml", "-o", f"{out}/study", "--no-plots")
        start(tmp_path, cores, *studied, "--workers", str(cores))
        dataset = "dataset {} --links 4 --samples 300 --shard-size 100 --workers {}"
        start(tmp_path, cores, *dataset.format(f"{out}/data", cores).split())
        patterns = ("run/summary.json", "run/log/*.parquet", "study/table.parquet", "data/*.h5")
        files = sorted(path for pattern in patterns for path in out.glob(pattern))
        found.append({str(path.relative_to(out)): path.read_bytes() for path in files})
    assert len(found[0]) == 1 + len(allocators) + 1 + 4
    assert json.loads(found[0]["run/summary.json"])["allocators"][0]["jobs"] == 40
    assert found[0] == found[1]
