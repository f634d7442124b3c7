"""`ttirace run`: what it leaves behind, what it refuses, and allocators that fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from in_process import TINY, Ttirace

from sim.deadline import read_log
from sim.scenario import load_scenario

SHIPPED = sorted(Path("scenarios").glob("*.yaml"))
PLOTS = ["loss", "rate_over_time", "response_time", "timeline", "user_rates"]
HEAD = "import numpy as np\nfrom sim import Allocation, Solver, register\n"

#: The issue's schema of an allocator's entry: its keys, and those of its mappings.
ENTRY: dict[str, Any] = {
    "name": str,
    "jobs": int,
    "met": int,
    "late": int,
    "aborted": int,
    "skipped": int,
    "miss_ratio": float,
    "miss_ratio_ci95": list,
    "response_us": {"p50", "p99", "p999", "max"},
    "service_us": {"p50", "p99", "p999", "max"},
    "sum_rate_bps_hz": {"genie", "aged", "in_force"},
    "loss_bps_hz": {"ageing", "miss"},
    "per_user_p5_bps_hz": float,
    "jain": float,
}


def summary(folder: Path) -> dict[str, Any]:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    text = (folder / "summary.json").read_text()
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def without_networks(path: Path) -> list[str]:
    """Race what needs no weights: one allocator of the file after the other, by --set."""
    entries = load_scenario(path).allocators
    kept = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    kept = [entry for entry in kept if entry["allocator"] != "dnn"]
    return ["--set", f"allocators={json.dumps(kept)}"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_validate_and_run(path: Path, ttirace: Ttirace, tmp_path: Path) -> None:
    chosen = without_networks(path)
    result = ttirace("validate", path, *chosen)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{path}: ok")
    out = tmp_path / "out"
    result = ttirace("run", path, "-o", out, "--set", "slots=20", *chosen)
    assert result.code == 0
    assert "Most rate in force" in result.out
    assert {p.stem for p in (out / "plots").glob("*.png")} == set(PLOTS)
    found = summary(out)
    loaded = load_scenario(path)
    assert found["scenario"] == loaded.name
    slots = sum(
        max(20 * loaded.controller(0).slot_ns // t.slot_ns, 20)
        for t in [loaded.controller(i) for i in range(len(loaded.controllers))]
    )
    for entry in found["allocators"]:
        assert entry["jobs"] > 0
        assert (
            read_log(out / "log", ["index"], entry["name"]).num_rows == entry["jobs"] <= 2 * slots
        )


def test_summary_has_the_promised_keys(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    chosen = ["--set", "allocators=[wmmse, random]", "--set", "slots=200", "--no-plots"]
    result = ttirace("run", tiny, "-o", tmp_path / "out", "--json", *chosen)
    assert result.code == 0
    found = summary(tmp_path / "out")
    assert json.loads(result.out) == found
    assert {"scenario", "budget_us", "allocators"} <= set(found)
    assert found["budget_us"] == 1000.0
    for entry in found["allocators"]:
        for key, kind in ENTRY.items():
            if isinstance(kind, set):
                assert set(entry[key]) == kind
            else:
                assert isinstance(entry[key], kind), key
        outcomes = ("met", "late", "aborted", "skipped", "failed")
        assert sum(entry[outcome] for outcome in outcomes) == entry["jobs"] == 200
        rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
        assert rate["genie"] - loss["ageing"] == pytest.approx(rate["aged"], abs=1e-12)
        assert rate["aged"] - loss["miss"] == pytest.approx(rate["in_force"], abs=1e-12)
        low, high = entry["miss_ratio_ci95"]
        assert low <= entry["miss_ratio"] <= high
        # 200 jobs carry a median, and neither p99 (459) nor p99.9 (4,603)
        assert entry["response_us"] == {"p50": 10.0, "p99": None, "p999": None, "max": 10.0}
        assert entry["service_us"]["p999"] is None
    assert not (tmp_path / "out" / "plots").exists()


@pytest.mark.parametrize(("slots", "carried"), [(6, []), (500, ["p50", "p99"])])
def test_percentiles_are_null_where_the_data_cannot_carry_them(
    slots: int, carried: list[str], ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    assert (
        ttirace("run", tiny, "-o", tmp_path / "o", "--no-plots", "--set", f"slots={slots}").code
        == 0
    )
    times = summary(tmp_path / "o")["allocators"][0]["response_us"]
    assert [name for name in ("p50", "p99", "p999") if times[name] is not None] == carried


@pytest.mark.parametrize(
    "changes",
    [
        ["slots=1"],  # no slot is served
        ["slots=3", "radio={p_max: 0 W, noise: 1 W}"],  # no rate
        ["compute.latency={constant: 0 s}"],  # nothing on a log axis
        ["on_overrun=skip", "compute.latency={constant: 1000 s}"],  # hardly a response
        ["name='[b] $x$ $^$'", "controllers=[{name: '[/b] $x'}, {name: '$y$'}]"],  # markup
    ],
)
def test_odd_races_are_drawn_and_tabled(
    changes: list[str], ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    result = ttirace("run", tiny, "-o", tmp_path / "o", *[x for c in changes for x in ("--set", c)])
    assert (result.code, result.err) == (0, "")
    assert len(list((tmp_path / "o" / "plots").glob("*.png"))) == len(PLOTS)
    summary(tmp_path / "o")


def test_the_resolved_scenario_runs_to_the_same_figures(
    ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert ttirace("run", tiny, "-o", first, "--no-plots", "--set", "seed=5").code == 0
    assert ttirace("run", first / "scenario.yaml", "-o", second, "--no-plots").code == 0
    assert summary(first) == summary(second)
    assert json.loads((second / "manifest.json").read_text())["status"] == "complete"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('boom\\nbang')", "RuntimeError: boom bang"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("return (lambda f: f(f))(lambda f: f(f))", "RecursionError"),
        ("return None", "NoneType, not an Allocation"),
        ("return p.p_max_w", "ndarray, not an Allocation"),
        ("return Allocation(p.p_max_w * np.nan)", r"power_w[0, 0] = nan is not finite"),
        ("return Allocation(np.ones(3))", "has shape (3,), want (2, 3)"),
        ("return Allocation(1.1 * p.p_max_w)", "= 0.55 is above p_max 0.5"),
        ("return Allocation(-p.p_max_w)", "is negative"),
        ("return Allocation(p.p_max_w.tolist())", "not an array of real numbers"),
        ("return Allocation(p.p_max_w * 1j)", "not an array of real numbers"),
        ("return Allocation(p.p_max_w.astype(object))", "not an array of real numbers"),
        ("return Allocation(p.p_max_w, 'many')", "work is 'many', not a whole number"),
        ("return Allocation(p.p_max_w, None)", "work is null, not a whole number"),
        ("return Allocation(p.p_max_w, -5)", "work is -5, not in 0 .."),
        ("return Allocation(p.p_max_w, 10**30)", "not in 0 .."),
    ],
)
def test_failing_allocators_lose_their_jobs_not_the_run(
    body: str, reason: str, ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        f"{HEAD}@register('bad')\nclass Bad(Solver):\n    n = 0\n    def solve(self, p):\n"
        f"        self.n += 1\n        if self.n % 3:\n            return Allocation(p.p_max_w)\n"
        f"        {body}\n"
    )
    out = tmp_path / "out"
    chosen = ["--plugin", plugin, "--set", "allocators=[max_power, bad]", "--no-plots"]
    chosen += ["--set", "compute.latency={constant: {base: 1 us, per_work: 1 us}}"]
    result = ttirace("run", tiny, "-o", out, *chosen)
    assert result.code == 1
    assert result.err.startswith("warning: bad: 10 jobs failed, first: ")
    assert reason in result.err
    assert result.err.count("\n") == 1
    good, bad = summary(out)["allocators"]
    assert (good["met"], good["failed"]) == (30, 0)
    assert (bad["jobs"], bad["met"], bad["failed"]) == (30, 20, 10)
    log = read_log(out / "log", ["outcome", "source", "reason"], "bad").to_pylist()
    for number, row in enumerate(log, 1):
        assert row["outcome"] == ("met" if number % 3 else "failed")
        assert row["source"] == ("own" if number % 3 else "held")
        assert row["reason"] is None if number % 3 else reason in row["reason"]
    # max_power's answer holds where it failed, so that nothing is lost
    assert bad["sum_rate_bps_hz"] == good["sum_rate_bps_hz"]
    assert json.loads((out / "manifest.json").read_text())["status"] == "complete"


def test_mutating_the_problem_changes_nobodys_rates(
    ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        f"{HEAD}@register('vandal')\nclass V(Solver):\n    def solve(self, p):\n"
        "        answer = Allocation(p.p_max_w.copy())\n        p.gain[:] = 0\n        return answer\n"
    )
    chosen = ["--plugin", plugin, "--set", "allocators=[vandal, max_power]", "--no-plots"]
    assert ttirace("run", tiny, "-o", tmp_path / "o", *chosen).code == 0
    vandal, honest = summary(tmp_path / "o")["allocators"]
    assert vandal["sum_rate_bps_hz"] == honest["sum_rate_bps_hz"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["radio.weights=[1, 2]"], "radio.weights: has 2 values, the channel has 3 links"),
        (["radio.weights=[]"], "radio.weights: has 0 values"),
        (["radio={noise: 1 W, p_max: [1 W, 2 W]}"], "radio.p_max: has 2 values"),
        (["radio={noise_figure_db: 7}"], "radio.bandwidth: is required with noise_figure_db"),
        (["channel.rayleigh.links=20", "allocators=[exhaustive]"], "at most 14 links"),
        (["on_miss=best_so_far"], "'best_so_far' needs an anytime solver"),
        (["allocators=[{wmmse: {backend: x}}]"], "allocators: wmmse: wmmse.backend: should be"),
        (["on_miss={fallback: {wmmse: {backend: x}}}"], "wmmse.backend: should be"),
        (["channel={trace: nope.h5}"], "nope.h5: no such file"),
        (["channel={trace: .}"], "no such file, want an HDF5 file"),
    ],
)
def test_what_cannot_be_built_leaves_nothing(
    changes: list[str], said: str, ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    sets = [x for c in changes for x in ("--set", c)]
    for command in (["validate", tiny], ["run", tiny, "-o", tmp_path / "out"]):
        error = ttirace(*command, *sets).error
        assert error.startswith(f"{tiny}: ")
        assert said in error
    assert not (tmp_path / "out").exists()


def _trace(path: Path, gain: np.ndarray | None, **attrs: Any) -> None:
    with h5py.File(path, "w") as file:
        if gain is not None:
            file["gain"] = gain
        file.attrs.update({"sample_interval_s": 1e-3, "bandwidth_hz": 1e7} | attrs)


GAIN = np.random.default_rng(0).exponential(size=(30, 2, 3, 3))


@pytest.mark.parametrize(
    ("gain", "attrs", "said"),
    [
        (np.where(np.arange(3) == 1, np.nan, GAIN), {}, "[0, 0, 0, 1] is nan"),
        (-GAIN, {}, "want a finite gain, 0 or more"),
        (GAIN[:, 0], {}, "has 3 axes, shape (30, 3, 3), want 4 (time, subband, rx, tx)"),
        (GAIN[:, :, :2], {}, "has 2 rx and 3 tx"),
        (GAIN[:10], {}, "has 10 slots, the scenario needs 30"),
        (GAIN[:0], {}, "is empty"),
        (None, {}, "neither dataset 'H' nor 'gain'"),
        (GAIN, {"sample_interval_s": 2e-3}, "sample_interval_s is 0.002 but a slot takes 0.001"),
        (GAIN, {"sample_interval_s": "1 ms"}, "'sample_interval_s' is '1 ms', want seconds"),
        (GAIN, {"axes": "subband, time, rx, tx"}, "attribute 'axes' is"),
        (GAIN, {"bandwidth_hz": 0}, "'bandwidth_hz': 0, want a finite number above 0"),
        (GAIN, {"bandwidth_hz": np.nan}, "'bandwidth_hz': nan"),
        (GAIN, {"bandwidth_hz": "20 MHz"}, "'bandwidth_hz': '20 MHz'"),
    ],
)
def test_wrong_traces(
    gain: np.ndarray | None, attrs: dict[str, Any], said: str, ttirace: Ttirace, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5").replace(
            "snr_db: 0", "noise_figure_db: 7"
        )
    )
    _trace(tmp_path / "t.h5", GAIN)
    assert ttirace("validate", path).code == 0
    _trace(tmp_path / "t.h5", gain, **attrs)
    error = ttirace("run", path, "-o", tmp_path / "out").error
    assert error.startswith(f"{path}: {tmp_path / 't.h5'}: ")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_damaged_traces(ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5"))
    _trace(tmp_path / "t.h5", GAIN)
    whole = (tmp_path / "t.h5").read_bytes()
    for damaged in (b"", b"hello" * 100, whole[: len(whole) // 2], whole[:-64]):
        (tmp_path / "t.h5").write_bytes(damaged)
        assert "not a readable HDF5 file, or damaged" in ttirace("validate", path).error


def test_output_folders(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    run = ["run", tiny, "--no-plots", "-o"]
    (tmp_path / "file").write_text("mine")
    assert "is a file; want a folder" in ttirace(*run, tmp_path / "file").error
    assert "cannot be used: Not a directory" in ttirace(*run, tmp_path / "file" / "x").error
    assert "cannot be used" in ttirace(*run, "/proc/nothing").error
    assert "cannot be used: File name too long" in ttirace(*run, tmp_path / ("x" * 300)).error
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    for flags in ([], ["--overwrite"]):
        assert "holds 'notes.txt', no run of ours" in ttirace(*run, other, *flags).error
    assert [p.name for p in other.iterdir()] == ["notes.txt"]
    assert (tmp_path / "file").read_text() == "mine"


def test_overwriting(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ttirace("run", tiny, "-o", out).code == 0
    before = (out / "summary.json").read_bytes()
    again = ["run", tiny, "-o", out, "--no-plots", "--set", "allocators=[wmmse]"]
    assert "holds an earlier run; --overwrite replaces it" in ttirace(*again).error
    assert (out / "summary.json").read_bytes() == before
    # a wrong scenario must not cost the earlier run
    assert ttirace(*again, "--overwrite", "--set", "slots=0").code == 2
    assert (out / "summary.json").read_bytes() == before
    assert ttirace(*again, "--overwrite").code == 0
    assert [entry["name"] for entry in summary(out)["allocators"]] == ["wmmse"]
    assert not (out / "plots").exists()
    assert not list((out / "log").glob("max_power*"))
    # what a killed run leaves half-written is no reason to refuse
    (out / ".summary.json.part").write_text("{")
    assert ttirace(*again, "--overwrite").code == 0
    assert not (out / ".summary.json.part").exists()


def test_output_goes_to_the_scenarios_name(
    ttirace: Ttirace, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ttirace("run", tiny, "--no-plots").code == 0
    assert (tmp_path / "out" / "tiny" / "summary.json").is_file()
    assert "no slashes" in ttirace("run", tiny, "--set", "name=../../x").error


def test_rates_that_are_not_finite_are_no_result(ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5"))
    _trace(tmp_path / "t.h5", 1e307 * GAIN)
    chosen = ["--set", "radio={noise: 1 W, p_max: 1e20 W}", "--no-plots"]
    assert "rates are not finite" in ttirace("run", path, "-o", tmp_path / "o", *chosen).error
    assert not (tmp_path / "o" / "summary.json").exists()
    assert json.loads((tmp_path / "o" / "manifest.json").read_text())["status"] == "running"
