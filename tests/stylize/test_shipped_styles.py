"""The shipped networks: small, whole, with their cards, and worth something."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim.deadline.models.model_file import card_path
from stylize.fast import Fast
from stylize.model_file import losses_of, model_path, read_model, shipped_styles
from stylize.pictures import SAMPLE, read_picture, resized
from stylize.vgg import VGG16

SHIPPED = [(style, size) for style, sizes in shipped_styles().items() for size in sizes]


def test_starry_night_is_among_them() -> None:
    assert "starry_night" in shipped_styles()


@pytest.fixture(scope="module")
def vgg() -> VGG16:
    return VGG16.load()


@pytest.mark.parametrize(("style", "size"), SHIPPED)
def test_it_is_worth_something(vgg: VGG16, style: str, size: str) -> None:
    path = model_path(style, size)
    assert path.stat().st_size < 2_000_000
    model = read_model(path).only()
    assert (model.styles, model.size) == ((style,), size)
    card = json.loads(card_path(path).read_text(encoding="utf-8"))
    assert card["command"].startswith("ttirace stylize train ")
    photo = resized(read_picture(SAMPLE), 256)
    painted = Fast(model.weights, model.made_of)(photo)
    loss = model.loss_through(vgg)
    found = loss.score(painted, photo)
    assert found < 0.6 * loss.score(photo, photo)
    # One photograph it has never seen, against the mean of those that it was validated on.
    assert found == pytest.approx(losses_of(path)["total"], rel=0.5)


@pytest.mark.parametrize(("style", "size"), SHIPPED)
def test_no_grid_and_no_border(style: str, size: str) -> None:
    model = read_model(model_path(style, size)).only()
    photo = resized(read_picture(SAMPLE), 256)
    grey = Fast(model.weights, model.made_of)(photo).mean(axis=0)
    # Steps within the squares of two that the last layer draws, against those between squares.
    across = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    inner, outer = across[0::2].mean(), across[1::2].mean()
    assert 0.7 < inner / outer < 1.4
    frame = np.concatenate([grey[:2].ravel(), grey[-2:].ravel()])
    near = np.concatenate([grey[8:10].ravel(), grey[-10:-8].ravel()])
    assert abs(frame.mean() - near.mean()) < 0.1
