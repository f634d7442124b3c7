"""Convolutions by tiles: what torch's give, and their gradients, at every size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from stylize.winograd import Convolution


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 6, 6), (1, 9, 11), (3, 19, 8), (1, 42, 132)])
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (32, 64)])
def test_it_convolves(
    threads: None, shape: tuple[int, int, int], inputs: int, outputs: int
) -> None:
    count, height, width = shape
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(outputs, inputs, 3, 3), scale=0.1).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    x = torch.from_numpy(rng.normal(size=(count, inputs, height, width)).astype(np.float32))
    layer = Convolution(weight, bias)
    first, second = (x.clone().requires_grad_() for _ in "ab")
    found = layer(first)
    bare = conv2d(second, torch.from_numpy(weight), torch.from_numpy(bias))
    expected = bare.relu()
    torch.testing.assert_close(found, expected, atol=3e-5, rtol=1e-4)
    # Where a rectifier is all but at its kink, rounding decides: no gradient comes through there.
    clear = torch.from_numpy(rng.normal(size=expected.shape).astype(np.float32))
    clear = torch.where(bare.detach().abs() > 1e-3, clear, 0.0)
    found.backward(clear)
    expected.backward(clear)
    torch.testing.assert_close(first.grad, second.grad, atol=1e-4, rtol=1e-3)
    with torch.no_grad():
        assert torch.equal(layer(x), found)


def test_what_is_frozen_asks_for_no_gradient() -> None:
    layer = Convolution(np.ones((2, 2, 3, 3), np.float32), np.zeros(2, np.float32))
    assert not layer(torch.ones(1, 2, 8, 8)).requires_grad


def test_any_layout_will_do() -> None:
    rng = np.random.default_rng(2)
    layer = Convolution(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), np.zeros(4, np.float32))
    x = torch.from_numpy(rng.normal(size=(1, 3, 12, 20)).astype(np.float32))
    assert torch.equal(layer(x), layer(x.contiguous(memory_format=torch.channels_last)))
