"""`ttirace run`: what it leaves behind, what it refuses, and allocators that fail."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from in_process import Ttirace
from trace_checks import check_format

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
    loaded = load_scenario(path, ["slots=20"])
    assert found["scenario"] == loaded.name
    jobs = sum(loaded.controller(number).slots for number in range(len(loaded.controllers)))
    for entry in found["allocators"]:
        log = read_log(out / "log", ["index"], entry["name"])
        assert log.num_rows == entry["jobs"] == jobs


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
    chosen = ["--no-plots", "--set", f"slots={slots}"]
    assert ttirace("run", tiny, "-o", tmp_path / "o", *chosen).code == 0
    times = summary(tmp_path / "o")["allocators"][0]["response_us"]
    assert [name for name in ("p50", "p99", "p999") if times[name] is not None] == carried


@pytest.mark.parametrize(("columns", "narrow"), [(25, True), (80, True), (200, False)])
def test_a_narrow_terminal_is_told_what_a_wider_one_shows(
    columns: int,
    narrow: bool,
    ttirace: Ttirace,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = ttirace("run", tiny, "-o", tmp_path / "out", "--no-plots").out
    assert ("A wider terminal shows" in out) == narrow
    assert "max_power" in out
    assert "\u2026" not in out


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
    assert result.code == 0
    assert not result.err or result.err.startswith("warning: slots: 1, but with budget.lead 1 ")
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
        ("return Allocation(p.p_max_w, 'many')", "work is 'many', not a count"),
        ("return Allocation(p.p_max_w, None)", "work is null, not a count"),
        ("return Allocation(p.p_max_w, -5)", "work is -5, not a count"),
        ("return Allocation(p.p_max_w, 10**30)", "not a count"),
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
    assert result.err.startswith("warning: bad: 10 jobs failed, most often: ")
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
        "        answer = Allocation(p.p_max_w.copy())\n        p.gain[:] = 0\n"
        "        return answer\n"
    )
    chosen = ["--plugin", plugin, "--set", "allocators=[vandal, max_power]", "--no-plots"]
    assert ttirace("run", tiny, "-o", tmp_path / "o", *chosen).code == 0
    vandal, honest = summary(tmp_path / "o")["allocators"]
    assert vandal["sum_rate_bps_hz"] == honest["sum_rate_bps_hz"]


def test_a_trace_is_written_for_perfetto(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    trace = tmp_path / "t.json.gz"
    done = ttirace("run", tiny, "-o", tmp_path / "out", "--no-plots", "--trace", trace)
    assert done.code == 0, done
    events = check_format(gzip.decompress(trace.read_bytes()).decode())
    assert sum(event.get("name", "").startswith("slot ") for event in events) == 30
    new = tmp_path / "none" / "t.json"
    assert ttirace("run", tiny, "-o", tmp_path / "other", "--no-plots", "--trace", new).code == 0
    assert json.loads(new.read_text())["traceEvents"]
    below = ttirace("run", tiny, "-o", tmp_path / "third", "--trace", tiny / "t.json")
    assert "is no folder, or below a file" in below.error
    assert not (tmp_path / "third").exists()


def test_a_trace_beside_the_results(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = ("run", tiny, "-o", out, "--no-plots", "--trace")
    for name in ("manifest.json", "log/t.json", "new/t.json"):
        said = ttirace(*run, out / name).error
        assert f"{out / name} is where results go; want another name in {out}" in said
    assert not out.exists()
    assert ttirace(*run, out / "t.json").code == 0
    first = (out / "t.json").read_bytes()
    assert "--overwrite replaces it" in ttirace(*run, out / "t.json").error
    assert ttirace(*run, out / "t.json", "--overwrite").code == 0
    assert (out / "t.json").read_bytes() == first


@pytest.mark.parametrize("name", ["card.json", "other.json.gz"])
def test_a_trace_replaces_nothing_but_traces(
    name: str, ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text('{"sha256": 0}')
    result = ttirace("run", tiny, "-o", tmp_path / "out", "--trace", file)
    assert f"--trace: {file} is there already and no trace; take another name" in result.error
    assert file.read_text() == '{"sha256": 0}'
    assert not (tmp_path / "out").exists()
    trace = tmp_path / f"t.{name.partition('.')[2]}"
    for folder in ("a", "b"):  # of an older one nothing is kept
        assert ttirace("run", tiny, "-o", tmp_path / folder, "--trace", trace).code == 0
