"""One call over several controllers' problems: who shares it, what it costs, who is told what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_allocators import Tilted, registered, run_race, scenario
from pool_demands import DEMANDS, Demand, Row, by_definition, pooled

import sim.registry as registry
from sim.deadline import InputError, Joined, OnOverrun, Outcome, Solver, read_log
from sim.deadline.discipline import Discipline
from sim.problem import Allocation, PowerControlProblem, PowerControlSpec
from sim.race import Race


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered(), patch("gc.collect"):  # collecting the tests' own heap takes 0.1 s
        yield


@given(
    DEMANDS,
    st.integers(1, 3),
    st.sampled_from(["fifo", "edf", "priority"]),
    st.sampled_from([OnOverrun.CONTINUE, OnOverrun.ABORT]),
    st.integers(1, 5),
)
@settings(max_examples=300)
def test_the_batching_pool_does_what_its_definition_says(
    demands: list[Demand],
    servers: int,
    discipline: Discipline,
    on_overrun: OnOverrun,
    batch: int,
) -> None:
    ours = pooled(demands, servers, discipline, on_overrun, batch=batch)
    assert ours == by_definition(demands, servers, discipline, on_overrun, batch=batch)


def test_a_batch_starts_and_ends_together_and_each_has_its_own_deadline() -> None:
    demands = [Demand(0, budget, 4, controller=n) for n, budget in enumerate([10, 9, 20])]
    # 4, and 3 for each of the others
    assert pooled(demands, 1, "fifo", batch=3) == [
        Row(0, 10, Outcome.MET),
        Row(0, 10, Outcome.LATE, 9),
        Row(0, 10, Outcome.MET),
    ]
    cut = pooled(demands, 1, "fifo", OnOverrun.ABORT, batch=3)
    assert cut[1] == Row(0, 9, Outcome.ABORTED, 9)
    assert cut[2] == Row(0, 10, Outcome.MET)


def test_who_does_not_fit_waits_its_turn() -> None:
    demands = [
        Demand(0, 90, 4, controller=0),
        Demand(0, 90, 4, controller=0),  # of the same controller
        Demand(0, 90, 4, controller=1, size=1),  # of another size
        Demand(0, 90, 4, controller=2),
        Demand(0, 90, 4, controller=3),  # no room
    ]
    starts = [row.start_ns for row in pooled(demands, 1, "fifo", batch=2)]
    assert starts == [0, 7, 14, 0, 7]


POOL: dict[str, Any] = {
    "controllers": 3,
    "on_overrun": "continue",
    "allocators": ["tilted"],
}


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_log(folder / "log").to_pylist()


def test_a_constant_base_is_paid_once_a_call(tmp_path: Path) -> None:
    latency = {"constant": {"base": "300 us", "per_work": "10 us"}}
    for batch in (1, 3):
        compute = {"latency": latency, "batch": batch}
        run_race(
            scenario(**POOL | {"compute": compute, "allocators": [{"erratic": {"fails": False}}]}),
            tmp_path / str(batch),
        )
    alone, shared = rows(tmp_path / "1"), rows(tmp_path / "3")
    kept = ("index", "controller", "work", "release_ns", "deadline_ns")
    assert sorted([row[key] for key in kept] for row in alone) == sorted(
        [row[key] for key in kept] for row in shared
    )
    for index in range(100):
        work = sum(row["work"] for row in shared if row["index"] == index)
        together = [row for row in shared if row["index"] == index]
        assert [row["service_ns"] for row in together] == [300_000 + 10_000 * work] * 3
        assert [row["start_ns"] for row in together] == [index * 1_000_000] * 3


def test_answers_in_force_are_those_of_the_separate_calls(tmp_path: Path) -> None:
    """Nobody misses in either, so every rate is the same."""
    for batch in (1, 3):
        compute = {"latency": {"constant": "100 us"}, "batch": batch}
        run_race(
            scenario(**POOL | {"compute": compute, "allocators": ["wmmse"]}), tmp_path / str(batch)
        )
    rates = [
        [(row["genie_bps_hz"], row["aged_bps_hz"], row["in_force_bps_hz"]) for row in rows(folder)]
        for folder in (tmp_path / "1", tmp_path / "3")
    ]
    assert rates[0] == rates[1]


class Host:
    """A host whose time passes only when an allocator works."""

    now_ns = 0

    def perf_counter_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Have calls timed by a host of ours, on which `worker` takes 20 us and 30 us a subband."""
    host = Host()

    class Worker(Tilted):
        prepared = 0

        def __init__(self, base_us: int = 20) -> None:
            self.base_us = base_us

        def prepare(self, spec: object) -> None:
            assert isinstance(spec, PowerControlSpec)
            self.prepared = spec.subbands

        def solve(self, problem: PowerControlProblem) -> Allocation:
            assert problem.subbands == self.prepared
            host.now_ns += 1000 * (self.base_us + 30 * problem.subbands)
            return super().solve(problem)

    monkeypatch.setattr("sim.deadline.call.time", host)
    monkeypatch.setitem(registry._registered, "worker", Worker)
    return host


