"""Gymnasium's wrappers, and ours."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ID, SMALL, equal, made
from environments import trajectory as trajectory_of
from gymnasium.wrappers import (
    ClipAction,
    FlattenObservation,
    FrameStackObservation,
    NormalizeObservation,
    OrderEnforcing,
    PassiveEnvChecker,
    RecordEpisodeStatistics,
    RescaleAction,
    TimeAwareObservation,
    TimeLimit,
    vector,
)

from sim.deadline import InputError
from sim.env import DiscretePower, InvalidActionError


@pytest.mark.parametrize(
    "wrapped",
    [PassiveEnvChecker, OrderEnforcing, FlattenObservation, ClipAction, RecordEpisodeStatistics],
)
def test_wrappers_that_change_nothing_change_nothing(wrapped: Any) -> None:
    plain, other = trajectory_of(made(), 20), trajectory_of(wrapped(made()), 20)
    for one, two in zip(plain, other, strict=True):
        two[-1].pop("episode", None)
        assert equal(one, two)


@pytest.mark.parametrize(
    "wrapped",
    [
        NormalizeObservation,
        lambda env: TimeAwareObservation(TimeLimit(env, 9)),
        lambda env: FrameStackObservation(env, 3),
        lambda env: RescaleAction(env, np.float32(0.0), np.float32(1.0)),
        lambda env: TimeLimit(env, 5),
    ],
)
def test_other_wrappers_work(wrapped: Any) -> None:
    env = wrapped(made())
    env.reset(seed=1)
    for _ in range(5):
        seen, *_ = env.step(env.action_space.sample())
        assert seen in env.observation_space


def test_episode_statistics_are_those_of_the_rewards() -> None:
    rewards = [step[1] for step in trajectory_of(made(), 20)[1:]]
    last = trajectory_of(RecordEpisodeStatistics(made()), 20)[-1]
    assert last[-1]["episode"]["l"] == 20
    assert last[-1]["episode"]["r"] == pytest.approx(sum(rewards), rel=1e-12)


@pytest.mark.parametrize("autoreset", ["NextStep", "SameStep"])
def test_episode_statistics_of_many(autoreset: str) -> None:
    env = gymnasium.make_vec(ID, 3, scenario=SMALL, episode_slots=6, autoreset_mode=autoreset)
    said = trajectory_of(vector.RecordEpisodeStatistics(env), 6)
    infos = said[-1][-1]
    assert infos["episode"]["l"].tolist() == [6] * 3
    expected = np.sum([step[1] for step in said[1:]], axis=0)
    np.testing.assert_allclose(infos["episode"]["r"], expected, rtol=1e-12)


def test_levels_are_evenly_spaced_powers() -> None:
    env = DiscretePower(made(), 5)
    env.reset(seed=1)
    seen = env.step(np.array([0, 1, 2, 3, 4, 0]))[0]
    np.testing.assert_allclose(seen[18:], [0, 0.25, 0.5, 0.75, 1, 0], atol=1e-7)
    many = DiscretePower(made(power_scale="db", min_power_db=-40), 5)
    many.reset(seed=1)
    seen = many.step(np.array([0, 1, 2, 3, 4, 0]))[0]
    np.testing.assert_allclose(seen[18:], [0, 1e-3, 1e-2, 1e-1, 1, 0], rtol=1e-5)


@pytest.mark.parametrize("levels", range(2, 60))
def test_every_level_is_an_action(levels: int) -> None:
    env = DiscretePower(made(), levels)
    env.reset(seed=1)
    for level in (0, levels // 2, levels - 1):
        assert env.action(np.full(6, level)) in env.unwrapped.action_space


@pytest.mark.parametrize(
    "action", [np.full(6, 5), np.full(6, -1), np.zeros(5, int), np.zeros(6), None, "a"]
)
def test_what_is_no_level_is_refused(action: Any) -> None:
    env = DiscretePower(made(), 5)
    env.reset(seed=1)
    with pytest.raises(InvalidActionError, match=r"^action: "):
        env.step(action)
    env.step(np.zeros(6, int))


@pytest.mark.parametrize("levels", [1, 0, -3, 2.0, True, "many"])
def test_fewer_than_two_levels_are_refused(levels: Any) -> None:
    with pytest.raises(InputError, match=r"^levels: .*want a whole number, 2 or more"):
        DiscretePower(made(), levels)


def test_levels_of_levels_are_refused() -> None:
    with pytest.raises(InputError, match="want a flat Box"):
        DiscretePower(DiscretePower(made(), 3), 3)
