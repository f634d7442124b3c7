"""What is wrong is said in one line, by an error of ours, and a reset makes all well again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
import torch
from environments import ID, SMALL, equal, made, made_trace, trace_scenario

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.env import (
    DiscretePower,
    InvalidActionError,
    LocalVector,
    ResetNeededError,
    parallel_env,
)

NAN = float("nan")


def vector(n: Any = 2, **arguments: Any) -> Any:
    return gymnasium.make_vec(ID, num_envs=n, scenario=SMALL, **arguments)


def local(**arguments: Any) -> Any:
    return pettingzoo.make("parallel", "ttirace/PowerControlLocal-v0", scenario=SMALL, **arguments)


def refused(call: Callable[[], Any], message: str, kind: type[Exception] = InputError) -> None:
    with pytest.raises(kind, match=message) as error:
        call()
    assert isinstance(error.value, InputError)
    assert "\n" not in str(error.value)


def test_a_value_is_shown_in_one_line() -> None:
    assert shown(np.zeros((2, 1))) == "array([[0.], [0.]])"
    assert shown("a\n  b") == r"'a\n  b'"


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (made, "did you mean 'episode_slots'"),
        (vector, "did you mean 'episode_slots'"),
        (local, "did you mean 'episode_slots'"),
        (lambda **wrong: LocalVector(SMALL, **wrong), "did you mean 'episode_slots'"),
    ],
)
def test_an_unknown_argument_is_named(make: Callable[..., Any], hint: str) -> None:
    refused(lambda: make(episode_slot=3), f"episode_slot: no such argument; {hint}")
    refused(lambda: make(foo=1), "foo: no such argument; known: .*episode_slots")


def test_each_face_knows_its_own_arguments() -> None:
    refused(lambda: local(neighbors=3), "neighbors: no such argument; did you mean 'neighbours'")
    refused(lambda: LocalVector(SMALL, sise=3), "sise: no such argument; did you mean 'size'")
    refused(lambda: vector(autoreset="x"), "did you mean 'autoreset_mode'")
    refused(lambda: LocalVector(SMALL, max_cycles=3), "max_cycles: no such argument")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"episode_slots": 10**30}, f"episode_slots: {10**30}, want at most"),
        ({"episode_slots": True}, "episode_slots: True, want a whole number"),
        ({"observe": None}, "observe: null, want some of gains, power, csi_age, backlog"),
        ({"observe": 3}, "observe: 3, want some of"),
        ({"observe": [["gains"]]}, r"observe: \['gains'\]; did you mean"),
        ({"power_scale": np.array(["linear", "db"])}, "power_scale: array"),
        ({"power_scale": "linear", "min_power_db": "x"}, "min_power_db: 'x', want -300 or more"),
        ({"power_scale": "db", "min_power_db": True}, "min_power_db: True, want"),
        ({"reward": np.array(["a", "b"])}, "reward: array"),
        ({"scenario": "\0"}, r"'\\x00': no name that a file can have"),
        ({"latency": {"calibrated": {"cost_of": "wmse"}}}, "latency: .*did you mean 'wmmse'"),
        ({"latency": {"calibrated": {"cost_of": "wmmse"}}}, "latency: .*outside of what was"),
    ],
    ids=str,
)
def test_odd_values_are_refused_when_an_environment_is_made(
    arguments: dict[str, Any], message: str
) -> None:
    refused(lambda: made(**{"scenario": SMALL, **arguments}), message)


def test_whole_numbers_may_be_of_numpy() -> None:
    three = np.int64(3)
    assert made(episode_slots=three).settings.steps == 3
    assert vector(three).num_envs == 3
    assert LocalVector(SMALL, size=three, neighbours=three).size == 3
    assert DiscretePower(made(), three).action_space.nvec.tolist() == [3] * 6
    assert equal(made().reset(seed=three), made().reset(seed=3))
    assert made(power_scale="db", min_power_db=np.float32(-20)).settings.scale.range_db == 20


@pytest.mark.parametrize("value", [0, -1, NAN, 2.0, "2", True, None, 10**30], ids=str)
def test_there_is_at_least_one_environment(value: Any) -> None:
    refused(lambda: vector(value), "num_envs: ")
    refused(lambda: LocalVector(SMALL, size=value), "size: ")


def test_neighbours_and_levels_have_an_end() -> None:
    refused(lambda: local(neighbours=10**30), "neighbours: 1.*, want at most 2000")
    refused(lambda: DiscretePower(made(), 2**70), "levels: 1.*, want at most")


def test_a_recording_of_one_slot_is_too_short_with_deadlines(tmp_path: Any) -> None:
    scenario = trace_scenario(made_trace(tmp_path, 1), slots=1)
    made(scenario)
    refused(
        lambda: made(scenario, latency={"constant": "1 us"}),
        "has 1 slots, and an episode of 1 needs 2, .*; want a longer recording",
    )


#: What is no action, and what it is said to be; for a box of six.
NO_ACTIONS: list[tuple[Any, str]] = [
    (torch.zeros(6, requires_grad=True), "cannot be had as an array: Can't call numpy"),
    (torch.zeros(6, dtype=torch.bfloat16), "cannot be had as an array: .*BFloat16"),
    ([0, 0, [0]], "ragged"),
    (np.zeros((2, 3), complex), "want numbers from -1 to 1"),
    (np.full(6, NAN), r"action\[0\]: nan, want a number from -1 to 1"),
    (np.full(6, np.inf), r"action\[0\]: inf"),
    (np.zeros(5), r"shape \(5,\), want \(6,\)"),
    (None, "null, want numbers"),
]


@pytest.mark.parametrize(("action", "message"), NO_ACTIONS, ids=[m for _, m in NO_ACTIONS])
def test_what_is_no_action_is_refused_and_nothing_has_happened(action: Any, message: str) -> None:
    env, other = made(), made()
    env.reset(seed=1)
    other.reset(seed=1)
    refused(lambda: env.step(action), message, InvalidActionError)
    assert equal(env.step(np.zeros(6)), other.step(np.zeros(6)))
    assert equal(env.reset(), other.reset())


def test_nor_is_it_one_of_an_agent_or_of_many() -> None:
    grad = torch.zeros(2, requires_grad=True)
    env = local()
    env.reset(seed=1)
    refused(
        lambda: env.step(dict.fromkeys(env.agents, grad)),
        "actions: tx_0: action: cannot be had",
        InvalidActionError,
    )
    env.step(dict.fromkeys(env.agents, grad.detach()))
    many = LocalVector(SMALL)
    many.reset(seed=1)
    whole = torch.zeros((1, 3, 2), requires_grad=True)
    refused(lambda: many.step(whole), "cannot be had as an array", InvalidActionError)
    many.step(whole.detach())


@pytest.mark.parametrize("action", [[[0, 1], [2]], None, "x", [0.0] * 6, [2] * 6], ids=str)
def test_what_is_no_choice_of_levels_is_refused(action: Any) -> None:
    env = DiscretePower(made(), 2)
    env.reset(seed=1)
    refused(lambda: env.step(action), "action: .*want one of MultiDiscrete", InvalidActionError)
    env.step([1] * 6)


@pytest.mark.parametrize(
    "power", [np.ones(4), NAN, "x", None, [[1, 2], [3]], np.full(6, NAN)], ids=str
)
def test_there_is_no_action_for_what_are_no_powers(power: Any) -> None:
    refused(lambda: made().action_for(power), r"power_w: .*, want numbers, shape \(2, 3\)")


@pytest.mark.parametrize("seed", [-1, NAN, 1.5, "x", "ab", True, object()])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    for env in (made(), vector(), local(), LocalVector(SMALL)):
        refused(lambda env=env: env.reset(seed=seed), "seed: .*, want a whole number, 0 or more")
        env.reset(seed=1)


def test_a_list_of_seeds_is_checked_before_anything_is_started() -> None:
    envs = vector()
    before = envs.reset(seed=[3, 4])
    refused(lambda: envs.reset(seed=[5, -1]), "seed: -1")
    refused(lambda: envs.reset(seed=[5]), "seed: 1 values, want 2, one each")
    again = vector()
    again.reset(seed=[3, 4])
    assert equal(envs.reset(), again.reset())
    assert equal(envs.reset(seed=np.array([3, 4])), before)


@pytest.mark.parametrize("options", [3, "x", [1], ("episode_seed",), {"episode_seed"}], ids=str)
def test_options_are_keys_and_values(options: Any) -> None:
    for env in (made(), vector(), local(), LocalVector(SMALL)):
        refused(lambda env=env: env.reset(options=options), "options: .*, want keys and values")
        env.reset(seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset_mas": [True, True]}, "options: 'reset_mas'; did you mean 'reset_mask'"),
        ({"reset_mask": [True, [1]]}, "options: reset_mask: .*, want 2 flags"),
        ({"episode_seed": np.array(3)}, "options: episode_seed: array"),
        ({"episode_seed": "ab"}, "options: episode_seed: 'ab', want a whole number"),
    ],
    ids=str,
)
def test_options_of_many_are_checked(options: Any, message: str) -> None:
    envs = vector()
    refused(lambda: envs.reset(options=options), message)
    envs.reset(seed=1)


def test_who_asks_before_the_first_reset_is_told_what_for() -> None:
    for env in (made(render_mode="ansi"), local(render_mode="ansi"), vector(render_mode="ansi")):
        refused(env.render, "render before the first reset", ResetNeededError)
    for env in (local(), LocalVector(SMALL)):
        refused(env.state, "state before the first reset", ResetNeededError)
    refused(lambda: made().problem, "problem before the first reset", ResetNeededError)


def test_an_agent_may_be_asked_for_by_anything() -> None:
    refused(lambda: parallel_env(SMALL).action_space([]), r"agent: \[\]")


@pytest.mark.usefixtures("renderers")
def test_many_are_shown_from_the_first_reset_on(renderers: list[Any]) -> None:
    envs = vector(render_mode="human")
    envs.reset(seed=1, options={"reset_mask": np.array([True, False])})
    assert not renderers  # there is nothing to show of the other yet
    envs.reset(seed=1)
    assert [len(renderer.scenes) for renderer in renderers] == [1, 1]
    envs.step(np.zeros((2, 6)))
    assert [len(renderer.scenes) for renderer in renderers] == [2, 2]
