"""Pictures: what they show, that they show it alike, and that they cost no memory."""

from __future__ import annotations

import dataclasses
import gc
import io
from collections.abc import Iterator
from typing import Any

import gymnasium
import gymnasium.error
import numpy as np
import pytest
from environments import ID, ON_THE_EDGE, SMALL, changed, made
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RenderCollection
from headless_backend import HeadlessManager
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from sim.deadline import InputError
from sim.env import NoWindowError, Scene
from sim.env.link_map import asides, interference_db, once_a_place, strongest
from sim.env.panels import RateScale, round_above
from sim.env.render import DOTS_PER_INCH, MAP, POWERS, RATES, SIZE_INCHES, Renderer
from sim.env.scene import Watcher

Pixels = NDArray[np.uint8]
SHAPE = (600, 900, 3)


def scene_of(scenario: Any = SMALL, steps: int = 30, **arguments: Any) -> Scene:
    """Return the scene after some steps at random."""
    env = made(scenario, episode_slots=max(steps, 1), **arguments)
    env.reset(seed=3)
    rng = np.random.default_rng(4)
    core = env._core
    watcher = Watcher(core)
    for _ in range(steps):
        watcher.before()
        env.step(rng.uniform(-1, 1, env.action_space.shape))
        watcher.after()
    return watcher.scene()


def drawn(scene: Scene) -> Pixels:
    """Return the picture that a new renderer makes."""
    picture = Renderer("rgb_array", 10).draw(scene)
    assert picture is not None
    return picture


def part(picture: Pixels, place: tuple[float, float, float, float]) -> Pixels:
    """Return the pixels of a panel."""
    left, bottom, width, height = place
    rows, columns = picture.shape[:2]
    top = round(rows * (1.0 - bottom - height))
    return picture[
        top : round(rows * (1.0 - bottom)), round(columns * left) : round(columns * (left + width))
    ]


def test_a_picture_is_an_array_of_its_own() -> None:
    env = made(latency=ON_THE_EDGE, render_mode="rgb_array", reference="wmmse")
    env.reset(seed=1)
    pictures = [env.render()]
    kept = [pictures[0].copy()]
    for _ in range(5):
        env.step(env.action_space.sample())
        pictures.append(env.render())
        kept.append(pictures[-1].copy())
    for picture, copy in zip(pictures, kept, strict=True):
        assert picture.shape == SHAPE
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert picture.flags.owndata
        assert picture.flags.writeable
        assert np.array_equal(picture, copy)
    assert len({picture.tobytes() for picture in pictures}) == 6
    assert SHAPE[:2] == tuple(round(DOTS_PER_INCH * inches) for inches in SIZE_INCHES[::-1])


@pytest.mark.parametrize(
    "channel",
    [
        SMALL["channel"],
        {"geometric": {"links": 4, "evolution": "gauss_markov", "doppler": "5 Hz"}},
    ],
    ids=["nowhere", "somewhere"],
)
def test_the_same_scene_is_the_same_picture_whatever_came_before(channel: Any) -> None:
    scenario = {"channel": channel, "radio": {"snr_db": 10}, "slots": 200}
    scenes = [
        scene_of(scenario, steps, latency=ON_THE_EDGE, reference=reference)
        for steps in (0, 1, 40, 70)
        for reference in (None, "wmmse")
    ]
    renderer = Renderer("rgb_array", 10)
    first = [renderer.draw(scene) for scene in scenes]
    again = [renderer.draw(scene) for scene in reversed(scenes)][::-1]
    for scene, one, other in zip(scenes, first, again, strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one, other)
        assert np.array_equal(one, drawn(scene))


