"""One controller and one server: the simulator is `sim.deadline.run`, job by job, exactly."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_allocators import registered, scenario
from time_models import JITTERS, LATENCIES

from sim.build import build_entrant, build_feed
from sim.deadline import Job, OnMiss, OnOverrun, Outcome, Source, read_log, run
from sim.ledger import RATE_COLUMNS
from sim.problem import evaluate
from sim.race import Race


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered():
        yield


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    slot = draw(st.integers(2, 12))
    lead = draw(st.integers(1, 3))
    budget = {"lead": lead}
    left = lead * slot - 1
    for item in ("csi_ns", "fronthaul_ns", "control_ns"):
        budget[item] = draw(st.integers(0, left) | st.just(0))
        left -= budget[item]
    on_miss = draw(st.sampled_from(OnMiss))
    policy: Any = on_miss.value
    if on_miss is OnMiss.FALLBACK:
        policy = {"fallback": {"erratic": {}}, "latency": draw(LATENCIES)}
    return {
        "seed": draw(st.integers(0, 2**32)),
        "slots": draw(st.integers(1, 60)),
        "slot_ns": slot,
        "budget": budget,
        "channel": {"model": "rayleigh", "links": 2},
        "compute": {
            "latency": draw(LATENCIES),
            "speed": draw(st.sampled_from([1.0, 0.7, 3.0])),
            "release_jitter": draw(st.none() | JITTERS),
            "discipline": draw(st.sampled_from(["fifo", "edf", "priority"])),
            **draw(
                st.sampled_from([{"preemptive": True}, {"batch": 3}, {}])
            ),  # nobody else is there
        },
        "controllers": [{"offset_ns": draw(st.integers(0, 20))}],
        "on_overrun": draw(st.sampled_from(OnOverrun)).value,
        "on_miss": policy,
        "allocators": [{"erratic": {"fails": draw(st.booleans())}}],
    }


def both(
    description: dict[str, Any],
) -> tuple[list[Job], list[Job], list[list[float | None]], list[list[float | None]]]:
    """Return the jobs of `run` and of the simulator, and the rates that each implies."""
    loaded = scenario(**description)
    timing = loaded.controller(0)
    feed = build_feed(loaded, timing, Path())
    entrant = build_entrant(loaded, loaded.allocators[0], timing, feed, Path())
    slots, lead = timing.slots, timing.budget.lead
    window = feed.draw(slots)
    first_ns = timing.offset_ns + timing.release_after_ns
    served = list(
        run(
            entrant,
            map(window.at, range(slots)),
            (first_ns + n * timing.slot_ns for n in range(slots)),
            budget_ns=timing.compute_ns,
        )
    )
    per_link = np.empty(feed.channel.links)
    rates: list[list[float | None]] = [
        [
            evaluate(window.at(n + lead), served[n].answer.power_w, per_link)
            if n + lead < slots
            else None
        ]
        for n in range(slots)
    ]
    with tempfile.TemporaryDirectory() as folder:
        Race(loaded, Path(folder)).run(Path(folder) / "log")
        table = read_log(Path(folder) / "log").to_pylist()
    logged = [[row["in_force_bps_hz"]] for row in table]
    for row in table:
        del row["allocator"]
        for column in RATE_COLUMNS:
            del row[column]
    return [job for job, _ in served], [Job(**row) for row in table], rates, logged


@given(scenarios())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_simulator_is_the_recursion(description: dict[str, Any]) -> None:
    expected, logged, expected_rates, rates = both(description)
    assert logged == expected
    assert rates == expected_rates


def test_a_job_that_waits_until_its_deadline_and_takes_no_time_has_met_it() -> None:
    """Jobs of 0 to 18 ns in slots of 10 ns, and nothing to be done after the answer."""
    description: dict[str, Any] = {
        "slots": 3000,
        "slot_ns": 10,
        "compute": {"latency": {"model": "constant", "per_work_ns": 2}},
        "on_overrun": "continue",
        "on_miss": "use_late",
        "allocators": [{"erratic": {"fails": False}}],
    }
    expected, logged, _, _ = both(description)
    assert logged == expected
    ties = [job for job in logged if job.start_ns == job.finish_ns == job.deadline_ns]
    assert ties
    assert all(job.outcome == Outcome.MET and job.source == Source.OWN for job in ties)


@pytest.mark.parametrize("preemptive", [False, True])
@pytest.mark.parametrize("on_overrun", OnOverrun)
@pytest.mark.parametrize(
    "on_miss",
    ["hold", "use_late", "best_so_far", {"fallback": "erratic", "latency": {"constant": "50 us"}}],
)
def test_a_long_race_in_overload(on_overrun: OnOverrun, on_miss: Any, preemptive: bool) -> None:
    expected, logged, expected_rates, rates = both(
        {
            "slots": 3000,
            "budget": {"lead": 2, "csi_ns": 100_000, "control_ns": 50_000},
            "compute": {
                "latency": {"model": "gamma", "mean_ns": 900_000, "shape": 1.5},
                "discipline": "edf" if preemptive else "fifo",
                "preemptive": preemptive,
                "release_jitter": {"model": "exponential", "mean_ns": 40_000},
            },
            "on_overrun": on_overrun.value,
            "on_miss": on_miss,
            "allocators": ["erratic"],
        }
    )
    assert logged == expected
    assert rates == expected_rates
    outcomes = {job.outcome for job in logged}
    assert {Outcome.MET, Outcome.FAILED} < outcomes
