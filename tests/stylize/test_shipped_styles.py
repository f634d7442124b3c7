"""The shipped networks: small, whole, with their cards, and worth something."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sim.deadline.models.model_file import card_path
from stylize.fast import Fast
from stylize.model_file import losses_of, model_path, read_model, shipped_styles
from stylize.network import noise, stylised
from stylize.pictures import SAMPLE, Picture, read_picture, resized
from stylize.training.photos import centre
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
def test_along_a_border_it_paints_as_elsewhere(style: str, size: str) -> None:
    model = read_model(model_path(style, size)).only()
    weights = {name: torch.from_numpy(value) for name, value in model.weights.items()}
    margin, strip = 64, 8

    def painted(picture: Picture, first: int, turn: int) -> Picture:
        drawn = torch.from_numpy(noise(*picture.shape[1:], first + 500 * turn, first))[None]
        with torch.no_grad():
            found = stylised(weights, model.made_of, torch.from_numpy(picture)[None], drawn)
        return found[0].numpy()

    photo = centre(np.rint(255 * resized(read_picture(SAMPLE), 384)).astype(np.uint8), 384)
    apart = np.zeros((3, 256, 256))
    for turn in range(4):  # so that what is there by chance, a star or an eye, counts little
        whole = np.ascontiguousarray(np.rot90(photo, turn, axes=(1, 2)))
        part = np.ascontiguousarray(whole[:, margin:-margin, margin:-margin])
        within = painted(whole, 0, turn)[:, margin:-margin, margin:-margin]
        apart += (painted(part, margin, turn) - within) / 4
    # Of the part alone, the mean and variance are others: so the middle differs, too.
    apart -= apart[:, margin:-margin, margin:-margin].mean(axis=(1, 2), keepdims=True)
    # A band is another colour than there would be within a picture: below 0.15 in those shipped.
    for turned in range(4):
        band = np.rot90(apart, turned, axes=(1, 2))[:, :strip].mean(axis=(1, 2))
        assert np.abs(band).max() < 0.15


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
