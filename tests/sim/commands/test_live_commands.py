"""`run --live`, `verify`, `calibrate`: what they leave behind and refuse. No time is asserted."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from in_process import Ttirace

from sim.deadline import read_log
from sim.profile import find_profile, load_profile

SCENARIO = """
slots: 60
slot: 2 ms
channel: {rayleigh: {links: 3, subbands: 2}}
radio: {snr_db: 0}
compute: {latency: measured}
on_overrun: abort
on_miss: hold
allocators: [max_power, wmmse]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(SCENARIO)
    return path


def test_a_live_run_leaves_what_a_run_leaves(
    scenario: Path, ttirace: Ttirace, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = ttirace("run", scenario, "--live", "-o", out, "--no-plots")
    assert result.code == 0, result.err
    assert "Live: " in result.out
    log = read_log(out / "log").to_pylist()
    assert len(log) == 120
    for row in log:
        assert row["release_ns"] == row["index"] * 2_000_000
        assert row["deadline_ns"] == row["release_ns"] + 2_000_000
        if row["outcome"] == "met":
            assert row["release_ns"] <= row["start_ns"] <= row["finish_ns"] <= row["deadline_ns"]
            assert row["service_ns"] == row["finish_ns"] - row["start_ns"]
    summary = json.loads((out / "summary.json").read_text())
    for entry in summary["allocators"]:
        outcomes = ("met", "late", "aborted", "skipped", "failed")
        assert sum(entry[outcome] for outcome in outcomes) == 60
        rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
        assert rate["genie"] - loss["ageing"] - loss["miss"] == pytest.approx(rate["in_force"])
    assert set(summary["live"]["release_jitter_us"]) == {"max_power", "wmmse"}
    assert summary["live"]["priority"] in ("fifo", "nice", "normal")


def test_several_controllers_share_a_processor(ttirace: Ttirace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = ["--set", "slots=40", "--set", "compute.preemptive=false"]
    result = ttirace("run", "scenarios/edf.yaml", "--live", "-o", out, *chosen)
    assert result.code == 0, result.err
    assert "missed, by controller" in result.out
    log = read_log(out / "log").to_pylist()
    for allocator in ("wmmse", "max_power"):
        own = [row for row in log if row["allocator"] == allocator]
        for number, (slots, slot_ns) in enumerate([(40, 1_000_000)] * 2 + [(80, 500_000)] * 2):
            rows = [row for row in own if row["controller"] == number]
            assert [row["index"] for row in rows] == list(range(slots))
            assert all(row["release_ns"] == row["index"] * slot_ns + 50_000 for row in rows)
            assert [row["index"] for row in rows if row["genie_bps_hz"] is None] == [slots - 1]
        started = [(row["start_ns"], row["finish_ns"]) for row in own if row["start_ns"]]
        for (_, finish_ns), (start_ns, _) in itertools.pairwise(sorted(started)):
            assert finish_ns <= start_ns  # one after the other
    summary = json.loads((out / "summary.json").read_text())
    names = ["large-1", "large-2", "small-1", "small-2"]
    for entry in summary["allocators"]:
        assert [one["name"] for one in entry["controllers"]] == names
        assert [one["jobs"] for one in entry["controllers"]] == [40, 40, 80, 80]
    assert (out / "plots" / "timeline.png").is_file()


def test_live_and_simulated_rates_are_those_of_the_same_channels(
    scenario: Path, ttirace: Ttirace, tmp_path: Path
) -> None:
    """Genie and aged rates know no time: live and simulated must agree to the bit."""
    chosen = ["--set", "allocators=[wmmse]", "--no-plots"]
    assert ttirace("run", scenario, "-o", tmp_path / "sim", *chosen).code == 0
    assert ttirace("run", scenario, "--live", "-o", tmp_path / "live", *chosen).code == 0
    for column in ("genie_bps_hz", "aged_bps_hz"):
        both = [read_log(tmp_path / name / "log")[column].to_pylist() for name in ("sim", "live")]
        assert both[0] == both[1]


def test_verify_takes_a_handful_of_slots(scenario: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    changes = ["--set", "slots=3", "--set", "allocators=[max_power]"]
    result = ttirace("verify", scenario, "-o", tmp_path / "out", "--json", *changes)
    assert result.code in (0, 1), result.err
    (verdict,) = json.loads(result.out)["verdicts"]
    assert verdict["live"]["jobs"] == 3
    assert re.search(
        r"warning: max_power at .* us: the interval of 3 live jobs is \d+% wide", result.err
    )


def test_verify_reports_both_sides(scenario: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = ttirace(
        "verify", scenario, "-o", out, "--miss-ratios", "0,0.5", "--set", "slots=80", "--json"
    )
    facts = json.loads(result.out)
    assert facts == json.loads((out / "verify.json").read_text())
    assert [(v["name"], v["wanted_miss_ratio"]) for v in facts["verdicts"]] == [
        ("max_power", 0.0),
        ("max_power", 0.5),
        ("wmmse", 0.0),
        ("wmmse", 0.5),
    ]
    for verdict in facts["verdicts"]:
        live, simulated = verdict["live"], verdict["simulated"]
        low, high = live["interval"]
        assert low <= live["miss_ratio"] <= high
        assert verdict["agrees"] == (low <= simulated["miss_ratio"] <= high)
        assert live["jobs"] == 80
        assert simulated["jobs"] == 400
    assert result.code == (0 if all(v["agrees"] for v in facts["verdicts"]) else 1)
    assert {path.name for path in (out / "plots").iterdir()} == {"qq.png", "miss_ratios.png"}
    cell = load_profile(find_profile("profiles/wmmse", out)).cells[0]
    assert (cell.links, cell.subbands, cell.samples) == (3, 2, 160)
    again = ttirace("verify", scenario, "-o", out)
    assert "holds an earlier run; --overwrite replaces it" in again.error


def test_calibrate_writes_a_profile_that_scenarios_replay(
    scenario: Path, ttirace: Ttirace, tmp_path: Path
) -> None:
    asked = ["--allocators", "max_power,wmmse", "--links", "2,4", "--subbands", "1,2"]
    quick = ["--samples", "40", "--rounds", "2", "--period", "200 us"]
    result = ttirace("calibrate", "-o", tmp_path / "mine", *asked, *quick)
    assert result.code == 0, result.err
    assert "Subtracted: " in result.out
    profile = load_profile(tmp_path / "mine.json")
    assert len(profile.cells) == 8
    assert all(cell.samples == 40 for cell in profile.cells)
    header = profile.header
    assert {"machine", "versions", "call_us", "timer_us", "release_us", "warnings"} <= set(header)
    chosen = ["--set", "compute.latency={calibrated: mine}", "--no-plots"]
    outputs = []
    for name in ("a", "b"):
        assert ttirace("run", scenario, "-o", tmp_path / name, *chosen).code == 0
        outputs.append(read_log(tmp_path / name / "log"))
    assert outputs[0].equals(outputs[1])
    assert len(np.unique(outputs[0]["service_ns"])) > 10
    beyond = ttirace(
        "run", scenario, "-o", tmp_path / "c", *chosen, "--set", "channel.rayleigh.links=5"
    )
    assert "K = 5, S = 2 is outside of what was measured: K = 2, 4 with S = 1, 2" in beyond.error
    slower = ttirace("run", scenario, "-o", tmp_path / "d", *chosen, "--set", "compute.speed=0.1")
    assert slower.code == 0
    slow, fast = (read_log(tmp_path / name / "log")["service_ns"] for name in ("d", "a"))
    assert slow.to_numpy() == pytest.approx(10 * fast.to_numpy(), abs=10)
    once_more = [
        "calibrate", "-o", tmp_path / "mine", "--json", "--against", tmp_path / "mine",
        "--allocators", "max_power", "--links", "2", "--subbands", "1", *quick,
    ]  # fmt: skip
    before = (tmp_path / "mine.parquet").read_bytes()
    refused = ttirace(*once_more)
    assert "mine: holds an earlier profile; --overwrite replaces it" in refused.error
    assert (tmp_path / "mine.parquet").read_bytes() == before
    anew = ttirace(*once_more, "--overwrite")
    assert anew.code == 0, anew.err
    assert json.loads(anew.out) == json.loads((tmp_path / "mine.json").read_text())
    assert "mine: " in anew.err


@pytest.mark.parametrize("name", ["card.json", "data.parquet"])
def test_calibrate_replaces_nothing_but_profiles(
    name: str, ttirace: Ttirace, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text('{"architecture": "dnn"}')
    result = ttirace("calibrate", "-o", tmp_path / file.stem, "--overwrite")
    assert f"{file} is no profile of ours; name another one" in result.error
    assert file.read_text() == '{"architecture": "dnn"}'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["calibrate", "--links", "5,x"], "want whole numbers, as in 5,10,20"),
        (["calibrate", "--links", "0"], "want at least 1"),
        (["calibrate", "--links", "5,2001"], "2001: want at most 2000"),
        (["calibrate", "--subbands", "10001"], "10001: want at most 10000"),
        (
            ["calibrate", "--links", "2000", "--subbands", "5"],
            "--links 2000, --subbands 5: 20000000 gains in a call; want at most 16777216",
        ),
        (["calibrate", "--longest", "1 ns"], "null: a call takes"),
        (["calibrate", "--period", "3"], "has no unit"),
        (["calibrate", "--period", "0 ms"], "must be positive"),
        (["calibrate", "--allocators", "wmmze"], "did you mean 'wmmse'?"),
        (["calibrate", "--allocators", "dnn", "--links", "7"], "no network for 7 links"),
        (["calibrate", "--cpu", "4096"], "--cpu 4096: want one of"),
        (["calibrate", "--samples", "3", "--rounds", "4"], "--samples: 3, want at least 8"),
        (["calibrate", "--against", "nowhere"], "profile 'nowhere': neither"),
        (["calibrate", "--percentile", "nan"], "--percentile: want a number (got nan)"),
        (["calibrate", "-o", "."], "-o .: names no profile"),
        (["calibrate", "-o", "/proc/nobody/mine"], "-o /proc/nobody/mine: cannot be written"),
        (["calibrate", "-o", "README.md/mine"], "-o README.md/mine: cannot be written: Not a dir"),
        (["verify", "none.yaml"], "none.yaml"),
        (["run", "scenarios/pool.yaml", "--live"], "compute.servers: 2 cannot be played live"),
        (["verify", "scenarios/edf.yaml"], "controllers: 4 cannot be verified"),
        (["verify", "scenarios/munich.yaml", "--miss-ratios", "2"], "want ratios from 0 to 1"),
        (["verify", "scenarios/munich.yaml", "--miss-ratios", "a"], "want numbers"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, ttirace: Ttirace) -> None:
    assert said in ttirace(*arguments).error