def test_what_changes_is_seen_where_it_belongs() -> None:
    scene = scene_of(latency=ON_THE_EDGE, reference="wmmse")
    assert {"aborted", "met"} <= set(scene.history_outcome)
    before = drawn(scene)

    def seen(**changes: Any) -> list[bool]:
        after = drawn(dataclasses.replace(scene, **changes))
        panels = ((0.0, 0.9, 1.0, 0.1), MAP, POWERS, RATES)
        return [not np.array_equal(part(before, p), part(after, p)) for p in panels]

    power_w = scene.power_w.copy()
    power_w[:, 1] = 0.5 * (scene.p_max_w[:, 1] - power_w[:, 1])
    rate = scene.link_rate_bps_hz.copy()
    rate[1] = 8.0 - rate[1]
    outcomes = scene.history_outcome
    missed = outcomes.index("met")
    outcomes = (*outcomes[:missed], "late", *outcomes[missed + 1 :])
    assert seen() == [False, False, False, False]
    assert seen(slot=7) == [True, False, False, False]
    assert seen(power_w=power_w) == [False, True, True, False]
    assert seen(link_rate_bps_hz=rate) == [False, True, True, False]
    assert seen(gain=scene.gain * 10) == [False, True, False, False]
    assert seen(rx_m=scene.rx_m[::-1]) == [False, True, False, False]
    assert seen(history_bps_hz=0.9 * scene.history_bps_hz) == [False, False, False, True]
    assert seen(history_outcome=outcomes) == [False, False, False, True]


@pytest.mark.parametrize("links", [1, 2, 50])
def test_few_and_many_links_are_drawn(links: int) -> None:
    channel = {"rayleigh": {"links": links}}
    scene = scene_of({"channel": channel, "radio": {"snr_db": 10}, "slots": 5}, steps=3)
    picture = drawn(scene)
    off = dataclasses.replace(
        scene,
        power_w=np.zeros_like(scene.power_w),
        p_max_w=np.zeros_like(scene.p_max_w),
        link_rate_bps_hz=np.zeros(links),
    )
    assert not np.array_equal(part(picture, POWERS), part(drawn(off), POWERS))
    assert not np.array_equal(part(picture, MAP), part(drawn(off), MAP))


def test_a_bar_is_as_high_as_its_power() -> None:
    scene = scene_of(changed(channel={"rayleigh": {"links": 3}}), steps=0)
    levels = np.array([[1.0, 0.5, 0.0]])
    rates = np.full(3, 8.0)
    scene = dataclasses.replace(scene, power_w=levels * scene.p_max_w, link_rate_bps_hz=rates)
    panel = part(drawn(scene), POWERS).astype(int)
    darkest = 255 * RateScale().colours(rates)[0, :3]
    heights = (np.abs(panel - darkest).sum(axis=2) < 30).sum(axis=0)
    # Of 3.4 units of width link k's middle is 0.7 + k; the axes go up to 105%.
    middles = [round(panel.shape[1] * (0.7 + link) / 3.4) for link in range(3)]
    full = panel.shape[0] / 1.05
    np.testing.assert_allclose(heights[middles], full * levels[0], atol=3)  # edges are blurred


def test_frames_cost_no_memory() -> None:
    env = made(changed(slots=300), latency=ON_THE_EDGE, render_mode="rgb_array", reference="wmmse")
    env.reset(seed=1)
    env.render()
    picture = env._canvas._renderer._picture._figure  # type: ignore[union-attr, attr-defined]
    artists = len(picture.findobj())
    gc.collect()
    figures = sum(type(thing) is Figure for thing in gc.get_objects())
    for n in range(200):
        env.step(env.action_space.sample())
        env.render()
        if n % 50 == 49:
            env.reset()
    assert len(picture.findobj()) <= artists + 20  # ticks are kept once made, and never more
    gc.collect()
    assert sum(type(thing) is Figure for thing in gc.get_objects()) == figures
    env.close()
    del picture
    gc.collect()
    assert sum(type(thing) is Figure for thing in gc.get_objects()) == figures - 1


