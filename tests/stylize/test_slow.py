"""The slow solver: falls, repeats itself, counts, and can be left at any time."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from sim.deadline import InputError
from stylize.loss import StyleLoss, Target
from stylize.slow import METHODS, STARTS, Picture, SlowSettings, optimise
from stylize.stepwise import evaluated
from stylize.vgg import VGG16


def picture(seed: int) -> Picture:
    """Return a picture of patches."""
    patches = np.random.default_rng(seed).random((3, 6, 4), dtype=np.float32)
    return np.kron(patches, np.ones((1, 4, 4), dtype=np.float32))


@pytest.fixture(scope="module")
def loss() -> StyleLoss:
    vgg = VGG16.load()
    return StyleLoss(vgg, Target.of(vgg, picture(1)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", STARTS)
def test_the_loss_falls_and_is_that_of_the_picture(
    loss: StyleLoss, method: str, start: str
) -> None:
    content = picture(2)
    rng = np.random.default_rng(1)
    found = list(optimise(loss, content, SlowSettings(12, start, method), rng))
    assert [one.evaluations for one in found] == list(range(1, 13))
    values = [one.loss for one in found]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.9 * values[0]
    last = found[-1].picture
    assert last.dtype == np.float32
    assert 0.0 <= last.min() <= last.max() <= 1.0
    kept = loss.content_of(torch.from_numpy(content)[None])
    again = float(loss(torch.from_numpy(last)[None], kept).total)
    assert again == pytest.approx(values[-1], rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_picture(loss: StyleLoss, method: str) -> None:
    def last(seed: int) -> Picture:
        rng = np.random.default_rng(seed)
        return list(optimise(loss, picture(3), SlowSettings(4, "noise", method), rng))[-1].picture

    assert np.array_equal(last(5), last(5))
    assert not np.array_equal(last(5), last(6))


def test_noise_wants_a_generator(loss: StyleLoss) -> None:
    with pytest.raises(InputError, match="give rng"):
        next(optimise(loss, picture(2), SlowSettings(1, "noise")))


def test_it_can_be_left_at_any_time(loss: StyleLoss) -> None:
    before = threading.active_count()
    steps = optimise(loss, picture(2), SlowSettings(1000))
    next(steps)
    next(steps)
    steps.close()
    assert threading.active_count() == before


def test_nothing_is_evaluated_before_it_is_asked_for() -> None:
    calls = []

    def square(x: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(x.copy())
        return float(x @ x), 2.0 * x

    def steps(function: object) -> None:
        for value in range(5):
            function(np.array([float(value)]))  # type: ignore[operator]

    found = evaluated(steps, square)
    assert calls == []
    assert next(found)[1] == 0.0
    assert len(calls) == 1
    assert [value for _, value in found] == [1.0, 4.0, 9.0, 16.0]


def test_what_goes_wrong_inside_is_raised_outside() -> None:
    def broken(x: np.ndarray) -> tuple[float, np.ndarray]:
        raise InputError("broken")

    with pytest.raises(InputError, match="broken"):
        next(evaluated(lambda function: function(np.zeros(1)), broken))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"evaluations": 0}, "evaluations: 0"),
        ({"start": "contents"}, "did you mean 'content'"),
        ({"method": "lbgfs"}, "did you mean 'lbfgs'"),
    ],
)
def test_settings_out_of_range(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SlowSettings(**wrong)  # type: ignore[arg-type]
