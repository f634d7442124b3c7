"""The race: reproducible to the bit, allocators that do not disturb each other, exact losses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from plugin_allocators import Tilted, named, registered, run_race, scenario

import sim.registry as registry
from sim.build import build_feed
from sim.deadline import InputError, OnMiss, OnOverrun, read_log
from sim.feed import Feed
from sim.problem import FloatArray, PowerControlProblem, PowerControlSpec
from sim.race import Race
from sim.scenario import Scenario


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered():
        yield


GAMMA = {"model": "gamma", "mean_ns": 900_000, "shape": 1.5}

#: Two servers, three controllers with offsets and slots of their own, every kind of randomness.
BUSY: dict[str, Any] = {
    "slots": 700,
    "channel": {"model": "rayleigh", "links": 3, "evolution": "jakes", "doppler": "20 Hz"},
    "budget": {"lead": 2, "csi_ns": 100_000, "control_ns": 50_000},
    "compute": {"servers": 2, "discipline": "edf", "latency": GAMMA},
    "controllers": [
        {"numerology": 1, "offset_ns": 123_457},
        {"slot_ns": 700_000},
        {"offset_ns": 9_000_001},
    ],
    "on_overrun": "abort",
    "allocators": [
        {"wmmse": {"restarts": 1}, "on_miss": "best_so_far"},
        {"random": None, "on_overrun": "continue", "on_miss": "use_late"},
        {"erratic": None, "on_miss": {"fallback": "random", "latency": {"constant": "50 us"}}},
    ],
}


def contents(folder: Path) -> dict[str, bytes]:
    paths = [*(folder / "log").iterdir(), folder / "summary.json"]
    return {path.name: path.read_bytes() for path in sorted(paths)}


def test_the_same_seed_leaves_the_same_files_bit_for_bit(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run_race(scenario(**BUSY), tmp_path / name)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert len(one) >= 7  # parts of three allocators, and the summary


def test_another_seed_leaves_other_files(tmp_path: Path) -> None:
    summaries = [run_race(scenario(**BUSY | {"seed": n}), tmp_path / str(n)) for n in (3, 4)]
    assert summaries[0] != summaries[1]


@pytest.mark.parametrize("window", [1, 7, 1024])
def test_windows_do_not_matter(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = scenario(**BUSY | {"slots": 60})
    run_race(few, tmp_path / "ours")
    monkeypatch.setattr(Feed, "window_slots", window)
    run_race(few, tmp_path / "theirs")
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")


def test_an_allocator_more_changes_nobodys_rows(tmp_path: Path) -> None:
    entries = BUSY["allocators"]
    run_race(scenario(**BUSY), tmp_path / "all")
    together = contents(tmp_path / "all")
    for number, entry in enumerate(entries):
        run_race(scenario(**BUSY | {"allocators": [entry]}), tmp_path / str(number))
        alone = contents(tmp_path / str(number))
        name = next(iter(entry))
        parts = [part for part in alone if part.startswith(f"{name}-")]
        assert parts
        assert all(alone[part] == together[part] for part in parts)
        summary = json.loads(alone["summary.json"])["allocators"][0]
        assert summary == json.loads(together["summary.json"])["allocators"][number]


def test_all_allocators_meet_the_same_jitter(tmp_path: Path) -> None:
    run_race(
        scenario(
            compute={"latency": GAMMA},
            on_overrun="continue",
            allocators=["tilted", {"max_power": None, "on_miss": "use_late"}],
        ),
        tmp_path,
    )
    columns = ["index", "start_ns", "finish_ns", "service_ns"]
    tilted, max_power = (
        read_log(tmp_path / "log", columns, name) for name in ("tilted", "max_power")
    )
    assert tilted.equals(max_power)


def by_hand(problem: PowerControlProblem, power: FloatArray) -> float:
    """Weighted sum rate, loops and all."""
    total = 0.0
    for s in range(problem.subbands):
        for k in range(problem.links):
            heard = problem.noise_w[s, k]
            for j in range(problem.links):
                if j != k:
                    heard += problem.gain[s, k, j] * power[s, j]
            sinr = problem.gain[s, k, k] * power[s, k] / heard
            total += problem.weight[k] * math.log2(1 + sinr) / problem.subbands
    return total


def problems(loaded: Scenario, controller: int = 0) -> list[PowerControlProblem]:
    timing = loaded.controller(controller)
    window = build_feed(loaded, timing, Path()).draw(timing.slots)
    return [window.at(slot) for slot in range(timing.slots)]


@pytest.mark.parametrize("lead", [1, 3])
def test_rates_are_those_of_the_slot_that_is_served(lead: int, tmp_path: Path) -> None:
    loaded = scenario(
        budget={"lead": lead},
        channel={"model": "rayleigh", "links": 3, "subbands": 2, "doppler": "30 Hz"}
        | {"evolution": "gauss_markov"},
        radio={"snr_db": 10, "weights": [1.0, 0.5, 2.0]},
        allocators=["tilted", {"tilted": None, "label": "slow", "latency": {"constant": "1 s"}}],
        on_overrun="abort",
    )
    summary = named(run_race(loaded, tmp_path))
    true = problems(loaded)
    answers = [Tilted().solve(problem).power_w for problem in true]
    sums: dict[str, list[float]] = {"genie": [], "aged": [], "initial": []}
    tilted = read_log(tmp_path / "log", name="tilted").to_pylist()
    slow = read_log(tmp_path / "log", name="slow").to_pylist()
    assert [row["index"] for row in tilted] == list(range(100))
    for n in range(100 - lead):
        genie = by_hand(true[n + lead], answers[n + lead])
        aged = by_hand(true[n + lead], answers[n])
        initial = by_hand(true[n + lead], true[n].p_max_w)
        for name, rate in (("genie", genie), ("aged", aged), ("initial", initial)):
            sums[name].append(rate)
        for row, in_force in ((tilted[n], aged), (slow[n], initial)):
            assert row["genie_bps_hz"] == pytest.approx(genie, rel=1e-12)
            assert row["aged_bps_hz"] == pytest.approx(aged, rel=1e-12)
            assert row["in_force_bps_hz"] == pytest.approx(in_force, rel=1e-12)
        assert (tilted[n]["outcome"], tilted[n]["source"]) == ("met", "own")
        assert (slow[n]["outcome"], slow[n]["source"]) == ("aborted", "initial")
    for row in (*tilted[100 - lead :], *slow[100 - lead :]):  # nothing is served by these
        rates = {row["genie_bps_hz"], row["aged_bps_hz"], row["in_force_bps_hz"]}
        assert rates == {None}
        assert row["outcome"] in ("met", "aborted")

    means = {name: float(np.mean(values)) for name, values in sums.items()}
    assert summary["tilted"]["sum_rate_bps_hz"] == pytest.approx(
        {"genie": means["genie"], "aged": means["aged"], "in_force": means["aged"]}
    )
    assert summary["tilted"]["loss_bps_hz"]["miss"] == 0.0  # exactly
    assert summary["slow"]["loss_bps_hz"]["miss"] == pytest.approx(
        means["aged"] - means["initial"], abs=1e-12
    )
    assert summary["slow"]["jobs"] == 100


@pytest.mark.parametrize("on_overrun", OnOverrun)
@pytest.mark.parametrize("on_miss", ["hold", "use_late", "best_so_far", {"fallback": "random"}])
def test_the_losses_add_up(on_overrun: OnOverrun, on_miss: Any, tmp_path: Path) -> None:
    changes = {"compute": {"servers": 1, "latency": GAMMA}, "allocators": ["erratic"]}
    changes |= {"on_overrun": on_overrun.value, "on_miss": on_miss}
    entry = run_race(scenario(**BUSY | changes | {"slots": 80}), tmp_path)["allocators"][0]
    rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
    assert rate["genie"] - loss["ageing"] - loss["miss"] == pytest.approx(
        rate["in_force"], rel=1e-14
    )
    log = read_log(tmp_path / "log")
    for name in ("genie", "aged", "in_force"):
        means = []
        for controller in entry["controllers"]:
            number = len(means)
            own = log.filter(pc.equal(log["controller"], number))
            column = own[f"{name}_bps_hz"].drop_null().to_numpy()
            assert len(column) == own.num_rows - 2  # the lead
            means.append(column.mean())
            assert controller["sum_rate_bps_hz"][name] == pytest.approx(means[-1], rel=1e-12)
            assert controller["jobs"] == own.num_rows
            met = pc.sum(pc.equal(own["outcome"].cast("string"), "met")).as_py()
            assert controller["miss_ratio"] == pytest.approx(1 - met / own.num_rows)
        # however many slots each has: all are on air all the time
        assert len(means) == 3
        assert np.mean(means) == pytest.approx(rate[name], rel=1e-12)
    outcomes = ("met", "late", "aborted", "skipped", "failed")
    assert sum(entry[outcome] for outcome in outcomes) == entry["jobs"] == log.num_rows
    assert 0 < entry["jain"] <= 1


def test_a_channel_that_stands_still_does_not_age(tmp_path: Path) -> None:
    still = {"model": "rayleigh", "links": 3, "evolution": "gauss_markov", "doppler": "0 Hz"}
    entry = run_race(scenario(channel=still), tmp_path)["allocators"][0]
    assert entry["loss_bps_hz"] == pytest.approx({"ageing": 0.0, "miss": 0.0}, abs=1e-12)


def test_an_answer_in_force_is_not_overwritten_by_the_next_call(tmp_path: Path) -> None:
    rows = run_race(scenario(allocators=["thrifty", "tilted"], on_miss="hold"), tmp_path)
    summary = named(rows)
    assert {**summary["thrifty"], "name": "tilted"} == summary["tilted"]
    assert summary["tilted"]["loss_bps_hz"]["ageing"] != 0


def test_a_rogue_changes_nobodys_rates_not_even_its_own(tmp_path: Path) -> None:
    summary = named(run_race(scenario(allocators=["rogue", "tilted"], on_miss="hold"), tmp_path))
    assert {**summary["rogue"], "name": "tilted"} == summary["tilted"]
    alone = named(run_race(scenario(allocators=["tilted"]), tmp_path / "alone"))
    assert summary["tilted"] == alone["tilted"]
    assert summary["tilted"]["sum_rate_bps_hz"]["genie"] > 0


def test_nobody_raises_its_own_cap(tmp_path: Path) -> None:
    summary = run_race(scenario(allocators=["greedy", "tilted"]), tmp_path)
    greedy = named(summary)["greedy"]
    assert greedy["failed"] == greedy["jobs"] == 100
    assert all("above p_max" in reason for reason in greedy["failures"])
    assert named(summary)["tilted"]["failed"] == 0
    assert "100 jobs failed" in summary["warnings"][0]


def test_failures_are_recorded_and_the_run_goes_on(tmp_path: Path) -> None:
    loaded = scenario(slots=400, allocators=["erratic"])
    summary = run_race(loaded, tmp_path)
    dice = [int(problem.gain[0, 0, 0] * 1e6) % 20 for problem in problems(loaded)]
    entry = summary["allocators"][0]
    assert entry["failed"] == sum(die >= 18 for die in dice)
    assert entry["met"] == sum(die < 18 for die in dice)
    assert entry["failures"]["ArithmeticError: out of luck"] == dice.count(19)
    rows = read_log(tmp_path / "log").to_pylist()
    assert [row["outcome"] == "failed" for row in rows] == [die >= 18 for die in dice]
    assert all((row["reason"] is None) == (row["outcome"] != "failed") for row in rows)
    # A failed call has no answer of its own: it is rated with the one before it.
    genie = [row["genie_bps_hz"] for row in rows]
    assert all(rate is None or math.isfinite(rate) for rate in genie)


def test_a_solver_that_cannot_be_prepared_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^allocators: stillborn: .*no licence found$"):
        Race(scenario(allocators=["stillborn"]), tmp_path)


def test_a_miss_policy_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allocators: tilted: on_miss: 'best_so_far' needs"):
        Race(scenario(on_miss=OnMiss.BEST_SO_FAR.value), tmp_path)


def test_progress_counts_every_slot_once(tmp_path: Path) -> None:
    race = Race(scenario(**BUSY | {"slots": 60}), tmp_path)
    counted: list[int] = []
    race.run(tmp_path / "log", counted.append)
    assert sum(counted) == race.total_slots == 3 * (120 + 85 + 60)
    assert read_log(tmp_path / "log").num_rows == race.total_slots


def test_priority_decides_who_waits(tmp_path: Path) -> None:
    loaded = scenario(
        compute={"discipline": "priority", "latency": {"constant": "400 us"}},
        controllers=[{"priority": 2}, {"priority": 0}, {"priority": 1}],
    )
    run_race(loaded, tmp_path)
    log = read_log(tmp_path / "log").to_pylist()
    delays = {
        number: {
            (row["start_ns"] - row["release_ns"], row["outcome"])
            for row in log
            if row["controller"] == number
        }
        for number in range(3)
    }
    assert delays == {1: {(0, "met")}, 2: {(400_000, "met")}, 0: {(800_000, "aborted")}}


def test_the_budget_is_what_the_lead_leaves(tmp_path: Path) -> None:
    budget = {"lead": 2, "csi_ns": 100_000, "fronthaul_ns": 50_000, "control_ns": 200_000}
    summary = run_race(scenario(budget=budget), tmp_path)
    assert summary["budget_us"] == 1650.0
    row = read_log(tmp_path / "log").to_pylist()[7]
    assert (row["release_ns"], row["deadline_ns"]) == (7_150_000, 8_800_000)
    assert (row["start_ns"], row["finish_ns"]) == (7_150_000, 7_250_000)


@pytest.mark.parametrize(
    ("latency", "speed", "budget_ns"),
    [
        ("measured", 1.0, 900_000),
        ("measured", 2.0, 1_800_000),
        ({"model": "constant", "base_ns": 1}, 1.0, None),
        (GAMMA, 1.0, None),
    ],
)
def test_allocators_learn_the_budget_where_their_time_is_measured(
    latency: Any, speed: float, budget_ns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, int | None] = {}

    class Curious(Tilted):
        def __init__(self, name: str = "main") -> None:
            self.name = name

        def prepare(self, spec: object) -> None:
            assert isinstance(spec, PowerControlSpec)
            seen[self.name] = spec.budget_ns

    monkeypatch.setitem(registry._registered, "curious", Curious)
    loaded = scenario(
        budget={"lead": 1, "csi_ns": 60_000, "control_ns": 40_000},
        compute={"latency": latency, "speed": speed},
        allocators=[{"curious": None, "on_miss": {"fallback": {"curious": {"name": "second"}}}}],
    )
    Race(loaded, Path())
    assert seen == {"main": budget_ns, "second": None}
