"""An allocator stepped through the environment is that allocator in a race."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import SMALL, changed, made, made_trace, trace_scenario

from sim.problem import PowerControlSpec, sum_rate
from sim.race import Race
from sim.registry import prepare_allocator
from sim.scenario import Scenario
from sim.seeding import stream

STEPS = 150
SEED = 77

#: A wmmse of a few iterations more or less costs the same here: an agent's answer has none.
LATENCIES: list[dict[str, Any]] = [
    {"constant": "900 us"},
    {"constant": "2400 us"},
    {"lognormal": {"median": "1500 us", "sigma": 0.8}},
]


def raced(description: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the log of a race of wmmse, in the order of its jobs."""
    race = Race(Scenario.model_validate({**description, "allocators": ["wmmse"]}), Path())
    (contestant,) = race.run(None)
    return [row for part in contestant.log.parts() for row in part.to_pylist()]


def stepped(description: dict[str, Any]) -> tuple[list[float], list[str]]:
    """Return the rewards and outcomes of wmmse in the environment, after each step."""
    env = made(description, latency="scenario", episode_slots=STEPS)
    env.reset(options={"episode_seed": SEED})
    settings = env.settings
    spec = PowerControlSpec(settings.links, settings.subbands, stream(SEED, "allocator", 0))
    wmmse = prepare_allocator("wmmse", {}, spec)
    rewards, outcomes = [], []
    for _ in range(STEPS):
        _, reward, _, _, info = env.step(env.action_for(wmmse.solve(env.problem).power_w))
        rewards.append(reward)
        outcomes.append(info["outcome"])
    return rewards, outcomes


@pytest.mark.parametrize("latency", LATENCIES, ids=lambda latency: str(*latency.values()))
@pytest.mark.parametrize("lead", [1, 2, 3])
@pytest.mark.parametrize("on_miss", ["hold", "use_late"])
@pytest.mark.parametrize("on_overrun", ["abort", "skip", "continue"])
def test_rates_and_outcomes_are_those_of_the_race(
    on_overrun: str, on_miss: str, lead: int, latency: dict[str, Any]
) -> None:
    description = changed(
        seed=SEED,
        slots=STEPS + 1,
        budget={"lead": lead, "csi_ns": 100_000, "control_ns": 50_000},
        compute={"latency": latency},
        on_overrun=on_overrun,
        on_miss=on_miss,
    )
    rewards, outcomes = stepped(description)
    rows = raced(description)
    served = [row for row in rows if row["in_force_bps_hz"] is not None]
    # The first answer serves in slot `lead`, which step `lead` leads to.
    assert outcomes == ["initial"] * (lead - 1) + [row["outcome"] for row in served]
    # Powers go through an action in double precision: 2 p - 1 and back.
    np.testing.assert_allclose(
        rewards[lead - 1 :], [row["in_force_bps_hz"] for row in served], rtol=1e-12
    )
    assert len(set(rewards[lead - 1 :])) > 1


def test_release_jitter_speed_and_offset_are_those_of_the_race() -> None:
    description = changed(
        seed=SEED,
        slots=STEPS + 1,
        compute={
            "latency": {"gamma": {"mean": "3 ms", "shape": 2}},
            "speed": 2.0,
            "release_jitter": {"exponential": "500 us"},
        },
        controllers=[{"offset_ns": 1234}],
        on_overrun="abort",
        on_miss="use_late",
    )
    rewards, outcomes = stepped(description)
    served = [row for row in raced(description) if row["in_force_bps_hz"] is not None]
    assert outcomes[1:] == [row["outcome"] for row in served]
    assert {"met", "aborted", "skipped"} <= set(outcomes)
    np.testing.assert_allclose(rewards[1:], [row["in_force_bps_hz"] for row in served], rtol=1e-12)


def test_a_recording_that_just_fits_is_the_races_own(tmp_path: Path) -> None:
    description = trace_scenario(
        made_trace(tmp_path, STEPS + 1),
        seed=SEED,
        slots=STEPS + 1,
        compute={"latency": LATENCIES[2]},
        on_overrun="skip",
        on_miss="use_late",
    )
    rewards, outcomes = stepped(description)
    served = [row for row in raced(description) if row["in_force_bps_hz"] is not None]
    assert outcomes == [row["outcome"] for row in served]
    np.testing.assert_allclose(rewards, [row["in_force_bps_hz"] for row in served], rtol=1e-12)


def test_without_deadlines_rewards_are_the_genie_rates_of_the_race() -> None:
    description = changed(seed=SEED, slots=STEPS, compute={"latency": {"constant": "1 us"}})
    env = made(description)
    env.reset(options={"episode_seed": SEED})
    wmmse = prepare_allocator("wmmse", {}, PowerControlSpec(3, 2, stream(SEED, "allocator", 0)))
    rewards = [env.step(env.action_for(wmmse.solve(env.problem).power_w))[1] for _ in range(STEPS)]
    genie = [row["genie_bps_hz"] for row in raced(description)]
    # A row is of the slot that its job serves, two slots on; the last two have none.
    np.testing.assert_allclose(rewards[2:], genie[:-2], rtol=1e-12)


def test_full_power_is_in_force_before_the_first_answer() -> None:
    env = made(changed(budget={"lead": 3}), latency={"constant": "1 us"})
    env.reset(seed=1)
    for slot in range(1, 5):
        _, reward, _, _, info = env.step(-np.ones(6))
        full = sum_rate(env.problem, env.settings.p_max_w)
        assert reward == (pytest.approx(full, rel=1e-12) if slot < 3 else 0.0)
        assert info["outcome"] == ("initial" if slot < 3 else "met")


@pytest.mark.parametrize("cost_of", ["wmmse", "unfolded"])
def test_a_calibrated_cost_is_that_of_the_allocators_median_call(cost_of: str) -> None:
    scenario = {**SMALL, "channel": {"rayleigh": {"links": 10}}, "radio": {"snr_db": 0}}
    env = made(scenario, latency={"calibrated": {"cost_of": cost_of}})
    deadlines = env.settings.deadlines
    assert deadlines is not None
    model, work = deadlines.service(1, 10, 1, Path())
    times = [model.service_ns(chance, 0, work) for chance in np.linspace(0.0, 0.99, 100)]
    cost = model._costs[1]  # type: ignore[attr-defined]
    # The line through the strata's medians need not meet the overall one: half of it either way.
    assert 0.5 * cost.typical_ns < np.median(times) < 2.0 * cost.typical_ns
    assert (work > 0) == (cost.per_work_ns > 0)
    env.reset(seed=1)
    assert env.step(np.zeros(10))[1] > 0
