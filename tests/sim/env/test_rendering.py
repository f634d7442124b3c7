"""What can be seen of an environment, and when its renderer is made."""

from __future__ import annotations

import copy
import re
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from environments import ID, SMALL, changed, made

from sim.env import ResetNeededError, Scene
from sim.problem import link_rates


def test_a_table_tells_of_every_link() -> None:
    env = made(render_mode="ansi", reference="wmmse")
    env.reset(seed=1)
    problem = env.problem
    action = np.array([-1, 0, 1, -1, 0, 1.0])
    info = env.step(action)[-1]
    lines = env.render().splitlines()
    assert lines[0] == (
        f"slot 0, met: {info['sum_rate_bps_hz']:.2f} bit/s/Hz, "
        f"reference {info['reference']:.2f} bit/s/Hz"
    )
    own = 10 * np.log10(np.diagonal(problem.gain, axis1=1, axis2=2).mean(axis=0))
    rates = link_rates(problem, env.settings.p_max_w * (action.reshape(2, 3) + 1) / 2)
    shares = ["0%", "50%", "100%"]
    for link, line in enumerate(lines[2:]):
        found = re.fullmatch(r" +(\d+) +([-.\d]+) +\[(#*) *\] +(\d+%) +([.\d]+)", line)
        assert found
        assert found.groups() == (
            str(link), f"{own[link]:.1f}", "#" * (10 * link), shares[link], f"{rates[link]:.3f}"
        )  # fmt: skip
    assert len(lines) == 5


def test_the_slot_drawn_is_the_one_rated(renderers: list[Any]) -> None:
    for latency in (None, {"constant": "300 us"}):
        env = made(changed(budget={"lead": 1}), latency=latency, render_mode="rgb_array")
        env.reset(seed=1)
        env.render()
        for _ in range(3):
            before = env.problem
            rate = env.step(np.full(6, 0.5))[1]
            rated = before if latency is None else env.problem
            assert env.render().shape == (4, 6, 3)
            scene = renderers[-1].scenes[-1]
            assert isinstance(scene, Scene)
            assert np.array_equal(scene.gain, rated.gain)
            np.testing.assert_allclose(
                scene.link_rate_bps_hz, link_rates(rated, scene.power_w), rtol=1e-12
            )
            assert scene.sum_rate_bps_hz == rate
        first = renderers[-1].scenes[0]
        assert (first.slot, first.outcome, len(first.history_bps_hz)) == (0, "initial", 0)
        assert np.array_equal(first.power_w, env.settings.p_max_w)
        assert scene.slot == (2 if latency is None else 3)
        assert scene.history_bps_hz[-1] == rate
        assert scene.history_outcome == ("met",) * 3


def test_a_human_sees_every_step(renderers: list[Any]) -> None:
    env = made(render_mode="human")
    env.reset(seed=1)
    for _ in range(3):
        env.step(np.zeros(6))
    assert env.render() is None
    (renderer,) = renderers
    assert (renderer.mode, renderer.fps) == ("human", env.metadata["render_fps"])
    assert [scene.slot for scene in renderer.scenes] == [0, 0, 1, 2, 2]
    env.close()
    env.close()
    assert renderer.closed == 1


def test_no_renderer_is_made_before_it_is_needed(renderers: list[Any]) -> None:
    env = made(render_mode="rgb_array")
    env.reset(seed=1)
    env.step(np.zeros(6))
    assert not renderers
    env.render()
    other = copy.deepcopy(env)
    other.render()
    assert len(renderers) == 2


def test_positions_are_the_channels_own_or_made_up(renderers: list[Any]) -> None:
    channel = {"geometric": {"links": 3, "evolution": "gauss_markov", "doppler": "5 Hz"}}
    env = made(changed(channel=channel), render_mode="rgb_array")
    env.reset(seed=1)
    env.render()
    placed = renderers[-1].scenes[-1]
    assert placed.placed
    assert placed.rx_m.shape == placed.tx_m.shape == (3, 2)
    env = made(render_mode="rgb_array")
    env.reset(seed=1)
    env.render()
    circle = renderers[-1].scenes[-1]
    assert not circle.placed
    apart = np.linalg.norm(circle.rx_m[:, None] - circle.tx_m, axis=-1)
    assert np.array_equal(apart.argmin(axis=1), np.arange(3))


def test_many_are_drawn_one_by_one(renderers: list[Any]) -> None:
    env = gymnasium.make_vec(ID, 3, scenario=SMALL, render_mode="ansi")
    with pytest.raises(ResetNeededError):
        env.render()
    env.reset(seed=1)
    env.step(np.zeros((3, 6)))
    texts = env.render()
    assert texts is not None
    assert len(texts) == len(set(texts)) == 3
    pictures = gymnasium.make_vec(ID, 2, scenario=SMALL, render_mode="human", episode_slots=2)
    pictures.reset(seed=1)
    for _ in range(4):
        pictures.step(np.zeros((2, 6)))
    pictures.close()
    assert [renderer.closed for renderer in renderers] == [1, 1]


def test_nothing_to_see_without_a_render_mode_or_a_reset() -> None:
    env = made()
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert gymnasium.make_vec(ID, 2, scenario=SMALL).render() is None
    with pytest.raises(ResetNeededError):
        made(render_mode="ansi").render()


def test_text_needs_no_renderer() -> None:
    before = set(sys.modules)
    env = made(render_mode="ansi")
    env.reset(seed=1)
    env.render()
    assert "sim.env.render" not in set(sys.modules) - before
