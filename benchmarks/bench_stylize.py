"""How much quicker one pass of a network is than the optimisation: J. Johnson et al.'s table 1.

    python benchmarks/bench_stylize.py [--style starry_night] [--px 256,512,1024]

Both have the same threads and paint the same photograph, one at a time. Of the optimisation so many
evaluations are timed as `--evaluations` says, and longer runs are told from their median: one takes
as long as another. The two take turns, so that a change of the machine's pace meets both.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from sim.deadline.manifest import processor
from sim.deadline.tables import number, plain_table
from stylize.fast import Fast
from stylize.loss import StyleLoss
from stylize.model_file import Model, models_named
from stylize.pictures import SAMPLE, Picture, read_picture, resized
from stylize.slow import SlowSettings, optimise
from stylize.training.photos import centre
from stylize.vgg import VGG16

LONG = (100, 300, 500)
ROUNDS = 5


def timed_s(network: Fast, photo: Picture, least_s: float = 0.5) -> list[float]:
    """Return what passes took, as many as fit into some time, at least three."""
    times: list[float] = []
    network(photo)
    while len(times) < 3 or sum(times) < least_s:
        begun = time.perf_counter()
        network(photo)
        times.append(time.perf_counter() - begun)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--px", default="256,512,1024")
    parser.add_argument("--evaluations", type=int, default=20, help="timed, of each size")
    parser.add_argument("--photo", type=Path, default=SAMPLE)
    options = parser.parse_args()
    models = {model.size: model for model in models_named([options.style]).values()}
    loss = next(iter(models.values())).loss_through(VGG16.load())
    whole = read_picture(options.photo)
    table = plain_table(f"{processor()}: seconds a picture, medians")
    for heading in ("px", "threads", *(f"slow {n}" for n in LONG), *(f"fast {s}" for s in models)):
        table.add_column(heading, justify="right")
    for size in models:
        table.add_column(f"500 over {size}", justify="right")
    for px in map(int, options.px.split(",")):
        photo = square(whole, px)
        for threads in sorted({1, os.cpu_count() or 1}):
            slow, fast = paired(loss, models, photo, threads, options.evaluations)
            cells = [str(px), str(threads)]
            cells += [number(n * slow, 1) for n in LONG]
            cells += [number(value, 4) for value in fast.values()]
            cells += [number(LONG[-1] * slow / value, 0) for value in fast.values()]
            table.add_row(*cells)
    Console(width=140).print(table)


def square(photo: Picture, px: int) -> Picture:
    """Return the middle of a photograph, however large it is wanted."""
    side = resized(photo, px)
    return centre(np.rint(255.0 * side).astype(np.uint8), px)


def paired(
    loss: StyleLoss, models: dict[str, Model], photo: Picture, threads: int, evaluations: int
) -> tuple[float, dict[str, float]]:
    """Return the median evaluation and the median pass of each network, in s."""
    torch.set_num_threads(threads)
    networks = {size: Fast(model.weights, model.made_of, threads) for size, model in models.items()}
    slow: list[float] = []
    fast: dict[str, list[float]] = {size: [] for size in networks}
    steps = optimise(loss, photo, SlowSettings(evaluations + 1, "content"))
    next(steps)  # warms up
    for turn in range(ROUNDS):
        share = evaluations * (turn + 1) // ROUNDS - evaluations * turn // ROUNDS
        for _ in range(share):
            begun = time.perf_counter()
            next(steps)
            slow.append(time.perf_counter() - begun)
        for size, network in networks.items():
            fast[size] += timed_s(network, photo)
    return float(np.median(slow)), {size: float(np.median(each)) for size, each in fast.items()}


if __name__ == "__main__":
    main()
