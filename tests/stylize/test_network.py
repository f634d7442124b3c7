"""The feed-forward network before any training, and what it does to sizes and styles."""

from __future__ import annotations

import pytest
import torch

from stylize.network import MULTIPLE, SIZES, Colours, initial, shapes, stylised


def picture(seed: int, height: int = 32, width: int = 48) -> torch.Tensor:
    return torch.rand((3, height, width), generator=torch.Generator().manual_seed(seed))


def weights(size: str, styles: int = 1, seed: int = 0) -> dict[str, torch.Tensor]:
    colours = [Colours.of(0.2 + 0.5 * picture(10 + i)) for i in range(styles)]
    return initial(SIZES[size], colours, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
def test_weights_have_the_shapes_they_say(size: str) -> None:
    made = weights(size, styles=3)
    assert {name: tuple(value.shape) for name, value in made.items()} == shapes(SIZES[size], 3)


def test_at_first_it_puts_the_content_into_the_styles_colours() -> None:
    style, content = 0.3 + 0.2 * picture(1), picture(2)
    made = initial(SIZES["s"], [Colours.of(style)], torch.Generator().manual_seed(1))
    found = Colours.of(stylised(made, SIZES["s"], content[None])[0])
    wanted = Colours.of(style)
    # up to the curvature of the sigmoid
    torch.testing.assert_close(found.mean, wanted.mean, atol=0.02, rtol=0.0)
    torch.testing.assert_close(found.root, wanted.root, atol=0.02, rtol=0.0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("height", [16, 24, 40])
def test_a_picture_keeps_its_size(size: str, height: int) -> None:
    x = picture(3, height, 16 + MULTIPLE)[None]
    y = stylised(weights(size), SIZES[size], x)
    assert y.shape == x.shape
    assert 0.0 <= float(y.detach().min()) <= float(y.detach().max()) <= 1.0


def test_styles_share_convolutions_alone() -> None:
    made = weights("s", styles=2)
    made["last.weight"] += 0.01
    x = picture(4)[None]
    first, second = (stylised(made, SIZES["s"], x, style) for style in (0, 1))
    assert not torch.equal(first, second)
    alone = {
        name: value[1:] if name.endswith(("scale", "shift")) else value
        for name, value in made.items()
    }
    assert torch.equal(stylised(alone, SIZES["s"], x), second)


def test_contrast_and_brightness_of_the_content_do_not_matter() -> None:
    made, x = weights("s"), picture(5)[None]
    made["last.weight"] += 0.01
    plain, faint = (stylised(made, SIZES["s"], each) for each in (x, 0.4 * x + 0.3))
    torch.testing.assert_close(plain, faint, atol=0.02, rtol=0.0)


def test_a_flat_picture_is_no_trouble() -> None:
    y = stylised(weights("m"), SIZES["m"], torch.full((1, 3, 16, 16), 0.5))
    assert bool(torch.isfinite(y).all())
