"""The feed-forward network before any training, and what it does to sizes and styles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from stylize.network import MULTIPLE, NOISE, SIZES, Colours, Size, initial, noise, shapes, stylised


def picture(seed: int, height: int = 32, width: int = 48) -> torch.Tensor:
    return torch.rand((3, height, width), generator=torch.Generator().manual_seed(seed))


def weights(size: str, styles: int = 1, seed: int = 0) -> dict[str, torch.Tensor]:
    colours = [Colours.of(0.2 + 0.5 * picture(10 + i)) for i in range(styles)]
    return initial(SIZES[size], colours, torch.Generator().manual_seed(seed))


def painted(
    weights: Mapping[str, torch.Tensor], size: Size, pictures: torch.Tensor, style: int = 0
) -> torch.Tensor:
    drawn = torch.from_numpy(noise(*pictures.shape[2:]))[None]
    return stylised(weights, size, pictures, drawn, style)


@pytest.mark.parametrize("size", SIZES)
def test_weights_have_the_shapes_they_say(size: str) -> None:
    made = weights(size, styles=3)
    assert {name: tuple(value.shape) for name, value in made.items()} == shapes(SIZES[size], 3)


def test_at_first_it_puts_the_content_into_the_styles_colours() -> None:
    style, content = 0.3 + 0.2 * picture(1), picture(2)
    made = initial(SIZES["s"], [Colours.of(style)], torch.Generator().manual_seed(1))
    found = Colours.of(painted(made, SIZES["s"], content[None])[0])
    wanted = Colours.of(style)
    # up to the curvature of the sigmoid
    torch.testing.assert_close(found.mean, wanted.mean, atol=0.02, rtol=0.0)
    torch.testing.assert_close(found.root, wanted.root, atol=0.02, rtol=0.0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("height", [16, 24, 40])
def test_a_picture_keeps_its_size(size: str, height: int) -> None:
    x = picture(3, height, 16 + MULTIPLE)[None]
    y = painted(weights(size), SIZES[size], x)
    assert y.shape == x.shape
    assert 0.0 <= float(y.detach().min()) <= float(y.detach().max()) <= 1.0


def test_styles_share_convolutions_alone() -> None:
    made = weights("s", styles=2)
    made["last.weight"] += 0.01
    x = picture(4)[None]
    first, second = (painted(made, SIZES["s"], x, style) for style in (0, 1))
    assert not torch.equal(first, second)
    alone = {
        name: value[1:] if name.endswith(("scale", "shift")) else value
        for name, value in made.items()
    }
    assert torch.equal(painted(alone, SIZES["s"], x), second)


def test_contrast_and_brightness_of_the_content_do_not_matter() -> None:
    made, x = weights("s"), picture(5)[None]
    made["last.weight"] += 0.01
    plain, faint = (painted(made, SIZES["s"], each) for each in (x, 0.4 * x + 0.3))
    torch.testing.assert_close(plain, faint, atol=0.02, rtol=0.0)


def test_a_flat_picture_is_no_trouble() -> None:
    y = painted(weights("m"), SIZES["m"], torch.full((1, 3, 16, 16), 0.5))
    assert bool(torch.isfinite(y).all())


def test_noise_is_the_same_wherever_it_is_looked_at() -> None:
    whole = noise(2200, 1100)
    assert whole.shape == (NOISE, 1100, 550)
    np.testing.assert_array_equal(noise(64, 32, 1500, 40), whole[:, 750:782, 20:36])
    assert abs(float(whole.mean())) < 0.01
    assert float(whole.std()) == pytest.approx(1.0, abs=0.01)
    # What these very bits come to, here and everywhere.
    assert whole[0, 0, 0] == noise(2, 2)[0, 0, 0] == np.float32(-1.6920518)


def test_a_flat_picture_gets_more_than_one_small_pattern() -> None:
    made = weights("s")
    made["last.weight"] += 0.02 * torch.randn(
        made["last.weight"].shape, generator=torch.Generator().manual_seed(1)
    )
    y = painted(made, SIZES["s"], torch.full((1, 3, 128, 128), 0.5))[0]
    tiles = y[:, 32:96, 32:96].unfold(1, 16, 16).unfold(2, 16, 16).flatten(1, 2)
    assert float(tiles.std(dim=1).mean()) > 0.02
