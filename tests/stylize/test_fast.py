"""ONNX Runtime does what torch does, at every size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_networks import model_file, picture_file

from stylize import fast
from stylize.fast import Fast
from stylize.network import SIZES, Colours, initial, noise, stylised


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
    network = Fast({name: value.numpy() for name, value in weights.items()}, SIZES[size])
    x = np.random.default_rng(2).random((3, 40, 56), dtype=np.float32)
    drawn_noise = torch.from_numpy(noise(40, 56))[None]
    with torch.no_grad():
        expected = stylised(weights, SIZES[size], torch.from_numpy(x)[None], drawn_noise)[0].numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(network(x), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (17, 33), (16, 16)])
def test_any_size_keeps_its_size(shape: tuple[int, int]) -> None:
    network = Fast({name: value.numpy() for name, value in drawn("s").items()}, SIZES["s"])
    x = np.random.default_rng(3).random((3, *shape), dtype=np.float32)
    y = network(x)
    assert y.shape == x.shape
    assert y.dtype == np.float32
    assert 0.0 <= y.min() <= y.max() <= 1.0


@pytest.mark.parametrize("size", SIZES)
def test_tiles_give_what_the_whole_gives(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_TILE", 96)
    weights = {name: value.numpy() for name, value in drawn(size).items()}
    x = np.random.default_rng(4).random((3, 250, 230), dtype=np.float32)
    seen: list[None] = []
    whole, tiled = Fast(weights, SIZES[size]), Fast(weights, SIZES[size], most_whole=10_000)
    y = tiled(x, lambda: seen.append(None))
    np.testing.assert_allclose(y, whole(x), atol=5e-4)
    assert len(seen) == tiled.steps(x) > 9
    assert whole.steps(x) == 1


def test_of_many_tiles_some_tell_how_to_normalise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_TILE", 32)
    weights = {name: value.numpy() for name, value in drawn("s").items()}
    x = np.random.default_rng(5).random((3, 160, 160), dtype=np.float32)
    exact = Fast(weights, SIZES["s"], most_whole=10_000)(x)
    monkeypatch.setattr(fast, "_MOST_LOOKED", 9)
    some = Fast(weights, SIZES["s"], most_whole=10_000)(x)
    assert 0.0 < np.abs(some - exact).mean() < 0.03


def test_a_picture_is_painted_without_torch(tmp_path: Path) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png")
    code = f"""
import sys
sys.modules["torch"] = None  # as if it were not installed
from sim.cli import main
sys.argv = ["ttirace", "stylize", "image", {str(photo)!r}, "--style", {str(network)!r},
            "-o", {str(tmp_path / "o.png")!r}]
main()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "o.png").exists()
    slow = code.replace('"-o"', '"--solver", "gatys", "-o"')
    done = subprocess.run([sys.executable, "-c", slow], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "ttirace: optimisation needs torch: pip install 'ttirace[train]'\n"
