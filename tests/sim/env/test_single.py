"""What an observation, an action and a reward are: by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ON_THE_EDGE, SMALL, changed, equal, made, made_trace, trace_scenario
from environments import trajectory as trajectory_of
from plugin_allocators import registered

from sim.build import build_feed
from sim.deadline import InputError
from sim.env import InvalidActionError, ResetNeededError
from sim.problem import PowerControlSpec, sum_rate
from sim.registry import prepare_allocator
from sim.scenario import Scenario
from sim.seeding import stream


def test_an_action_serves_in_the_slot_observed_without_deadlines() -> None:
    env = made()
    rng = np.random.default_rng(1)
    env.reset(seed=4)
    for slot in range(20):
        problem = env.problem
        action = rng.uniform(-1, 1, 6).astype(np.float32)
        seen, reward, terminated, truncated, info = env.step(action)
        power = (action.astype(float).reshape(2, 3) + 1) / 2 * problem.p_max_w
        assert reward == pytest.approx(sum_rate(problem, power), rel=1e-12)
        assert info == {"slot": slot + 1, "sum_rate_bps_hz": reward, "outcome": "met"}
        assert terminated is False
        assert truncated is (slot == 19)
        now = env.problem
        bels = np.log10(now.gain * now.p_max_w[:, None, :] / now.noise_w[:, :, None])
        # float32: 1e-7 of up to ten bels
        np.testing.assert_allclose(seen[:18], bels.reshape(-1), atol=2e-6)
        np.testing.assert_allclose(seen[18:], (power / now.p_max_w).reshape(-1), atol=1e-7)


def test_the_channel_is_that_of_a_race_with_the_episodes_seed() -> None:
    env = made()
    _, info = env.reset(seed=9)
    loaded = Scenario.model_validate({**SMALL, "seed": info["episode_seed"], "allocators": ["fp"]})
    gains = build_feed(loaded, loaded.controller(0), Path()).draw(20).gain
    for gain in gains:
        assert np.array_equal(env.problem.gain, gain)
        env.step(np.zeros(6, np.float32))


def test_a_scale_in_decibels_begins_at_the_lowest_power_and_is_off_at_its_end() -> None:
    env = made(power_scale="db", min_power_db=-40)
    cap = env.settings.p_max_w
    env.reset(seed=1)
    values = np.array([-1.0, np.nextafter(-1.0, 0.0), -0.5, 0.0, 0.5, 1.0])
    seen = env.step(values)[0][18:]
    # -1 is off; what is barely above it is 40 dB below the cap
    np.testing.assert_allclose(seen, [0, 1e-4, 1e-3, 1e-2, 1e-1, 1], rtol=1e-6)
    np.testing.assert_allclose(env.action_for(seen.reshape(2, 3) * cap), values, atol=1e-6)


@pytest.mark.parametrize("scale", ["linear", "db"])
def test_an_action_can_be_had_for_any_power(scale: str) -> None:
    env = made(power_scale=scale, min_power_db=-50)
    env.reset(seed=1)
    power = env.settings.p_max_w * np.array([[0.0, 0.2, 1.0], [0.5, 1e-3, 0.9]])
    seen = env.step(env.action_for(power))[0][18:]
    np.testing.assert_allclose(seen.reshape(2, 3) * env.settings.p_max_w, power, rtol=1e-6)


def test_a_link_without_power_is_seen_without_it() -> None:
    env = made(changed(radio={"p_max_w": [1.0, 0.0, 2.0], "noise_w": 0.1}))
    seen, *_ = env.reset(seed=1)
    assert seen in env.observation_space
    assert np.all(seen[1:18:3] == pytest.approx(-10.0, abs=1e-3))
    assert np.array_equal(env.step(np.ones(6))[0][18:], [1, 0, 1, 1, 0, 1])
    assert np.array_equal(env.action_for(env.settings.p_max_w), [1, -1, 1, 1, -1, 1])


def test_loss_is_the_rate_less_that_of_the_reference_on_the_same_slot() -> None:
    env = made(reward="loss", reference="wmmse")
    plain = made(reference="wmmse")
    seed = env.reset(seed=2)[1]["episode_seed"]
    plain.reset(seed=2)
    spec = PowerControlSpec(3, 2, stream(seed, "allocator", 0))
    wmmse = prepare_allocator("wmmse", {}, spec)
    for _ in range(20):
        problem = env.problem
        expected = sum_rate(problem, wmmse.solve(problem).power_w)
        _, reward, _, _, info = env.step(np.full(6, 0.2))
        assert info["reference"] == pytest.approx(expected, rel=1e-12)
        assert reward == info["sum_rate_bps_hz"] - info["reference"]
        _, rate, _, _, same = plain.step(np.full(6, 0.2))
        assert same == info
        assert rate == info["sum_rate_bps_hz"]


def test_a_reference_draws_what_it_would_in_a_race() -> None:
    env = made(reference="random")
    for seed in (2, 3):
        episode = env.reset(seed=seed)[1]["episode_seed"]
        spec = PowerControlSpec(3, 2, stream(episode, "allocator", 0))
        random = prepare_allocator("random", {}, spec)
        for _ in range(5):
            problem = env.problem
            expected = sum_rate(problem, random.solve(problem).power_w)
            assert env.step(np.zeros(6))[-1]["reference"] == pytest.approx(expected, rel=1e-12)


def test_what_a_reference_does_to_its_problem_harms_nobody() -> None:
    with registered():
        tilted, rogue = made(reference="tilted"), made(reference="rogue")
        assert equal(trajectory_of(tilted, 20), trajectory_of(rogue, 20))


def test_a_reference_that_fails_repeats_itself() -> None:
    with registered():
        env = made(reference="erratic")
        said = trajectory_of(env, 20)
    assert all(np.isfinite(step[-1]["reference"]) for step in said[1:])


def test_the_reference_loses_nothing_to_itself() -> None:
    env = made(reward="loss", reference="wmmse")
    seed = env.reset(seed=2)[1]["episode_seed"]
    wmmse = prepare_allocator("wmmse", {}, PowerControlSpec(3, 2, stream(seed, "allocator", 0)))
    for _ in range(20):
        reward = env.step(env.action_for(wmmse.solve(env.problem).power_w))[1]
        assert reward == pytest.approx(0.0, abs=1e-9)


def test_episodes_differ_and_repeat_by_their_seed() -> None:
    env = made(latency=ON_THE_EDGE)
    one = trajectory_of(env, 20)
    assert equal(one, trajectory_of(env, 20))
    _, info = env.reset()
    assert info["episode_seed"] != one[0][1]["episode_seed"]
    env.reset(options={"episode_seed": one[0][1]["episode_seed"]})
    rng = np.random.default_rng(5)
    for expected in one[1:]:
        assert equal(env.step(rng.uniform(-1, 1, 6).astype(np.float32)), expected)


def test_csi_ages_and_jobs_queue_up() -> None:
    """Each job takes 2.5 slots and the next waits for it; the lead is two slots."""
    env = made(
        changed(on_overrun="continue", on_miss="use_late", budget={"lead": 2}),
        latency={"constant": "2500 us"},
        observe=("csi_age", "backlog"),
    )
    env.reset(seed=1)
    seen, outcomes = [], []
    for _ in range(8):
        observation, _, _, _, info = env.step(np.zeros(6))
        seen.append(observation)
        outcomes.append(info["outcome"])
    # Job n ends at 2.5 (n + 1) slots: late, and in force from the next boundary on.
    ages = [-1, -1, 3, 4, 4, 5, 6, 6]
    backlog = [1, 2, 2, 3, 3, 4, 5, 5]
    expected = [
        (1.0 if age < 0 else age / (age + 2), b / (b + 1))
        for age, b in zip(ages, backlog, strict=True)
    ]
    np.testing.assert_allclose(seen, expected, rtol=1e-6)
    assert outcomes == ["initial"] + ["late"] * 7


def test_a_trace_is_entered_anywhere_that_it_lasts_from(tmp_path: Path) -> None:
    env = made(trace_scenario(made_trace(tmp_path, 40)), episode_slots=30)
    starts = set()
    for seed in range(60):
        env.reset(seed=seed)
        samples = [env.problem.gain[0, 0, 0]]
        for _ in range(30):
            env.step(np.zeros(3))
            samples.append(env.problem.gain[0, 0, 0])
        # after the last sample of the file, that stays
        assert samples == [min(samples[0] + n, 40) for n in range(31)]
        starts.add(samples[0])
    assert starts <= set(range(1, 12))
    assert len(starts) > 8  # of 11; P(fewer than 9 in 60 draws) < 1e-5
    env = made(trace_scenario(made_trace(tmp_path, 31)), episode_slots=30)
    starts = set()
    for seed in range(20):  # P(one of two not among 20 draws) < 2e-6
        env.reset(seed=seed)
        starts.add(env.problem.gain[0, 0, 0])
    assert starts == {1, 2}


def test_a_trace_that_just_fits_is_played_from_its_start(tmp_path: Path) -> None:
    env = made(trace_scenario(made_trace(tmp_path, 30), slots=30))
    for seed in range(3):
        env.reset(seed=seed)
        assert env.problem.gain[0, 0, 0] == 1.0
    late = made(trace_scenario(made_trace(tmp_path, 31), slots=30), latency={"constant": "1 us"})
    late.reset(seed=1)
    assert late.problem.gain[0, 0, 0] == 1.0


WRONG_ACTIONS: list[Any] = [
    np.full(6, 1.1),
    np.full(6, -1.00001),
    np.array([0, 0, np.nan, 0, 0, 0]),
    np.array([0, 0, np.inf, 0, 0, 0]),
    np.zeros(5),
    np.zeros((1, 6)),
    np.zeros(6, complex),
    [[0.0], [0.0, 1.0]],
    ["a"] * 6,
    None,
    0.5,
]


@pytest.mark.parametrize("action", WRONG_ACTIONS, ids=repr)
@pytest.mark.parametrize("latency", [None, {"constant": "300 us"}])
def test_an_action_outside_of_its_space_changes_nothing(action: Any, latency: Any) -> None:
    env, other = made(latency=latency), made(latency=latency)
    env.reset(seed=1)
    other.reset(seed=1)
    for error in (InputError, gymnasium.error.InvalidAction, InvalidActionError):
        with pytest.raises(error, match=r"^action"):
            env.step(action)
    assert equal(env.step(np.zeros(6)), other.step(np.zeros(6)))
    assert equal(trajectory_of(env, 5), trajectory_of(other, 5))


def test_rounding_of_single_precision_is_no_error() -> None:
    env = made()
    env.reset(seed=1)
    seen = env.step(np.full(6, 1.0 + 9e-7))[0]
    assert np.all(seen[18:] == 1.0)
    assert np.all(env.step(np.full(6, -1.0 - 9e-7))[0][18:] == 0.0)


def test_no_step_before_the_first_reset_nor_after_the_end() -> None:
    env = made(episode_slots=2)
    action = np.zeros(6, np.float32)
    for error in (InputError, gymnasium.error.ResetNeeded, ResetNeededError):
        with pytest.raises(error, match=r"before the first reset"):
            env.step(action)
    with pytest.raises(ResetNeededError):
        _ = env.problem
    env.reset(seed=1)
    env.step(action)
    assert env.step(action)[3]
    with pytest.raises(ResetNeededError, match=r"after the end of an episode"):
        env.step(action)
    env.reset()
    assert not env.step(action)[3]


def test_closing_twice_is_harmless() -> None:
    env = made()
    env.close()
    env.close()
