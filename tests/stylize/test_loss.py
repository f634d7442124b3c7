"""The loss: against loops and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylize.loss import CONTENT_TAP, PADDING, LossWeights, StyleLoss, Target, gram, variation
from stylize.vgg import TAPS, VGG16


@pytest.fixture(scope="module")
def vgg() -> VGG16:
    return VGG16.load(dtype=torch.float64)


def picture(seed: int, height: int = 16, width: int = 24, count: int = 1) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random((count, 3, height, width)))


def test_gram_matrices_are_what_a_loop_makes() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 4, 5)))
    expected = np.zeros((2, 3, 3))
    for n in range(2):
        for i in range(3):
            for j in range(3):
                for row in range(4):
                    for column in range(5):
                        expected[n, i, j] += float(x[n, i, row, column] * x[n, j, row, column]) / 20
    np.testing.assert_allclose(gram(x).numpy(), expected, rtol=1e-12)


def test_gradients_of_gram_matrices_are_finite_differences() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 4, 5))).requires_grad_()
    assert torch.autograd.gradcheck(gram, x)  # of every entry by itself: not symmetrically


def test_variation_is_of_neighbours() -> None:
    x = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    x[0, 1, 2, 2] = 1.0 / 255.0  # four neighbours, a difference of one each
    assert float(variation(x)) == pytest.approx(4.0 / 16)


def test_gradients_are_finite_differences(vgg: VGG16) -> None:
    loss = StyleLoss(
        vgg, Target.of(vgg, picture(1)[0].numpy()), LossWeights(content=0.3, variation=1e-7)
    )
    content = loss.content_of(picture(2))
    x = picture(3).requires_grad_()
    loss(x, content).total.sum().backward()
    assert x.grad is not None
    rng = np.random.default_rng(4)
    step = 1e-7
    for _ in range(10):
        direction = torch.from_numpy(rng.normal(size=tuple(x.shape)))
        with torch.no_grad():
            ahead, behind = (
                float(loss(x + sign * step * direction, content).total) for sign in (1, -1)
            )
        slope = float((x.grad * direction).sum())
        # Kinks of the relus lie within a step now and then: some parts in 1e5.
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-4)


def test_parts_are_what_they_are_called(vgg: VGG16) -> None:
    style, content = picture(5)[0], picture(6)
    loss = StyleLoss(
        vgg, Target.of(vgg, style.numpy()), LossWeights(content=2.0, style=3.0, variation=0.5)
    )
    of_style = loss(style[None], loss.content_of(style[None]))
    assert float(of_style.style) == pytest.approx(0.0, abs=1e-12)
    assert float(of_style.content) == 0.0
    of_content = loss(content, loss.content_of(content))
    assert float(of_content.content) == 0.0
    assert float(of_content.style) > 0.1
    assert float(of_content.variation) == pytest.approx(0.5 * float(variation(content)))
    black = loss(torch.zeros_like(content), loss.content_of(content))
    seen = (
        vgg(one, CONTENT_TAP, PADDING)[CONTENT_TAP]
        for one in (torch.zeros_like(content), content, style[None])
    )
    dark, bright, painted = seen
    apart, size = dark - bright, painted.square().mean()
    assert float(black.content) == pytest.approx(float(2.0 * apart.square().mean() / size))
    assert float(black.total) == pytest.approx(sum(float(part) for part in black[:3]))


def test_every_tap_is_relative_to_the_styles_own(vgg: VGG16) -> None:
    style, other = picture(7)[0], picture(8)
    loss = StyleLoss(vgg, Target.of(vgg, style.numpy()), LossWeights(style=3.0))
    wanted, seen = (vgg(one, padding=PADDING) for one in (style[None], other))
    expected = 0.0
    for tap in TAPS:
        apart = (gram(seen[tap]) - gram(wanted[tap])).square().mean()
        expected += 3.0 * float(apart / gram(wanted[tap]).square().mean())
    found = loss(other, loss.content_of(other)).style
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_a_border_is_no_edge(vgg: VGG16) -> None:
    flat = [torch.full((1, 3, side, side), 0.8, dtype=torch.float64) for side in (16, 64)]
    loss = StyleLoss(vgg, Target.of(vgg, flat[0][0].numpy()))
    assert float(loss(flat[1], loss.content_of(flat[1])).total) == pytest.approx(0.0, abs=1e-12)


def test_pictures_of_a_batch_do_not_see_each_other(vgg: VGG16) -> None:
    loss = StyleLoss(vgg, Target.of(vgg, picture(8)[0].numpy()))
    many, content = picture(9, count=3), picture(10, count=3)
    whole = loss(many, loss.content_of(content))
    for n in range(3):
        alone = loss(many[n : n + 1], loss.content_of(content[n : n + 1]))
        for part, own in zip(whole, alone, strict=True):
            assert float(part[n]) == pytest.approx(float(own[0]), rel=1e-9)
