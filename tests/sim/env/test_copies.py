"""What is returned is the caller's, and copies go on alike."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ID, ON_THE_EDGE, SMALL, changed, equal, made, made_trace, trace_scenario
from environments import trajectory as trajectory_of

EVOLUTIONS: list[dict[str, Any]] = [
    {"rayleigh": {"links": 3}},
    {"rician": {"links": 3, "evolution": "gauss_markov", "doppler": "20 Hz"}},
    {"geometric": {"links": 3, "evolution": "jakes", "doppler": "20 Hz"}},
    {"geometric": {"links": 3}},
    {"imac": {"cells": 3, "users": 3, "evolution": "gauss_markov", "doppler": "20 Hz"}},
]

COPIES: list[Callable[[Any], Any]] = [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))]


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("channel", EVOLUTIONS, ids=str)
def test_a_copy_goes_on_alike_whatever_the_channel(copied: Any, channel: dict[str, Any]) -> None:
    scenario = changed(channel=channel, radio={"p_max": "1 W", "noise": "-60 dBm"}, slots=100)
    env = made(scenario)
    trajectory_of(env, 30)
    other = copied(env)
    # beyond the window that is drawn already, and into the next episode
    assert equal(trajectory_of(env, 70, reset=False), trajectory_of(other, 70, reset=False))
    assert equal(env.reset(), other.reset())


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
@pytest.mark.parametrize(
    "latency",
    [None, ON_THE_EDGE, {"constant": "2500 us"}, {"calibrated": {"cost_of": "wmmse"}}],
    ids=str,
)
def test_a_copy_goes_on_alike_whatever_the_latency(copied: Any, latency: Any) -> None:
    scenario = changed(
        slots=100,
        channel={"rayleigh": {"links": 10}},
        radio={"snr_db": 0},
        on_overrun="continue",
        on_miss="use_late",
        compute={"release_jitter": {"gamma": {"mean": "50 us", "shape": 2}}},
    )
    env = made(scenario, latency=latency, observe=("csi_age", "backlog", "power"))
    trajectory_of(env, 30)
    other = copied(env)
    assert equal(trajectory_of(env, 70, reset=False), trajectory_of(other, 70, reset=False))


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_copies_of_many_and_of_wrapped_ones_go_on_alike(copied: Any) -> None:
    env = gymnasium.make_vec(ID, 3, scenario=SMALL, reference="wmmse", latency=ON_THE_EDGE)
    trajectory_of(env, 7)
    assert equal(trajectory_of(copied(env), 40, reset=False), trajectory_of(env, 40, reset=False))
    wrapped = gymnasium.wrappers.TimeLimit(made(render_mode="ansi"), 9)
    trajectory_of(wrapped, 7)
    other = copied(wrapped)
    assert equal(wrapped.step(np.zeros(6)), other.step(np.zeros(6)))
    assert wrapped.render() == other.render()


def test_a_copy_of_a_trace_goes_on_alike(tmp_path: Any) -> None:
    env = made(trace_scenario(made_trace(tmp_path, 200)), episode_slots=90)
    trajectory_of(env, 30)
    other = copy.deepcopy(env)
    assert equal(trajectory_of(env, 60, reset=False), trajectory_of(other, 60, reset=False))
    assert other.settings is env.settings  # a recording is not doubled


@pytest.mark.parametrize("latency", [None, ON_THE_EDGE])
def test_nothing_returned_changes_later(latency: Any) -> None:
    single = made(latency=latency, reference="wmmse")
    many = gymnasium.make_vec(
        ID, 3, scenario=SMALL, latency=latency, episode_slots=6, autoreset_mode="SameStep"
    )
    for env in (single, many):
        said, kept = [], []
        for step in range(20):
            new = trajectory_of(env, 0)[0] if step == 0 else trajectory_of(env, 1, reset=False)
            said.append(new)
            kept.append(copy.deepcopy(new))
        assert equal(said, kept)


def test_a_problem_is_the_callers_own() -> None:
    env, other = made(), made()
    for each in (env, other):
        each.reset(seed=1)
    problem = env.problem
    for array in (problem.gain, problem.noise_w, problem.p_max_w, problem.weight):
        array[:] = 0.0
    assert equal(env.step(np.zeros(6)), other.step(np.zeros(6)))
