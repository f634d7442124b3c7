"""What Gymnasium and Stable-Baselines3 ask of an environment, in every mode it has."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ID, ON_THE_EDGE, SMALL, made
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from sim.env import DiscretePower

MODES: list[dict[str, Any]] = [
    {},
    {"scenario": None},
    {"latency": {"constant": "300 us"}},
    {"latency": ON_THE_EDGE},
    {"latency": ON_THE_EDGE, "observe": ("gains", "power", "csi_age", "backlog")},
    {"observe": ["backlog", "gains"]},
    {"observe": "power"},
    {"power_scale": "db"},
    {"power_scale": "db", "min_power_db": -60.0, "latency": {"constant": "1 us"}},
    {"reward": "loss", "reference": "wmmse"},
    {"reference": "wmmse:restarts=2", "latency": {"constant": "10 us"}},
]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.usefixtures("renderers")
def test_gymnasium_finds_nothing(mode: dict[str, Any]) -> None:
    check_env(made(**{"scenario": SMALL, **mode}))  # a warning is an error here


@pytest.mark.parametrize("render_mode", ["human", "rgb_array", "ansi"])
@pytest.mark.usefixtures("renderers")
def test_gymnasium_finds_nothing_in_any_render_mode(render_mode: str) -> None:
    check_env(made(latency={"constant": "300 us"}, render_mode=render_mode))


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_stable_baselines_finds_nothing(mode: dict[str, Any]) -> None:
    env = made(**{"scenario": SMALL, **mode})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_sb3(env, warn=True, skip_render_check=True)


def test_both_find_nothing_in_a_choice_of_levels() -> None:
    env = DiscretePower(made(), 4)
    check_env_sb3(env, warn=True, skip_render_check=True)
    assert env.action_space == gymnasium.spaces.MultiDiscrete([4] * 6)


def test_the_name_is_known_by_the_module_alone() -> None:
    env = gymnasium.make(f"sim.env:{ID}", scenario=SMALL)
    assert env is env.unwrapped  # no wrappers
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    assert again.reset(seed=3)[1] == env.reset(seed=3)[1]


def test_observations_stay_within_their_bounds_on_gains_of_all_sizes(tmp_path: Any) -> None:
    from environments import trace_scenario

    from sim.channel import write_trace

    gain = 10.0 ** np.linspace(-300, 300, 50 * 4).reshape(50, 1, 2, 2)
    gain[0] = 0.0
    write_trace(tmp_path / "all.h5", gain=gain, sample_interval_s=1e-3)
    env = made(trace_scenario(tmp_path / "all.h5"), episode_slots=50)
    seen = [env.reset()[0], *(env.step(np.zeros(2, np.float32))[0] for _ in range(50))]
    assert all(observation in env.observation_space for observation in seen)
    assert np.min(seen) == pytest.approx(-10.0, abs=1e-3)
    assert np.max(seen) == pytest.approx(10.0, abs=1e-3)