@given(st.floats(0.0, 1e9))
def test_round_numbers_are_above_and_near(value: float) -> None:
    top = round_above(value)
    assert value < top <= 1.7 * max(value, 0.01)
    fifth = top / 5
    assert float(f"{fifth:.1e}") == pytest.approx(fifth, rel=1e-12)


def test_only_the_strongest_interference_is_drawn() -> None:
    scene = scene_of(
        changed(channel={"rayleigh": {"links": 4, "subbands": 2}}, radio={"snr_db": 0}), steps=0
    )
    power_w = scene.power_w.copy()
    power_w[:, 2] = 0.0
    level = interference_db(dataclasses.replace(scene, power_w=power_w))
    assert np.isneginf(np.diag(level)).all()
    assert np.isneginf(level[:, 2]).all()
    heard_w = sum(scene.gain[s, 3, 1] * power_w[s, 1] for s in range(2))
    assert level[3, 1] == pytest.approx(10 * np.log10(heard_w / scene.noise_w[:, 3].sum()))
    rows, columns = strongest(level, -np.inf, 5)
    assert np.array_equal(level[rows, columns], np.sort(level, axis=None)[-5:])
    rows, _ = strongest(level, 0.0, 16)
    assert len(rows) == (level > 0.0).sum()


def test_numbers_stand_beside_their_links_and_clear_of_all_else() -> None:
    here = np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 60.0]])
    there = np.array([[-30.0, 0.0], [100.0, 40.0], [50.0, 60.0]])
    np.testing.assert_allclose(asides(here, there), [[9, 0], [0, -9], [9, 0]], atol=1e-12)
    # The first takes the place of the second, which goes elsewhere.
    here = np.array([[0.0, 0.0], [18.0, 0.0]])
    there = np.array([[-30.0, 0.0], [48.0, 0.0]])
    places = here + asides(here, there)
    assert np.linalg.norm(places[0] - places[1]) > 8.0
    np.testing.assert_allclose(np.linalg.norm(places - here, axis=1), 9.0)


def test_interference_between_the_same_places_is_drawn_once() -> None:
    level = np.array([[-np.inf, 3.0, 1.0], [4.0, -np.inf, 2.0], [5.0, 6.0, -np.inf]])
    rx_m = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    tx_m = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    off = -np.inf
    expected = [[off, 3.0, off], [4.0, off, 2.0], [5.0, 6.0, off]]
    assert np.array_equal(once_a_place(level, rx_m, tx_m), expected)
    assert np.array_equal(once_a_place(level, tx_m, tx_m), level)


