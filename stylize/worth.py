"""What a network is worth: how many evaluations the optimisation needs to come to its loss.

After J. Johnson et al. (ECCV 2016), figure 5: both make the same loss small, so that one can be
told in the other's steps.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.deadline.files import whole_file
from sim.deadline.folder import RunFolder
from sim.deadline.plots import colour, figure
from stylize.fast import Fast
from stylize.loss import StyleLoss
from stylize.model_file import Model
from stylize.pictures import Picture
from stylize.slow import STARTS, SlowSettings, optimise

#: A curve is drawn on for so much longer than it takes to come below every network.
_BEYOND = 1.25

#: Points that a dash takes, and the gap behind it, in widths of the line.
_DASH, _GAP = 4.0, 1.5

_TICKS = (0.5, 0.6, 0.8, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500)  # of both axes


@dataclass(frozen=True, slots=True)
class Curve:
    """How the optimisation's loss falls.

    Attributes:
        start: from the ``content`` or from ``noise``.
        losses: of every photograph after every evaluation, ``(evaluations, photographs)``.
    """

    start: str
    losses: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the photographs, ``(evaluations,)``."""
        return np.asarray(self.losses.mean(axis=1))

    def evaluations_to(self, loss: float) -> int | None:
        """Return after how many evaluations the mean is no higher; None if it never is."""
        reached = np.flatnonzero(self.mean <= loss)
        return int(reached[0]) + 1 if len(reached) else None


class WorthFolder(RunFolder):
    """The folder of one evaluation, with its curves."""

    _OWN = (*RunFolder._OWN, "curves.csv")

    @property
    def curves(self) -> Path:
        """Where the losses of every evaluation go."""
        return self.path / "curves.csv"


def optimised(
    loss: StyleLoss,
    photos: Sequence[Picture],
    start: str,
    target: float,
    most: int,
    seed: int,
    advance: Callable[[int, str], None] | None = None,
) -> Curve:
    """Optimise all photographs side by side until their mean loss is well below ``target``.

    Args:
        loss: what is made small.
        photos: ``(3, H, W)`` each.
        start: see `stylize.slow.SlowSettings`.
        target: loss to come to.
        most: evaluations at most.
        seed: of noise, each photograph's its own.
        advance: told about every evaluation of all photographs.
    """
    settings = SlowSettings(most, start)
    runs: list[Iterator[float]] = [
        _losses(loss, photo, settings, np.random.default_rng([seed, place]))
        for place, photo in enumerate(photos)
    ]
    rows: list[list[float]] = []
    losses = [np.inf] * len(runs)
    last = most
    while len(rows) < last:
        # a run that has come to its end, at a picture without a gradient, stays there
        rows.append([next(run, before) for run, before in zip(runs, losses, strict=True)])
        losses = rows[-1]
        mean = float(np.mean(rows[-1]))
        if advance is not None:
            advance(1, f"{start}: loss {mean:.3f}")
        if mean <= target:
            last = min(last, max(len(rows), round(_BEYOND * len(rows))))
            target = -np.inf
    for run in runs:
        run.close()  # type: ignore[attr-defined]
    return Curve(start, np.array(rows))


def mean_loss(loss: StyleLoss, model: Model, photos: Sequence[Picture]) -> float:
    """Return a network's mean loss over photographs ``(3, H, W)``."""
    network = Fast(model.weights, model.made_of)
    return float(np.mean([loss.score(network(photo), photo) for photo in photos]))


def write_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Write the curves as CSV: a row an evaluation of a photograph.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["start", "photograph", "evaluations", "loss"])
        for curve in curves:
            for (count, photo), value in np.ndenumerate(curve.losses):
                rows.writerow([curve.start, photo, count + 1, f"{value:.6f}"])


def _losses(
    loss: StyleLoss, photo: Picture, settings: SlowSettings, rng: np.random.Generator
) -> Iterator[float]:
    for iterate in optimise(loss, photo, settings, rng):
        yield iterate.loss


def dashes(place: int, lines: int) -> tuple[float, tuple[float, float]]:
    """Return the dashes of one of some lines, in the gaps of all others: none hides another.

    Returns:
        As matplotlib takes them: offset, length of a dash and of its gap, in widths of the line.
    """
    step = _DASH + _GAP
    return (lines - place) % lines * step, (_DASH, lines * step - _DASH)


def plot_worth(curves: Sequence[Curve], networks: Mapping[str, float], path: Path) -> None:
    """Draw the optimisation's loss over its evaluations, and each network's as a level.

    Args:
        curves: mean, and the middle half of all photographs as a band.
        networks: mean loss by name.
        path: of the picture.
    """
    with figure(path, width=8.0) as axes:
        for curve in sorted(curves, key=lambda one: STARTS.index(one.start)):
            number = STARTS.index(curve.start)
            counts = np.arange(1, len(curve.losses) + 1)
            low, high = np.percentile(curve.losses, (25, 75), axis=1)
            axes.fill_between(counts, low, high, color=colour(number), alpha=0.2, linewidth=0)
            axes.plot(counts, curve.mean, color=colour(number), label=f"from {curve.start}")
        for place, (name, level) in enumerate(networks.items()):
            shade = colour(len(STARTS) + place)
            axes.axhline(level, color=shade, linestyle=dashes(place, len(networks)), label=name)
            size = 5 + 3 * (len(networks) - 1 - place)  # one on another: rings
            for curve in curves:
                if (count := curve.evaluations_to(level)) is not None:
                    axes.plot(count, level, "o", color=shade, markersize=size)
        axes.set(
            xscale="log", yscale="log", xlabel="evaluations of the loss",
            ylabel="total loss, mean over photographs",
        )  # fmt: skip
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            axis.set_ticks([tick for tick in _TICKS if ends[0] <= tick <= ends[1]])
            axis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(fontsize=8)