def test_measured_time_is_that_of_one_call_over_all_subbands(host: Host, tmp_path: Path) -> None:
    del host
    compute = {"latency": "measured", "batch": 2, "speed": 2.0}
    run_race(scenario(**POOL | {"compute": compute, "allocators": ["worker"]}), tmp_path)
    delays = [
        (row["start_ns"] - row["release_ns"], row["service_ns"], row["outcome"])
        for row in rows(tmp_path)
    ]
    # Two subbands each: two controllers' take (20 + 4 x 30) / 2, then the third's 80 / 2.
    together = (0, 70_000, "met")
    assert sorted(delays) == [together] * 200 + [(70_000, 40_000, "met")] * 100


def test_each_size_is_called_once_untimed_after_others_had_the_processor() -> None:
    calls: list[int] = []

    class Counting(Solver[list[int], int]):
        def solve(self, problem: list[int]) -> int:
            calls.append(len(problem))
            return 0

    solver = Counting()
    joined = Joined[list[int], int](lambda lists: sum(lists, []), {2: solver, 3: solver})  # noqa: RUF017
    for size in (2, 2, 3):
        assert joined.elapsed_ns([[7]] * size) >= 0
    joined.cool()
    joined.elapsed_ns([[7]] * 2)
    assert calls == [2, 2, 2, 3, 3, 2, 2]


def test_a_measured_fallback_shares_its_call_too(host: Host, tmp_path: Path) -> None:
    del host
    run_race(
        scenario(
            **POOL
            | {
                "compute": {"latency": "measured", "batch": 3},
                "on_miss": {"fallback": {"worker": {"base_us": 5}}},
                "allocators": [{"worker": {"base_us": 1000}}],
            }
        ),
        tmp_path,
    )
    row = rows(tmp_path)[0]
    assert row["service_ns"] == (5 + 180 + 1000 + 180) * 1000
    assert row["source"] == "fallback"  # there after 185 us


def test_jobs_that_wait_beyond_their_deadline_can_still_share_a_measured_call(
    host: Host, tmp_path: Path
) -> None:
    """In overload the queue outlives what was settled; their problems are kept for the call."""
    del host
    compute = {"latency": "measured", "batch": 2, "speed": 0.1}
    summary = run_race(scenario(**POOL | {"compute": compute, "allocators": ["worker"]}), tmp_path)
    found = rows(tmp_path)
    assert {row["service_ns"] for row in found} <= {1_400_000, 800_000}
    assert summary["allocators"][0]["late"] > 250


def test_a_release_jitter_wakes_the_whole_batch(tmp_path: Path) -> None:
    compute = {
        "latency": {"constant": "100 us"},
        "batch": 3,
        "release_jitter": {"uniform": {"low": "1 us", "high": "50 us"}},
    }
    run_race(scenario(**POOL | {"compute": compute}), tmp_path)
    by_slot: dict[int, set[int]] = {}
    for row in rows(tmp_path):
        by_slot.setdefault(row["index"], set()).add(row["start_ns"] - row["release_ns"])
    assert all(len(delays) == 1 for delays in by_slot.values())
    assert all(1_000 <= min(delays) <= 50_000 for delays in by_slot.values())
    assert len({min(delays) for delays in by_slot.values()}) > 90


def test_an_allocator_that_cannot_be_had_for_a_batch_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Small(Tilted):
        def prepare(self, spec: object) -> None:
            assert isinstance(spec, PowerControlSpec)
            if spec.subbands > 4:
                raise InputError("at most 4 subbands")

    monkeypatch.setitem(registry._registered, "small", Small)
    compute = {"latency": "measured", "batch": 3}
    with pytest.raises(InputError, match=r"^allocators: small: in a batch of 3: at most 4"):
        Race(scenario(**POOL | {"compute": compute, "allocators": ["small"]}), tmp_path)
    modelled = {"latency": {"constant": "1 us"}, "batch": 3}
    Race(scenario(**POOL | {"compute": modelled, "allocators": ["small"]}), tmp_path)


def test_a_batch_that_nobody_can_fill_is_warned_of(tmp_path: Path) -> None:
    compute = {"latency": {"constant": "100 us"}, "batch": 8}
    summary = run_race(scenario(**POOL | {"compute": compute}), tmp_path / "8")
    assert summary["warnings"] == [
        "compute.batch: 8, but no call serves more than 3: one job of each controller"
    ]
    fitting = run_race(scenario(**POOL | {"compute": compute | {"batch": 3}}), tmp_path / "3")
    assert fitting["warnings"] == []
    assert fitting["allocators"] == summary["allocators"]