def test_gymnasiums_own_tools_take_the_pictures() -> None:
    env = gymnasium.make(ID, scenario=SMALL, render_mode="rgb_array", episode_slots=3)
    frames: Any = RenderCollection(env)
    frames.reset(seed=1)
    for _ in range(3):
        frames.step(env.action_space.sample())
    pictures = frames.render()
    assert [picture.shape for picture in pictures] == [SHAPE] * 4
    envs = gymnasium.make_vec(ID, 2, scenario=SMALL, render_mode="rgb_array")
    envs.reset(seed=1)
    one, other = envs.render()  # type: ignore[misc]
    assert one.shape == other.shape == SHAPE
    assert not np.array_equal(one, other)
    envs.close()


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[HeadlessManager]]:
    """The windows opened, on no screen."""
    import matplotlib.pyplot as plt

    monkeypatch.setattr(HeadlessManager, "made", [])
    plt.switch_backend("module://headless_backend")
    yield HeadlessManager.made
    plt.close("all")
    plt.switch_backend("agg")


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_window_shows_each_frame_and_no_more_a_second_than_it_should(
    windows: list[HeadlessManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("sim.env.window.perf_counter", clock)
    env = made(latency=ON_THE_EDGE, render_mode="human")
    env.reset(seed=1)
    (window,) = windows
    frame_s = 1.0 / env.metadata["render_fps"]
    assert window.events == ["show", "blit"]
    env.step(np.zeros(6))
    assert window.events[2:] == ["blit", pytest.approx(frame_s)]
    clock.now_s += 1.25 * frame_s  # the wait, and a quarter of the next
    env.step(np.zeros(6))
    assert window.events[4:] == ["blit", pytest.approx(0.75 * frame_s)]
    clock.now_s += 5 * frame_s  # too slow: no wait, and nothing to catch up with
    env.step(np.zeros(6))
    assert window.events[6:] == ["blit"]
    env.step(np.zeros(6))
    assert window.events[7:] == ["blit", pytest.approx(frame_s)]
    env.close()
    env.close()
    assert window.events[9:] == ["destroy"]


def test_a_window_shows_what_an_array_holds(windows: list[HeadlessManager]) -> None:
    scenes = [scene_of(steps=steps, latency=ON_THE_EDGE) for steps in (0, 5, 6)]
    renderer = Renderer("human", 1e9)
    for scene in scenes:
        assert renderer.draw(scene) is None
        shown = np.asarray(windows[0].canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
        assert np.array_equal(shown, drawn(scene))
    renderer.close()


def test_a_window_can_be_saved_and_goes_on(windows: list[HeadlessManager]) -> None:
    renderer = Renderer("human", 1e9)
    canvas: Any = None
    for steps in (5, 6):
        scene = scene_of(steps=steps, latency=ON_THE_EDGE)
        renderer.draw(scene)
        canvas = windows[0].canvas
        shown = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        assert np.array_equal(shown, drawn(scene))
        for scale in (1, 2):
            file = io.BytesIO()
            canvas.figure.savefig(file, dpi=scale * DOTS_PER_INCH)
            saved = np.rint(255 * imread(io.BytesIO(file.getvalue()))[..., :3])
            assert saved.shape == (scale * SHAPE[0], scale * SHAPE[1], 3)
            if scale == 1:  # what moves lies beneath a legend there, no other pixel differs
                assert (saved != shown).any(axis=2).mean() < 1e-3
    renderer.close()


def test_a_window_can_change_its_size(windows: list[HeadlessManager]) -> None:
    renderer = Renderer("human", 1e9)
    scenes = [scene_of(steps=steps, latency=ON_THE_EDGE) for steps in (5, 6)]
    renderer.draw(scenes[0])
    canvas: Any = windows[0].canvas
    canvas.figure.set_size_inches(7.0, 5.0)
    canvas.draw()  # as toolkits do
    renderer.draw(scenes[1])
    small = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    assert small.shape == (500, 700, 3)
    canvas.draw()
    assert np.array_equal(small, np.asarray(canvas.buffer_rgba())[..., :3])
    renderer.close()


def test_a_window_closed_by_hand_stays_closed(windows: list[HeadlessManager]) -> None:
    import matplotlib.pyplot as plt

    env = made(render_mode="human")
    env.reset(seed=1)
    plt.close(windows[0].num)
    env.step(np.zeros(6))
    env.close()
    assert windows[0].events == ["show", "blit", "destroy"]
    env.reset(seed=1)  # after close() there is a new one
    assert len(windows) == 2
    env.close()


@pytest.mark.usefixtures("windows")
def test_gymnasium_finds_nothing_wrong_with_pictures_and_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sim.env.window.perf_counter", Clock())
    env = gymnasium.make(ID, scenario=SMALL, render_mode="rgb_array")
    check_env(env.unwrapped)  # makes and draws all render modes


def test_no_window_where_there_is_none() -> None:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    before = plt.get_fignums()
    env = made(render_mode="human")
    with pytest.raises(InputError, match="'human': matplotlib's backend agg opens no window") as at:
        env.reset(seed=1)
    assert isinstance(at.value, NoWindowError)
    assert isinstance(at.value, gymnasium.error.DependencyNotInstalled)
    assert "\n" not in str(at.value)
    assert plt.get_fignums() == before
    env.close()
