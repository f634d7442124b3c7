"""Networks nobody has trained, and pictures of patches: quick, and enough to see with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from stylize.loss import LossWeights, Target
from stylize.model_file import Model, write_model
from stylize.network import SIZES, Colours, initial
from stylize.pictures import Picture, write_picture
from stylize.vgg import VGG16


def patches(seed: int, height: int = 32, width: int = 48) -> Picture:
    """Return a picture of patches of 8 x 8 pixels."""
    rows, columns = -(-height // 8), -(-width // 8)
    colours = np.random.default_rng(seed).random((3, rows, columns), dtype=np.float32)
    picture = np.kron(colours, np.ones((1, 8, 8), dtype=np.float32))
    return np.ascontiguousarray(picture[:, :height, :width])


def made_model(size: str = "s", styles: tuple[str, ...] = ("dots",)) -> Model:
    """Return a network that has been drawn by chance."""
    generator = torch.Generator().manual_seed(1)
    paintings = {name: patches(10 + place) for place, name in enumerate(styles)}
    colours = [Colours.of(torch.from_numpy(painting)) for painting in paintings.values()]
    weights = initial(SIZES[size], colours, generator)
    weights["last.weight"] += 0.02 * torch.randn(weights["last.weight"].shape, generator=generator)
    vgg = VGG16.load()
    targets = tuple(Target.of(vgg, painting) for painting in paintings.values())
    arrays = {name: value.numpy() for name, value in weights.items()}
    return Model(size, styles, arrays, targets, LossWeights(), vgg.digest)


def model_file(folder: Path, size: str = "s", styles: tuple[str, ...] = ("dots",)) -> Path:
    """Return the file of such a network."""
    path = folder / f"{'_'.join(styles)}_{size}.safetensors"
    write_model(path, made_model(size, styles))
    return path


def picture_file(path: Path, seed: int = 1, height: int = 32, width: int = 48) -> Path:
    """Write a picture of patches."""
    write_picture(path, patches(seed, height, width))
    return path
