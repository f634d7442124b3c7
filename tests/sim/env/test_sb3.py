"""The vector environment as Stable-Baselines3 steps it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from environments import SMALL
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from sim.deadline import InputError
from sim.env import PowerControlVectorEnv
from sim.env.sb3 import PowerControlVecEnv


def test_it_is_the_vector_environment_in_other_words() -> None:
    ours = PowerControlVecEnv(SMALL, num_envs=3, episode_slots=4)
    envs = PowerControlVectorEnv(SMALL, num_envs=3, episode_slots=4, autoreset_mode="SameStep")
    ours.seed(5)
    assert np.array_equal(ours.reset(), envs.reset(seed=5)[0])
    rng = np.random.default_rng(0)
    for step in range(1, 10):
        action = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        seen, rewards, dones, infos = ours.step(action)
        expected, worth, _, truncated, told = envs.step(action)
        assert np.array_equal(seen, expected)
        assert np.array_equal(rewards, worth.astype(np.float32))
        assert np.array_equal(dones, truncated)
        assert dones.all() == (step % 4 == 0)
        for index, info in enumerate(infos):
            assert info["TimeLimit.truncated"] == dones[index]
            assert ("terminal_observation" in info) == dones[index]
            if dones[index]:
                assert np.array_equal(info["terminal_observation"], told["final_obs"][index])
    assert ours.env_is_wrapped(VecMonitor) == [False] * 3
    assert ours.get_attr("num_envs", [0, 2]) == [3, 3]
    with pytest.raises(AttributeError, match="are one"):
        ours.set_attr("num_envs", 4)
    ours.close()


def test_options_are_taken_once_or_refused() -> None:
    ours = PowerControlVecEnv(SMALL, num_envs=2)
    ours.set_options([{"episode_seed": 5}, {}])
    first = ours.reset()
    ours.set_options({"episode_seed": 5})
    both = ours.reset()
    assert np.array_equal(first[0], both[0])
    assert not np.array_equal(first[1], both[1])
    assert np.array_equal(both[0], both[1])
    assert not np.array_equal(ours.reset()[0], both[0])  # drawn again
    ours.set_options({"episode_sed": 5})
    with pytest.raises(InputError, match="did you mean 'episode_seed'"):
        ours.reset()
    with pytest.raises(InputError, match="autoreset_mode: no such argument"):
        PowerControlVecEnv(SMALL, autoreset_mode="Disabled")


def test_it_learns_the_same_from_the_same_seed() -> None:
    weights = []
    for _ in range(2):
        envs = VecMonitor(PowerControlVecEnv(SMALL, num_envs=4))
        model = PPO("MlpPolicy", envs, n_steps=16, batch_size=32, seed=1, device="cpu")
        with warnings.catch_warnings():
            model.learn(128)
        weights.append(model.policy.state_dict()["action_net.weight"].numpy())
        assert len(model.ep_info_buffer or ()) == 4
    assert np.array_equal(*weights)
