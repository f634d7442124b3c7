"""`ttirace study`: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from in_process import TINY, Ttirace

STUDY = """
scenario: tiny.yaml
axes: {compute.speed: [1, 2], channel.rayleigh.links: [2, 3]}
"""


@pytest.fixture
def path(tiny: Path) -> Path:
    written = tiny.with_name("study.yaml")
    written.write_text(STUDY)
    return written


SERIAL = ("--engine", "serial")


def test_a_study_from_end_to_end(path: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dry = ttirace("study", path, "-o", out, "--dry-run")
    assert "study: 4 points" in dry.out
    assert "compute.speed: 2 values, 1.0, 2.0" in dry.out
    assert "0 finished, 4 to run" in dry.out
    assert not out.exists()
    done = ttirace("study", path, "-o", out, *SERIAL)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"1\s+2\s+max_power\s+0\.000%", done.out)
    assert "4 points, 4 of them run now" in done.out
    assert f"Results: {out}" in done.out
    assert f"Report: {out / 'report.html'}" in done.out
    assert "what meets the target?" in (out / "report.html").read_text()
    again = ttirace("study", path, "-o", out, *SERIAL, "--json")
    assert json.loads(again.out)["points"]["run"] == 0
    dry = ttirace("study", path, "-o", out, "--dry-run", "--json", "--set", "slots=31")
    assert json.loads(dry.out)["points"] == {"total": 4, "finished": 0, "to_run": 4, "alike": 0}
    assert ttirace("study", out / "study.yaml", "-o", out, "--dry-run").out.count("4 finished") == 1


def test_a_page_that_cannot_be_drawn_holds_nothing_back(
    path: Path, ttirace: Ttirace, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert ttirace("study", path, "-o", out, *SERIAL).code == 0
    with path.open("a") as file:
        file.write("report: [pareto]\n")
    done = ttirace("study", path, "-o", out, *SERIAL)
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("warning: no report.html: ")
    assert "no point has both response_p99_us and a rate" in done.err
    assert f"Results: {out}" in done.out
    assert not (out / "report.html").exists()  # that of the earlier study


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STUDY.replace("tiny", "nothere"), "scenario: {folder}/nothere.yaml: no such file"),
        (
            STUDY.replace("speed: [1, 2]", "speed: [1, 1.0]"),
            "axes: compute.speed: 1.0 stands twice",
        ),
        (
            STUDY.replace("compute.speed: [1, 2]", "slot: [1 ms, 1000 us]"),
            "axes: slot: 1000 us stands twice, as 1 ms",
        ),
        (
            f"{STUDY}target: miss_ratio <= -1",
            "target: miss_ratio <= -1: can never be met; miss_rat",
        ),
        (f"{STUDY}target: jain >= 2", "target: jain >= 2: can never be met; jain is at most 1"),
    ],
)
def test_studies_that_are_wrong(path: Path, ttirace: Ttirace, text: str, said: str) -> None:
    path.write_text(text)
    error = ttirace("study", path, "--dry-run").error
    assert error.startswith(f"{path}: {said.format(folder=path.parent)}")


@pytest.mark.parametrize(
    "target", ["miss_ratio <= 0", "miss_loss_bps_hz <= -1", "in_force_bps_hz >= 2", "jain >= 1"]
)
def test_targets_that_can_be_met(path: Path, ttirace: Ttirace, target: str) -> None:
    path.write_text(f"{STUDY}target: {target}")
    assert ttirace("study", path, "--dry-run").code == 0


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("[foo]", "0: 'foo' is no figure"),
        ("[rate, {rate: {x: links, q: 1}}]", "1: rate: 'q' is no option of it"),
        ("[{rate: {x: nothere}}]", "0: rate: x: 'nothere' is no axis of this study"),
        ("[{rate: {x: servers}}]", "0: rate: x: 'servers' does not vary in this study"),
        ("[{fits: {axis: slot}}]", "0: fits: axis: 'slot' is no axis of this study"),
        ("[{best: {y: slo}}]", "0: best: y: 'slo' is no axis of this study"),
        ("[{heatmap: {x: links, y: channel.rayleigh.links}}]", "0: heatmap: x and y are the same"),
        ("[{rate: {allocator: wmmze}}]", "0: rate: allocator: 'wmmze' is none of this study"),
        ("[{pareto: {x: missed}}]", "0: pareto: x: 'missed' is nothing to set a rate against"),
        ("[{pareto: {x: jain}}]", "0: pareto: x: 'jain' is nothing to set a rate against"),
        ("[{fits: {axis: slot_us}}]", "0: fits: axis: 'slot_us' does not vary in this study"),
        ("[{rate: {allocator: []}}]", "0: rate: allocator: names none; want at least one"),
        ("[rate, {rate: {}}]", "1: rate: stands twice"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_the_report_is_checked_before_anything_is_run(
    path: Path, ttirace: Ttirace, tmp_path: Path, report: str, said: str, dry: tuple[str, ...]
) -> None:
    path.write_text(f"{STUDY}report: {report}\n")
    error = ttirace("study", path, "-o", tmp_path / "out", *SERIAL, *dry).error
    assert error.startswith(f"{path}: report.{said}")
    assert not (tmp_path / "out").exists()


def test_a_report_may_ask_for_all_that_its_study_will_have(path: Path, ttirace: Ttirace) -> None:
    path.write_text(
        f"{STUDY}report: [best, {{rate: {{x: speed}}}},"
        " {rate: {x: links, allocator: max_power}}, {heatmap: {x: compute.speed, y: allocator}},"
        " {pareto: {x: miss_ratio}}]\n"
        "solve: {axis: slot, find: smallest, from: 200 us, to: 1 ms}\ntarget: miss_ratio <= 0.1\n"
    )
    done = ttirace("study", path, "--dry-run")
    assert (done.code, done.err) == (0, "")
    path.write_text(path.read_text().replace("x: links", "x: budget_us"))
    assert ttirace("study", path, "--dry-run").code == 0


def test_what_is_solved_for_is_printed(path: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    path.write_text(
        "scenario: tiny.yaml\n"
        "target: miss_ratio <= 1e-3\n"
        "solve: {axis: compute.speed, find: smallest, from: 1e-3, to: 1, tolerance: 10%}\n"
    )
    done = ttirace("study", path, "-o", tmp_path / "out", *SERIAL)
    assert done.code == 0
    # 10 us in a slot of 1 ms: a hundredth of the speed will do
    row = next(line for line in done.out.splitlines() if "max_power" in line).split()
    assert 0.01 <= float(row[1]) <= 0.011
    assert float(row[3]) < 0.01
    dry = ttirace("study", path, "-o", tmp_path / "out", "--dry-run")
    assert re.search(r"\d+ finished, at most \d+ to run", dry.out)


def test_allocators_that_fail_end_with_1(path: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from sim import Solver, register\n"
        "@register('faulty')\n"
        "class Faulty(Solver):\n"
        "    def solve(self, problem):\n"
        "        raise RuntimeError('no')\n"
    )
    path.with_name("tiny.yaml").write_text(TINY.replace("max_power", "faulty"))
    done = ttirace("study", path, "-o", tmp_path / "out", *SERIAL, "--plugin", tmp_path / "mine.py")
    assert done.code == 1
    assert done.err == "warning: faulty: 120 jobs failed\n"
    assert pq.read_table(tmp_path / "out" / "table.parquet")["failed"].to_pylist() == [30] * 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scheduler", "tcp://127.0.0.1:1"), "--engine dask and --scheduler ADDRESS go together"),
        (("--engine", "dask"), "--engine dask and --scheduler ADDRESS go together"),
        ((*SERIAL, "--workers", "2"), "--workers: is of --engine loky; serial has its own"),
        ((*SERIAL, "--workers", "2", "--dry-run"), "--workers: is of --engine loky"),
        (("--engine", "lokey"), "'lokey' is not one of"),
        (("--set", "compute.speed=2"), "compute.speed: is set and varied"),
        (("--set", "slots=0"), "scenario: tiny.yaml: slots: should be greater than or equal to 1"),
        (("--set", "compute.latency=measured"), "compute.latency: measured: neighbours"),
        (("--plugin", "nowhere.py"), "--plugin nowhere.py: no such file"),
    ],
)
def test_what_does_not_go(
    options: tuple[str, ...], said: str, path: Path, ttirace: Ttirace, tmp_path: Path
) -> None:
    assert said in ttirace("study", path, "-o", tmp_path / "out", *options).error


def test_files_that_are_no_studies(ttirace: Ttirace, tmp_path: Path, tiny: Path) -> None:
    assert "no such file, want a study" in ttirace("study", tmp_path / "no.yaml").error
    assert "is a scenario; run it with: ttirace run" in ttirace("study", tiny).error
    (tmp_path / "list.yaml").write_text("[1]")
    assert "want a study, with keys" in ttirace("study", tmp_path / "list.yaml").error


def test_a_run_is_no_folder_for_a_study(
    path: Path, ttirace: Ttirace, tmp_path: Path, tiny: Path
) -> None:
    out = tmp_path / "out"
    assert ttirace("run", tiny, "-o", out, "--no-plots").code == 0
    assert "no study; name another folder" in ttirace("study", path, "-o", out, *SERIAL).error


def test_the_studies_of_docs_and_help_are_studies(ttirace: Ttirace, tmp_path: Path) -> None:
    text = Path("docs/studies.md").read_text(encoding="utf-8")
    written = re.findall(r"```yaml\n(.*?)```", text, re.S)
    shown = ttirace("study", "--help").out
    lines = shown[shown.index("A study, my_study.yaml:") :].split("\n\n")[0].splitlines()[1:]
    study = "\n".join(line[4:] for line in lines)
    scenarios = Path("scenarios").resolve()
    written.append(study.replace("overload.yaml", str(scenarios / "overload.yaml")))
    assert len(written) == 2
    for number, yaml in enumerate(written):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml)
        dry = ttirace("study", path, "--dry-run")
        assert (dry.code, dry.err) == (0, ""), dry


def test_a_dry_run_writes_quantities_as_people_do(ttirace: Ttirace) -> None:
    out = ttirace("study", "ageing", "--dry-run").out
    assert " km/h" in out
    assert "speed_m_s" not in out
