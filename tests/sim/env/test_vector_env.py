"""N environments in one call are N environments."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ID, ON_THE_EDGE, SMALL, changed, equal, trajectory
from gymnasium.vector import AutoresetMode

from sim.deadline import InputError
from sim.env import InvalidActionError, PowerControlVectorEnv, ResetNeededError

MODES: list[dict[str, Any]] = [
    {},
    {"latency": ON_THE_EDGE, "observe": ("gains", "power", "csi_age", "backlog")},
    {"reward": "loss", "reference": "wmmse", "power_scale": "db"},
    {"latency": {"constant": "2500 us"}, "reference": "random"},
]


def vector(how: str, size: int = 3, scenario: Any = SMALL, **arguments: Any) -> Any:
    return gymnasium.make_vec(
        ID, num_envs=size, vectorization_mode=how, scenario=scenario, **arguments
    )


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("links", [1, 3, 7])
def test_the_native_one_is_the_synchronous_one(mode: dict[str, Any], links: int) -> None:
    """For episodes of seven steps and more than three of them, to the bit."""
    channel = {"rayleigh": {"links": links, "evolution": "jakes", "doppler": "20 Hz"}}
    scenario = changed(channel=channel, radio={"snr_db": 5}, on_overrun="continue")
    arguments = {"scenario": scenario, "episode_slots": 7, **mode}
    sync, native = (vector(how, **arguments) for how in ("sync", "vector_entry_point"))
    assert isinstance(native, PowerControlVectorEnv)
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    for one, other in zip(trajectory(sync, 30), trajectory(native, 30), strict=True):
        assert equal(one, other)
    assert equal(sync.reset(), native.reset())


def test_longer_than_a_window() -> None:
    sync, native = (
        vector(how, 2, episode_slots=150, latency=ON_THE_EDGE)
        for how in ("sync", "vector_entry_point")
    )
    assert equal(trajectory(sync, 160), trajectory(native, 160))


def test_the_native_one_is_the_asynchronous_one() -> None:
    native = vector("vector_entry_point", 2, episode_slots=5)
    other = vector("async", 2, episode_slots=5)
    try:
        assert equal(trajectory(other, 12), trajectory(native, 12))
    finally:
        other.close()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, "SameStep"])
def test_it_can_reset_in_the_same_step(mode: Any) -> None:
    sync = vector(
        "sync", episode_slots=5, vector_kwargs={"autoreset_mode": mode}, latency=ON_THE_EDGE
    )
    native = vector("vector_entry_point", episode_slots=5, autoreset_mode=mode, latency=ON_THE_EDGE)
    assert native.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    said = trajectory(native, 17)
    assert equal(trajectory(sync, 17), said)
    assert sum("final_obs" in infos for *_, infos in said) == 3


def test_it_can_leave_resets_to_the_caller() -> None:
    mask = np.array([True, False, True])
    envs = [
        vector("sync", episode_slots=4, vector_kwargs={"autoreset_mode": "Disabled"}),
        vector("vector_entry_point", episode_slots=4, autoreset_mode="Disabled"),
    ]
    said = []
    for env in envs:
        first = trajectory(env, 2)
        masked = env.reset(options={"reset_mask": mask.copy()})
        said.append([first, masked, trajectory(env, 2, reset=False)])
    assert equal(*said)
    with pytest.raises(ResetNeededError, match="after the end of an episode"):
        envs[1].step(np.zeros((3, 6), np.float32))
    envs[1].reset()
    envs[1].step(np.zeros((3, 6), np.float32))


def test_environments_out_of_step_do_not_disturb_each_other() -> None:
    envs = [vector(how, episode_slots=5) for how in ("sync", "vector_entry_point")]
    said = []
    for env in envs:
        first = trajectory(env, 2)
        again = env.reset(seed=8, options={"reset_mask": np.array([False, True, False])})
        said.append([first, again, trajectory(env, 15, reset=False)])
    assert equal(*said)
    truncations = np.array([step[3] for step in said[0][2]])
    assert not np.array_equal(truncations[:, 0], truncations[:, 1])


def test_seeds_and_episodes_may_be_given_one_by_one() -> None:
    sync, native = vector("sync"), vector("vector_entry_point")
    assert equal(sync.reset(seed=[4, 9, 2]), native.reset(seed=[4, 9, 2]))
    assert equal(sync.reset(), native.reset())
    options = {"episode_seed": 12}
    assert equal(sync.reset(options=dict(options)), native.reset(options=options))
    _, infos = native.reset(options={"episode_seed": [1, 2, 3]})
    assert infos["episode_seed"].tolist() == [1, 2, 3]


def test_wrong_actions_name_their_place_and_change_nothing() -> None:
    env, other = vector("vector_entry_point"), vector("vector_entry_point")
    env.reset(seed=1)
    other.reset(seed=1)
    wrong = np.zeros((3, 6))
    wrong[1, 4] = 1.5
    with pytest.raises(InvalidActionError, match=r"^action\[1, 4\]: 1.5, want a number from -1"):
        env.step(wrong)
    with pytest.raises(InvalidActionError, match=r"shape \(6,\), want \(3, 6\)"):
        env.step(np.zeros(6))
    assert equal(env.step(np.zeros((3, 6))), other.step(np.zeros((3, 6))))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "num_envs: 0, want a whole number"),
        ({"autoreset_mode": "never"}, "autoreset_mode: 'never', want one of NextStep"),
        ({"reward": "fame"}, "reward: 'fame', want one of"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vector("vector_entry_point", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "seed: 2 values, want 3"),
        ({"options": {"episode_seed": [1, 2]}}, "episode_seed: 2 values, want 3"),
        ({"options": {"reset_mask": [True]}}, "reset_mask: .*want 3 flags"),
        ({"options": {"reset_mask": np.zeros(3, bool)}}, "not all False"),
        ({"options": {"episode_sed": 1}}, "did you mean 'episode_seed'"),
    ],
)
def test_wrong_resets_are_refused(arguments: dict[str, Any], message: str) -> None:
    env = vector("vector_entry_point")
    with pytest.raises(InputError, match=message):
        env.reset(**arguments)
    with pytest.raises(ResetNeededError, match="before the first reset"):
        env.step(np.zeros((3, 6)))
    env.reset(seed=1)
    env.step(np.zeros((3, 6)))
    env.close()
    env.close()
