"""The live race on a virtual clock: the simulator, job by job and rate by rate, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_allocators import registered, scenario
from time_models import JITTERS, LATENCIES

from sim.build import build_entrant
from sim.deadline import OnMiss, OnOverrun, Outcome, VirtualClock
from sim.deadline.log import JobMemory, Jobs
from sim.ledger import RATE_COLUMNS, Tally
from sim.live.controller import LiveController, play, rated
from sim.live.recording import recordings
from sim.race import Race

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered(), patch("gc.collect"):  # collecting the tests' own heap takes 0.1 s
        yield


@st.composite
def controllers(draw: st.DrawFn) -> dict[str, Any]:
    slot = draw(st.integers(2, 12))
    lead = draw(st.integers(1, 3))
    budget = {"lead": lead}
    left = lead * slot - 1
    for item in ("csi_ns", "fronthaul_ns", "control_ns"):
        budget[item] = draw(st.integers(0, left) | st.just(0))
        left -= budget[item]
    return {
        "slot_ns": slot,
        "budget": budget,
        "offset_ns": draw(st.just(0) | st.integers(0, 20)),
        "priority": draw(st.integers(0, 2)),
    }


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    on_miss = draw(st.sampled_from(OnMiss))
    policy: Any = on_miss.value
    if on_miss is OnMiss.FALLBACK:
        policy = {"fallback": {"erratic": {}}, "latency": draw(LATENCIES)}
    return {
        "seed": draw(st.integers(0, 2**32)),
        "slots": draw(st.integers(1, 25)),
        "slot_ns": 8,
        "channel": {"model": "rayleigh", "links": 2},
        "compute": {
            "latency": draw(LATENCIES),
            "release_jitter": draw(st.none() | JITTERS),
            "discipline": draw(st.sampled_from(["fifo", "edf", "priority"])),
        },
        "controllers": draw(st.lists(controllers(), min_size=1, max_size=4)),
        "on_overrun": draw(st.sampled_from(OnOverrun)).value,
        "on_miss": policy,
        "allocators": [{"erratic": {"fails": draw(st.booleans())}}],
    }


def rows(log: Jobs) -> Rows:
    """Return a log's rows, those of one controller after those of another."""
    table: Rows = [row for part in log.parts() for row in part.to_pylist()]
    return sorted(table, key=lambda row: row["controller"])  # stable: each in its own order


def sums(tallies: list[Tally]) -> list[tuple[Any, ...]]:
    return [
        (one.jobs, one.met, one.slots, one.genie, one.aged, one.in_force, one.user.tolist())
        for one in tallies
    ]


def simulated(description: dict[str, Any]) -> tuple[Jobs, list[Tally]]:
    (contestant,) = Race(scenario(**description), Path()).run(None)
    return contestant.log, contestant.tallies


def played(description: dict[str, Any]) -> tuple[Jobs, list[Tally]]:
    """Play a scenario as it is played live, but on a virtual clock with modelled time."""
    loaded = scenario(**description)
    (model,) = loaded.allocators
    own = [
        LiveController(one, build_entrant(loaded, model, one.timing, one.feed, Path()))
        for one in recordings(loaded, Path())
    ]
    for _ in play(own, VirtualClock(), loaded.compute.discipline):
        pass
    with JobMemory(model.label, "allocator", RATE_COLUMNS) as log:
        tallies = rated(own, log)
    return log, tallies


def assert_equal(description: dict[str, Any]) -> Rows:
    """Hold both races side by side and return their rows."""
    (log, tallies), (expected, expected_tallies) = played(description), simulated(description)
    found = rows(log)
    assert found == rows(expected)
    assert sums(tallies) == sums(expected_tallies)
    return found


@given(scenarios())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_on_a_virtual_clock_the_live_race_is_the_simulated_one(
    description: dict[str, Any],
) -> None:
    assert_equal(description)


@pytest.mark.parametrize("discipline", ["fifo", "edf", "priority"])
@pytest.mark.parametrize("on_overrun", OnOverrun)
@pytest.mark.parametrize(
    "on_miss",
    ["hold", "use_late", "best_so_far", {"fallback": "erratic", "latency": {"constant": "30 us"}}],
)
def test_a_long_race_in_overload(discipline: str, on_overrun: OnOverrun, on_miss: Any) -> None:
    description: dict[str, Any] = {
        "slots": 300,
        "budget": {"lead": 2, "csi_ns": 100_000, "control_ns": 50_000},
        "compute": {
            "latency": {"model": "gamma", "mean_ns": 300_000, "shape": 1.5},
            "discipline": discipline,
            "release_jitter": {"model": "exponential", "mean_ns": 20_000},
        },
        "controllers": [
            {"numerology": 1, "priority": 2},
            {"numerology": 0, "priority": 1, "offset": "250 us"},
            {"numerology": 0, "budget": {"lead": 1}},
        ],
        "on_overrun": on_overrun.value,
        "on_miss": on_miss,
        "allocators": ["erratic"],
    }
    found = assert_equal(description)
    assert {Outcome.MET, Outcome.FAILED} < {row["outcome"] for row in found}
    assert len({row["source"] for row in found}) > 2


def test_the_log_goes_by_time() -> None:
    """Readers of its first rows see all controllers, as in the simulation."""
    description: dict[str, Any] = {
        "slots": 50,
        "controllers": [{"numerology": 1}, {}, {"offset": "300 us"}],
        "allocators": ["tilted"],
    }
    for log, _ in (simulated(description), played(description)):
        (part,) = log.parts()
        served = [row["deadline_ns"] for row in part.to_pylist() if row["genie_bps_hz"] is not None]
        assert len(served) == 99 + 49 + 49
        assert served == sorted(served)
