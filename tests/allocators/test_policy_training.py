"""Training of policies: arithmetic, determinism, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from policies import learner, scenario

from allocators.policy.training.learner import make_learner
from allocators.policy.training.ppo import loss
from allocators.policy.training.samples import (
    Samples,
    against_copies,
    against_critic,
    returns,
    scaled,
)
from allocators.policy.training.settings import PolicySettings
from allocators.policy.training.train import train
from allocators.policy.training.worth import Episodes, compared, evaluated, solver_named
from allocators.training.state import State
from sim.deadline import InputError
from sim.env import PowerControlEnv
from sim.seeding import stream

REWARDS = hnp.arrays(float, (4, 3), elements=st.floats(-10, 10))


def tiny(kind: str, **changes: Any) -> PolicySettings:
    common: dict[str, Any] = {
        "kind": kind, "hidden": 8, "links": (2, 3), "snr_db": (0.0, 20.0), "updates": 4,
        "episodes": 2, "copies": 4, "episode_slots": 3, "neighbours": 2, "interval": 2,
        "validation": 2, "minibatches": 2, "epochs": 2,
    }  # fmt: skip
    return PolicySettings(**{**common, **changes})


def trained(settings: PolicySettings, checkpoint: Path) -> State:
    made = make_learner(
        settings.kind, settings.hidden, settings.neighbours, stream(settings.seed, "initial")
    )
    return train(made, settings, checkpoint)[0]


def told(state: State) -> list[Any]:
    return [(past.step, past.loss, past.gradient_norm, past.shares) for past in state.history]


@given(REWARDS, st.floats(0, 1))
def test_returns_are_discounted_sums(reward: Any, gamma: float) -> None:
    found = returns(reward, gamma)
    for t in range(4):
        expected = sum(gamma**n * reward[t + n] for n in range(4 - t))
        assert np.allclose(found[t], expected)


@given(REWARDS, hnp.arrays(float, (5, 3), elements=st.floats(-10, 10)), st.floats(0, 1))
def test_a_whole_trace_is_the_return_against_the_critic(
    reward: Any, value: Any, gamma: float
) -> None:
    advantage, target = against_critic(reward, value, gamma, 1.0)
    whole = returns(reward, gamma) + gamma ** np.arange(4, 0, -1)[:, None] * value[-1]
    assert np.allclose(target, whole)
    assert np.allclose(advantage, whole - value[:-1])
    short, _ = against_critic(reward, value, gamma, 0.0)
    assert np.allclose(short, reward + gamma * value[1:] - value[:-1])


@given(REWARDS)
def test_copies_are_compared_with_the_mean_of_the_others(total: Any) -> None:
    better = against_copies(total)
    assert np.allclose(better[:, 0], total[:, 0] - total[:, 1:].mean(axis=1))
    assert np.allclose(better.sum(axis=1), 0.0)


def test_scaled_advantages_have_a_mean_square_of_one_or_are_zero() -> None:
    assert np.mean(scaled(np.array([3.0, -1.0])) ** 2) == pytest.approx(1.0)
    assert not scaled(np.zeros(3)).any()


def test_the_loss_is_the_policy_gradient_where_nothing_has_moved() -> None:
    made = learner("central")
    seen = np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32)
    with torch.no_grad():
        level = made.levels(torch.from_numpy(seen)).numpy()
    rng = np.random.default_rng(1)
    action = (rng.random((5, 4, 3)) < 0.5).astype(np.float32)
    advantage = rng.normal(size=(5, 4)).astype(np.float32)
    samples = Samples(seen, action, level, advantage)
    value = loss(made, samples, np.arange(5), 0.2, 0.0)
    value.backward()
    found = {name: p.grad.clone() for name, p in made.parameters().items() if p.grad is not None}
    for parameter in made.parameters().values():
        parameter.grad = None
    policy = torch.distributions.Bernoulli(logits=made.levels(torch.from_numpy(seen))[:, None])
    score = policy.log_prob(torch.from_numpy(action)) * torch.from_numpy(advantage)[..., None]
    (-score.mean()).backward()
    assert value.item() == pytest.approx(-float(advantage.mean()), abs=1e-6)
    for name, gradient in found.items():
        # Sums of float32 in another order.
        assert torch.allclose(gradient, made.parameters()[name].grad, atol=1e-5), name


def test_what_has_moved_too_far_has_no_gradient() -> None:
    made = learner("central")
    seen = np.zeros((1, 4), np.float32)
    with torch.no_grad():
        level = made.levels(torch.from_numpy(seen)).numpy()
    action = np.ones((1, 1, 2), np.float32)
    for advantage, moves in ((1.0, False), (-1.0, True)):
        samples = Samples(seen, action, level - 3.0, np.full((1, 1), advantage, np.float32))
        value = loss(made, samples, np.arange(1), 0.2, 0.0)
        for parameter in made.parameters().values():
            parameter.grad = None
        value.backward()
        moved = any(p.grad is not None and p.grad.any() for p in made.parameters().values())
        assert moved == moves


@pytest.mark.parametrize("kind", ["central", "local"])
def test_the_same_seed_gives_the_same_curve_to_the_bit(kind: str, tmp_path: Path) -> None:
    first = trained(tiny(kind), tmp_path / "a")
    second = trained(tiny(kind), tmp_path / "b")
    assert told(first) == told(second)
    for name, parameter in first.parameters.items():
        assert torch.equal(parameter, second.parameters[name])
    other = trained(tiny(kind, seed=2), tmp_path / "c")
    assert told(first) != told(other)


@pytest.mark.parametrize("kind", ["central", "local"])
def test_a_stopped_training_goes_on_to_the_same_end(kind: str, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(*_: Any) -> None:
        raise StopError

    settings = tiny(kind)
    made = make_learner(kind, 8, 2, stream(1, "initial"))
    with pytest.raises(StopError):
        train(made, settings, tmp_path / "stopped", [stop])
    resumed = trained(settings, tmp_path / "stopped")
    whole = trained(settings, tmp_path / "whole")
    assert told(resumed) == told(whole)
    for name, parameter in whole.parameters.items():
        assert torch.equal(parameter, resumed.parameters[name])
    with pytest.raises(InputError, match=r"begun with gamma 0\.0, now 0\.5"):
        trained(tiny(kind, gamma=0.5), tmp_path / "stopped")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("central", {"updates": 60, "episodes": 8}),
        ("local", {"updates": 40, "episodes": 16, "episode_slots": 10, "doppler_hz": 10.0}),
    ],
)
def test_a_minute_beats_full_power_by_far(
    kind: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    settings = tiny(
        kind, links=(3,), snr_db=(20.0,), interval=20, validation=40, hidden=16,
        learning_rate=1e-2, **changes,
    )  # fmt: skip
    made = make_learner(kind, 16, 2, stream(1, "initial"))
    state, baselines = train(made, settings, tmp_path / "checkpoint")
    shares = baselines["k3@20"]
    best = state.best
    assert best is not None
    assert shares["max_power"] is not None
    assert best.share > shares["max_power"] + 0.1


def test_evaluation_meets_the_environment_s_episodes() -> None:
    episodes = Episodes(scenario(), None, 2, 7)
    solver = solver_named("wmmse")
    rates, left_out = episodes.rates({"wmmse": solver})
    assert not left_out
    env = PowerControlEnv(scenario())
    for seed, expected in zip(episodes._seeds, rates["wmmse"], strict=True):
        env.reset(options={"episode_seed": seed})
        total = 0.0
        for _ in range(12):
            power_w = solver.solve(env.problem).power_w
            total += env.step(env.action_for(power_w))[1]  # type: ignore[arg-type]
        assert total / 12 == pytest.approx(expected, rel=1e-12)


def test_differences_are_paired() -> None:
    noise = np.random.default_rng(0).normal(scale=100.0, size=50)
    step = np.linspace(0.9, 1.1, 50)
    rows = compared({"new": noise + step, "old": noise, "wmmse": noise + 500.0}, {"odd": "?"}, {})
    new, old, _, odd = rows
    assert new["won_bps_hz"] is None
    assert old["won_bps_hz"] == pytest.approx(1.0)
    assert 0.9 < old["won_low_bps_hz"] < 1.0 < old["won_high_bps_hz"] < 1.1
    assert odd["left_out"] == "?"
    assert odd["sum_rate_bps_hz"] is None
    assert new["share_of_wmmse"] == pytest.approx((noise + step).mean() / (noise + 500).mean())


def test_who_does_not_fit_is_left_out_but_not_the_first() -> None:
    rows = evaluated("max_power", ["dnn", "wmmse"], scenario(), 2, 3, 0, {})
    assert [row["allocator"] for row in rows] == ["max_power", "wmmse", "dnn"]
    assert "no network for 3 links" in rows[2]["left_out"]
    with pytest.raises(InputError, match="no network for 3 links"):
        evaluated("dnn", ["wmmse"], scenario(), 2, 3, 0, {})
    with pytest.raises(InputError, match="did you mean 'wmmse'"):
        evaluated("wmmsee", ["wmmse"], scenario(), 2, 3, 0, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "centrl"}, "did you mean 'central'"),
        ({"copies": 1}, "copies: 1, want at least 2"),
        ({"gamma": 1.5}, "gamma: 1.5, want 0 to 1"),
        ({"learning_rate": float("nan")}, "learning_rate: nan"),
        ({"links": ()}, "at least one of each"),
        ({"entropy": -1.0}, "entropy: -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PolicySettings(**changes)
