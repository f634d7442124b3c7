"""The pictures of docs/stylize.md: what the optimisation paints, and what the networks do.

    python benchmarks/study_stylize.py -o docs/studies/stylize [--styles starry_night,scream]

For every style a photograph after 50, 100 and 300 evaluations, from noise and from the content, and
what both networks make of it in one pass, each with its loss.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch

from sim.deadline.plots import canvas
from stylize.fast import Fast
from stylize.loss import StyleLoss
from stylize.model_file import models_named, shipped_styles
from stylize.pictures import SAMPLE, Picture, as_bytes, read_picture, resized
from stylize.slow import STARTS, SlowSettings, optimise
from stylize.vgg import VGG16

COUNTS = (50, 100, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--styles", help="separated by commas; all that are shipped")
    parser.add_argument("--photo", type=Path, default=SAMPLE)
    parser.add_argument("--px", type=int, default=256)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    vgg = VGG16.load()
    photo = resized(read_picture(options.photo), options.px)
    styles = options.styles.split(",") if options.styles else list(shipped_styles())
    for style in styles:
        models = {model.size: model for model in models_named([style]).values()}
        loss = next(iter(models.values())).loss_through(vgg)
        cells = [("content", photo, None)]
        for start in reversed(STARTS):
            cells += optimised(loss, photo, start)
        for size, model in models.items():
            picture = Fast(model.weights, model.made_of)(photo)
            cells.append((f"network {size}, one pass", picture, loss.score(picture, photo)))
        draw(options.output / f"{style}.jpg", style, cells)


Cell = tuple[str, Picture, float | None]


def optimised(loss: StyleLoss, photo: Picture, start: str) -> list[Cell]:
    """Return what the optimisation has come to after some evaluations."""
    steps = optimise(loss, photo, SlowSettings(COUNTS[-1], start), np.random.default_rng(1))
    return [
        (f"{step.evaluations} evaluations from {start}", step.picture, step.loss)
        for step in steps
        if step.evaluations in COUNTS
    ]


def draw(path: Path, style: str, cells: list[Cell]) -> None:
    """Draw the cells in three rows, each with its loss."""
    columns = 3
    rows = -(-len(cells) // columns)
    _, height, width = cells[0][1].shape
    with canvas(path, 3.2 * columns, (3.2 * height / width + 0.35) * rows) as drawing:
        grid = drawing.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, (title, picture, value) in zip(grid.flat, cells, strict=False):
            axes.imshow(as_bytes(picture), interpolation="none")
            axes.set_title(title if value is None else f"{title}: {value:.2f}", fontsize=9)
        drawing.suptitle(style.replace("_", " "), fontsize=10)


if __name__ == "__main__":
    main()
