"""N environments of K agents in one call are N environments."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from environments import ON_THE_EDGE, SMALL, changed, equal, made_trace, trace_scenario

from sim.deadline import InputError
from sim.env import InvalidActionError, LocalVector, ResetNeededError, parallel_env

MODES: list[dict[str, Any]] = [
    {},
    {"reward": "local", "neighbours": 1},
    {"reward": "local", "latency": ON_THE_EDGE},
    {"reward": "loss", "reference": "wmmse", "power_scale": "db"},
    {"latency": {"constant": "2500 us"}, "reference": "random"},
]


def played(env: LocalVector, steps: int, seed: int = 5, reset: bool = True) -> list[Any]:
    """Return all that the environments say while their agents act at random."""
    rng = np.random.default_rng(seed)
    said: list[Any] = [env.reset(seed=seed)] if reset else []
    shape = env.size, env.links, env.subbands
    for _ in range(steps):
        said.append(env.step(rng.uniform(-1, 1, shape).astype(np.float32)))
    return said


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("links", [1, 4])
def test_each_is_an_environment_of_pettingzoo(mode: dict[str, Any], links: int) -> None:
    """For more than a window and two episodes, to the bit."""
    channel = {"rayleigh": {"links": links, "subbands": 2, "evolution": "jakes", "doppler": "9 Hz"}}
    scenario = changed(channel=channel, radio={"snr_db": 5}, on_overrun="continue", slots=70)
    size = 3
    vector = LocalVector(scenario, size=size, **mode)
    alone = [parallel_env(scenario, **mode) for _ in range(size)]
    agents = alone[0].possible_agents
    assert vector.observation_space == alone[0].observation_space(agents[0])
    assert vector.action_space == alone[0].action_space(agents[0])
    rng = np.random.default_rng(1)
    for seed in (8, None):
        seen, infos = vector.reset(seed=seed)
        assert seen.shape == (size, links, vector.settings.layout.length)
        for i, env in enumerate(alone):
            mine, my_infos = env.reset(seed=None if seed is None else seed + i)
            assert equal(list(mine.values()), list(seen[i]))
            assert my_infos[agents[-1]] == {key: infos[key][i] for key in infos}
        for _ in range(70):
            actions = rng.uniform(-1, 1, (size, links, 2)).astype(np.float32)
            seen, rewards, ends, cuts, infos = vector.step(actions)
            assert not ends.any()
            for i, env in enumerate(alone):
                mine, my_rewards, _, my_cuts, my_infos = env.step(
                    dict(zip(agents, actions[i], strict=True))
                )
                assert equal(list(mine.values()), list(seen[i]))
                assert list(my_rewards.values()) == rewards[i].tolist()
                assert set(my_cuts.values()) == {bool(cuts[i])}
                assert np.array_equal(env.state(), vector.state()[i])
                for k, agent in enumerate(agents):
                    rate = infos["rate_bps_hz"][i, k]
                    common = {key: infos[key][i] for key in infos if key != "rate_bps_hz"}
                    assert my_infos[agent] == {**common, "rate_bps_hz": rate}
        assert cuts.all()


def test_a_trace_is_played_alike(tmp_path: Any) -> None:
    scenario = trace_scenario(made_trace(tmp_path, 40))
    vector = LocalVector(scenario, size=2, episode_slots=10)
    env = parallel_env(scenario, episode_slots=10)
    seen, infos = vector.reset(seed=3)
    seed = int(infos["episode_seed"][1])
    mine, _ = env.reset(options={"episode_seed": seed})
    assert equal(list(mine.values()), list(seen[1]))


def test_episodes_seeds_may_be_given() -> None:
    vector = LocalVector(SMALL, size=3)
    seen, infos = vector.reset(options={"episode_seed": [4, 4, 7]})
    assert infos["episode_seed"].tolist() == [4, 4, 7]
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    again, infos = vector.reset(options={"episode_seed": 7})
    assert infos["episode_seed"].tolist() == [7, 7, 7]
    assert np.array_equal(again[0], seen[2])


def test_wrong_actions_name_their_place_and_change_nothing() -> None:
    env, other = LocalVector(SMALL, size=2), LocalVector(SMALL, size=2)
    env.reset(seed=1)
    other.reset(seed=1)
    wrong = np.zeros((2, 3, 2))
    wrong[1, 2, 0] = np.nan
    with pytest.raises(InvalidActionError, match=r"^action\[1, 2, 0\]: nan, want a number from -1"):
        env.step(wrong)
    with pytest.raises(InvalidActionError, match=r"shape \(2, 6\), want \(2, 3, 2\)"):
        env.step(np.zeros((2, 6)))
    assert equal(env.step(np.zeros((2, 3, 2))), other.step(np.zeros((2, 3, 2))))


def test_no_step_before_the_first_reset_nor_after_the_end() -> None:
    env = LocalVector(SMALL, size=2, episode_slots=2)
    nothing = np.zeros((2, 3, 2))
    for call in (lambda: env.step(nothing), env.state):
        with pytest.raises(ResetNeededError, match="before the first reset"):
            call()
    env.reset(seed=1)
    env.step(nothing)
    assert env.step(nothing)[3].all()
    with pytest.raises(ResetNeededError, match="after the end of an episode"):
        env.step(nothing)
    env.reset()
    env.step(nothing)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size: 0, want a whole number"),
        ({"size": True}, "size: True, want a whole number"),
        ({"reward": "fame"}, "reward: 'fame', want one of"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LocalVector(SMALL, **arguments)


def test_wrong_resets_are_refused() -> None:
    env = LocalVector(SMALL, size=3)
    for options, message in (
        ({"episode_seed": [1, 2]}, "episode_seed: 2 values, want 3"),
        ({"episode_seed": [1, 2, -1]}, "episode_seed: -1, want a whole number"),
        ({"episode_sed": 1}, "did you mean 'episode_seed'"),
    ):
        with pytest.raises(InputError, match=message):
            env.reset(options=options)
    env.reset()


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_copies_go_on_alike_and_nothing_returned_changes(mode: dict[str, Any]) -> None:
    env = LocalVector(changed(slots=100), size=3, **mode)
    said = played(env, 30)
    kept = copy.deepcopy(said)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    ahead = played(env, 70, reset=False)
    first = env.reset()
    for other in copies:
        assert equal(ahead, played(other, 70, reset=False))
        assert equal(first, other.reset())
    assert equal(said, kept)
