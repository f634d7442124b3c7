"""An agent for each transmitter: what it sees, what it is paid, and what it can get wrong."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ON_THE_EDGE, SMALL, changed, equal, made
from local_by_hand import difference, observations

from sim.deadline import InputError
from sim.env import InvalidActionError, PowerControlLocalEnv, ResetNeededError, parallel_env
from sim.env.difference import difference_rewards
from sim.measurements import LocalMeasurements
from sim.problem import PowerControlProblem, evaluate

LATENCIES: list[Any] = [None, ON_THE_EDGE, {"constant": "2500 us"}]


def local(scenario: Any = SMALL, **arguments: Any) -> PowerControlLocalEnv:
    return parallel_env(scenario, **{"neighbours": 2, **arguments})


def actions_of(env: PowerControlLocalEnv, rng: np.random.Generator) -> dict[str, Any]:
    subbands = env.settings.common.subbands
    return {agent: rng.uniform(-1, 1, subbands).astype(np.float32) for agent in env.possible_agents}


def played(env: PowerControlLocalEnv, steps: int, seed: int = 5, reset: bool = True) -> list[Any]:
    """Return all that an environment says while its agents act at random."""
    rng = np.random.default_rng(seed)
    said: list[Any] = [env.reset(seed=seed)] if reset else []
    said += [env.step(actions_of(env, rng)) for _ in range(steps)]
    return said


@pytest.mark.parametrize("latency", LATENCIES, ids=str)
@pytest.mark.parametrize("reward", ["shared", "loss"])
def test_all_but_the_observation_is_that_of_the_environment_of_one_agent(
    latency: Any, reward: str
) -> None:
    """With the same seed, to the bit."""
    arguments = {"latency": latency, "reference": "wmmse", "scenario": SMALL}
    whole = made(reward="sum_rate" if reward == "shared" else "loss", **arguments)
    env = local(reward=reward, **arguments)
    state, info = whole.reset(seed=5)
    seen, infos = env.reset(seed=5)
    assert list(seen) == list(infos) == env.agents == ["tx_0", "tx_1", "tx_2"]
    assert all(each == info for each in infos.values())
    rng = np.random.default_rng(1)
    for _ in range(20):
        actions = actions_of(env, rng)
        flat = np.stack(list(actions.values()), axis=1).reshape(-1)
        state, paid, terminated, truncated, info = whole.step(flat)
        _, rewards, ends, cuts, infos = env.step(actions)
        assert np.array_equal(env.state(), state)
        assert env.state() in env.state_space
        assert env.state_space == whole.observation_space
        assert rewards == dict.fromkeys(env.possible_agents, paid)
        assert ends == dict.fromkeys(env.possible_agents, terminated)
        assert cuts == dict.fromkeys(env.possible_agents, truncated)
        for each in infos.values():
            assert {**each} == {**info, "rate_bps_hz": each["rate_bps_hz"]}
        weight = env.settings.common.weight
        rates = [each["rate_bps_hz"] for each in infos.values()]
        assert weight @ rates == pytest.approx(info["sum_rate_bps_hz"], rel=1e-12)
    assert env.agents == []


@pytest.mark.parametrize("latency", LATENCIES, ids=str)
@pytest.mark.parametrize("miss", ["hold", "use_late"])
def test_agents_see_the_slot_and_the_one_before(latency: Any, miss: str) -> None:
    env = local(changed(slots=60, on_miss=miss, on_overrun="continue"), latency=latency)
    rng = np.random.default_rng(2)
    seen, _ = env.reset(seed=5)
    cap = env.settings.common.p_max_w
    now = before = env.problem
    power = before_w = cap
    for _ in range(60):
        expected = observations(now, before, power, before_w, 2)
        # single precision of up to ten bels
        np.testing.assert_allclose(np.stack(list(seen.values())), expected, atol=2e-6)
        assert all(seen[agent] in env.observation_space(agent) for agent in seen)
        seen, *_ = env.step(actions_of(env, rng))
        now, before = env.problem, now
        # single precision of a share is what a state has
        entered = env.state()[18:].reshape(2, 3) * cap
        power, before_w = entered, entered if latency is None else power


def test_an_allocator_in_a_race_can_see_the_same() -> None:
    """To the bit, as long as its answers come at once."""
    env = local()
    rng = np.random.default_rng(2)
    seen, _ = env.reset(seed=5)
    cap = env.settings.common.p_max_w
    last = cap
    measurements = LocalMeasurements(3, 2, 2)
    for _ in range(20):
        known = measurements.of_problem(env.problem, last)
        assert np.array_equal(known, np.stack(list(seen.values())))
        actions = actions_of(env, rng)
        last = 0.5 * (np.stack(list(actions.values()), axis=1).astype(float) + 1.0) * cap
        seen, *_ = env.step(actions)


@pytest.mark.parametrize("latency", LATENCIES, ids=str)
def test_local_rewards_are_what_would_be_lost_without_an_agent(latency: Any) -> None:
    env = local(reward="local", latency=latency)
    rng = np.random.default_rng(2)
    env.reset(seed=5)
    for _ in range(20):
        rated = env.problem
        _, rewards, *_ = env.step(actions_of(env, rng))
        if latency is not None:  # the slot entered is the one that was rated
            rated = env.problem
        power = env.state()[18:].reshape(2, 3) * env.settings.common.p_max_w
        # powers of single precision
        np.testing.assert_allclose(
            list(rewards.values()), difference(rated, power), rtol=2e-6, atol=2e-6
        )


def test_an_agent_that_is_off_is_paid_nothing_and_one_alone_its_rate() -> None:
    env = local(reward="local")
    env.reset(seed=1)
    off = {agent: np.full(2, -1.0) for agent in env.agents}
    rewards = env.step(off)[1]
    assert rewards == dict.fromkeys(rewards, 0.0)
    _, rewards, *_, infos = env.step({**off, "tx_1": np.ones(2)})
    assert rewards == {"tx_0": 0.0, "tx_1": infos["tx_1"]["sum_rate_bps_hz"], "tx_2": 0.0}


def test_the_price_of_a_strong_one_counts_what_the_weak_ones_leave() -> None:
    """Whose part is below the rounding of the whole."""
    gain = np.array([[[1.0, 1e-6, 1e12], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    noise, power, weight = np.ones((1, 3)), np.ones((1, 3)), np.ones(3)
    rates = np.empty(3)
    evaluate(PowerControlProblem(gain, noise, power), power, rates)
    paid = difference_rewards(
        gain[None, None], np.zeros(1, np.int64), noise, weight, power[None], rates[None]
    )
    # own rates are 0, 1 and 1; without the strong one link 0 would have all but 1 bit/s/Hz
    price = np.log2(1.0 + 1.0 / (1.0 + 1e-6))
    np.testing.assert_allclose(paid[0], [0.0, 1.0, 1.0 - price], atol=1e-9)


def test_an_agent_without_others_is_paid_the_sum_rate() -> None:
    scenario = {"channel": {"rayleigh": {"links": 1}}, "slots": 5, "radio": {"snr_db": 10}}
    env = local(scenario, reward="local", neighbours=3)
    assert env.possible_agents == ["tx_0"]
    for seen, rewards, *_, infos in played(env, 5)[1:]:
        assert rewards["tx_0"] == pytest.approx(infos["tx_0"]["sum_rate_bps_hz"], rel=1e-12)
        assert np.all(seen["tx_0"][6:] == 0.0)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tx_1": None}, r"^actions: tx_1: action: null, want numbers"),
    ({"tx_1": np.zeros(3)}, r"^actions: tx_1: action: shape \(3,\), want \(2,\)"),
    ({"tx_1": [0.0, np.nan]}, r"^action of tx_1\[1\]: nan, want a number from -1 to 1"),
    ({"tx_2": [1.001, 0.0]}, r"^action of tx_2\[0\]: 1.001, want a number from -1 to 1"),
    ({"tx_3": np.zeros(2)}, r"^actions: 'tx_3' is no agent; did you mean 'tx_2'\?"),
    ({3: np.zeros(2)}, r"^actions: 3 is no agent; known: tx_0, tx_1, tx_2"),
]


@pytest.mark.parametrize("latency", [None, ON_THE_EDGE], ids=str)
@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_actions_change_nothing(wrong: Any, message: str, latency: Any) -> None:
    env, other = local(latency=latency), local(latency=latency)
    env.reset(seed=1)
    other.reset(seed=1)
    right = {agent: np.zeros(2, np.float32) for agent in env.agents}
    for error in (InputError, gymnasium.error.InvalidAction, InvalidActionError):
        with pytest.raises(error, match=message):
            env.step({**right, **wrong})
    assert equal(env.step(right), other.step(right))
    assert equal(played(env, 5), played(other, 5))


def test_an_action_may_not_be_missing() -> None:
    env = local()
    env.reset(seed=1)
    right = {agent: np.zeros(2, np.float32) for agent in env.agents}
    with pytest.raises(InvalidActionError, match="actions: none of tx_1; want one of each agent"):
        env.step({agent: right[agent] for agent in ("tx_0", "tx_2")})
    with pytest.raises(InvalidActionError, match="want a mapping by agent"):
        env.step(list(right.values()))  # type: ignore[arg-type]
    env.step(right)


def test_no_step_before_the_first_reset_nor_after_the_end() -> None:
    env = local(episode_slots=2)
    nothing = {agent: np.zeros(2, np.float32) for agent in env.possible_agents}
    assert env.agents == []
    for call in (lambda: env.step(nothing), env.state, lambda: env.problem):
        with pytest.raises(ResetNeededError, match="before the first reset"):
            call()
    env.reset(seed=1)
    env.step(nothing)
    assert env.agents == env.possible_agents
    assert env.agents is not env.possible_agents  # callers shorten it
    _, _, ends, cuts, _ = env.step(nothing)
    assert ends == dict.fromkeys(nothing, False)
    assert cuts == dict.fromkeys(nothing, True)
    assert env.agents == []
    env.state()
    with pytest.raises(ResetNeededError, match="after the end of an episode"):
        env.step(nothing)
    env.reset()
    assert env.agents == env.possible_agents
    env.step(nothing)
    env.close()
    env.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neighbours": -1}, "neighbours: -1, want a whole number, 0 or more"),
        ({"neighbours": 2.0}, "neighbours: 2.0, want"),
        ({"reward": "fame"}, "reward: 'fame', want one of shared, local, loss"),
        ({"reward": "loss"}, "reward: 'loss' is against a reference"),
        ({"max_cycles": 5, "episode_slots": 5}, "max_cycles: is episode_slots; give one"),
        ({"max_cycles": 0}, "episode_slots: 0, want a whole number"),
        ({"latency": "measured"}, "must be reproducible"),
        ({"power_scale": "log"}, "power_scale: 'log', want one of"),
        ({"render_mode": "ascii"}, "render_mode: 'ascii'; did you mean 'ansi'"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        local(**arguments)


def test_spaces_are_of_agents_that_there_are() -> None:
    env = local()
    assert env.observation_space("tx_0") is env.observation_space("tx_0")
    assert env.action_space("tx_0") is not env.action_space("tx_1")  # each samples for itself
    for space in (env.observation_space, env.action_space):
        with pytest.raises(InputError, match="agent: 'tx_9'; did you mean 'tx_"):
            space("tx_9")


def test_episodes_differ_and_repeat_by_their_seed() -> None:
    env = local(latency=ON_THE_EDGE)
    one = played(env, 20)
    assert equal(one, played(env, 20))
    seed = one[0][1]["tx_0"]["episode_seed"]
    _, infos = env.reset()
    assert infos["tx_0"]["episode_seed"] != seed
    _, infos = env.reset(options={"episode_seed": seed})
    assert infos["tx_2"]["episode_seed"] == seed
    assert equal(played(env, 20, reset=False), one[1:])
    with pytest.raises(InputError, match="did you mean 'episode_seed'"):
        env.reset(options={"episode_sed": 1})
    with pytest.raises(InputError, match="options: episode_seed: -1, want a whole number"):
        env.reset(options={"episode_seed": -1})


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deep", "pickle"]
)
@pytest.mark.parametrize("latency", LATENCIES, ids=str)
def test_a_copy_goes_on_alike(copied: Callable[[Any], Any], latency: Any) -> None:
    env = local(changed(slots=100), latency=latency, reward="local", render_mode="ansi")
    played(env, 30)
    other = copied(env)
    assert equal(played(env, 70, reset=False), played(other, 70, reset=False))
    assert env.render() == other.render()
    assert equal(env.reset(), other.reset())


@pytest.mark.parametrize("latency", LATENCIES, ids=str)
def test_nothing_returned_changes_later(latency: Any) -> None:
    env = local(latency=latency, reward="local")
    said, kept = [], []
    for step in range(20):
        new = played(env, 0)[0] if step == 0 else played(env, 1, reset=False)
        said.append(new)
        kept.append(copy.deepcopy(new))
    assert equal(said, kept)


def test_what_is_returned_is_the_callers() -> None:
    env, other = local(), local()
    for each in (env, other):
        each.reset(seed=1)
    nothing = {agent: np.zeros(2, np.float32) for agent in env.agents}
    for array in [*env.step(nothing)[0].values(), env.state()]:
        array[:] = 9.0
    other.step(nothing)
    assert equal(env.step(nothing), other.step(nothing))


def test_without_a_render_mode_nothing_is_drawn(caplog: Any) -> None:
    env = local()
    env.reset(seed=1)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None
    drawn = local(render_mode="ansi")
    with pytest.raises(ResetNeededError):
        drawn.render()
    played(drawn, 3)
    assert "slot 2, met" in drawn.render()
