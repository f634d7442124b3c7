"""ONNX Runtime does what torch does, at every size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylize.fast import Fast
from stylize.network import SIZES, Colours, initial, stylised


def drawn(size: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    colours = [Colours.of(torch.rand((3, 20, 20), generator=generator))]
    weights = initial(SIZES[size], colours, generator)
    for name, value in weights.items():
        if name.startswith("last") or name.endswith("shift"):
            weights[name] = value + 0.1 * torch.randn(value.shape, generator=generator)
    return weights


@pytest.mark.parametrize("size", SIZES)
def test_it_does_what_torch_does(size: str) -> None:
    weights = drawn(size)
    fast = Fast({name: value.numpy() for name, value in weights.items()}, SIZES[size])
    x = np.random.default_rng(2).random((3, 36, 52), dtype=np.float32)
    with torch.no_grad():
        expected = stylised(weights, SIZES[size], torch.from_numpy(x)[None])[0].numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(fast(x), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (17, 33), (16, 16)])
def test_any_size_keeps_its_size(shape: tuple[int, int]) -> None:
    fast = Fast({name: value.numpy() for name, value in drawn("s").items()}, SIZES["s"])
    x = np.random.default_rng(3).random((3, *shape), dtype=np.float32)
    y = fast(x)
    assert y.shape == x.shape
    assert y.dtype == np.float32
    assert 0.0 <= y.min() <= y.max() <= 1.0
