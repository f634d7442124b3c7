"""`report.html` of an evaluation: what networks are worth, in evaluations of the optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.deadline.html import charts
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.html.page import Picture as PagePicture
from sim.deadline.manifest import read_manifest
from stylize.fast import Fast
from stylize.model_file import Model
from stylize.pictures import Picture, as_image
from stylize.worth import Curve

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812

_MOST_PHOTOS = 4  # that are shown


def worth_page(
    style: str,
    curves: Sequence[Curve],
    losses: Mapping[str, float],
    models: Mapping[str, Model],
    photos: Sequence[Picture],
    manifest: Path,
) -> Page:
    """Return the page of an evaluation.

    Args:
        style: of all networks.
        curves: of the optimisation.
        losses: mean of each network.
        models: the networks.
        photos: ``(3, H, W)`` each.
        manifest: the evaluation's file.
    """
    page = Page(f"{style}: what is a network worth?", verdict(losses, curves, len(photos)))
    page.sections = [
        Section(
            "The optimisation's loss, and each network's",
            "Mean over the photographs, after every evaluation of the loss and its gradient. A "
            "network takes one pass, whatever its level. Click a name to hide its curve.",
            figures=[_figure(curves, losses)],
        ),
        Section("Networks", "Click a heading to sort.", table=_table(losses, curves)),
        *_painted(models, photos),
        reproduction(read_manifest(manifest)),
    ]
    return page


def verdict(losses: Mapping[str, float], curves: Sequence[Curve], photos: int) -> str:
    """Return what the best network is worth, in a sentence."""
    best = min(losses, key=lambda name: losses[name])
    told = [f"{_count(curve, losses[best])} evaluations from {curve.start}" for curve in curves]
    return (
        f"One pass of {best} leaves the loss that the optimisation has after "
        f"{' and after '.join(told)}: {losses[best]:.3f}, the mean over {photos} photographs."
    )


def _count(curve: Curve, loss: float) -> str:
    found = curve.evaluations_to(loss)
    return f"more than {len(curve.losses)}" if found is None else str(found)


def _table(losses: Mapping[str, float], curves: Sequence[Curve]) -> Table:
    headings = ("network", "loss", *(f"evaluations from {curve.start}" for curve in curves))
    rows = [
        [name, f"{loss:.3f}", *(_count(curve, loss) for curve in curves)]
        for name, loss in losses.items()
    ]
    values = [
        [None, loss, *(curve.evaluations_to(loss) for curve in curves)] for loss in losses.values()
    ]
    return Table(headings, rows, values)


def _figure(curves: Sequence[Curve], losses: Mapping[str, float]) -> Figure:
    longest = max(len(curve.losses) for curve in curves)
    drawn = {
        f"from {curve.start}": (
            number,
            {
                "x": list(range(1, len(curve.losses) + 1)),
                "y": curve.mean.tolist(),
                "filled": [1.0] * len(curve.losses),
            },
        )
        for number, curve in enumerate(curves)
    }
    for number, (name, loss) in enumerate(losses.items(), len(curves)):
        drawn[name] = (number, {"x": [1, longest], "y": [loss] * 2, "filled": [0.0] * 2})
    titles = ("evaluations of the loss", "total loss")
    hover = (("evaluations", "@x"), ("loss", "@y{0.000}"))
    return charts.curves_figure("", drawn, titles, True, hover)


def _painted(models: Mapping[str, Model], photos: Sequence[Picture]) -> list[Section]:
    networks = {name: Fast(model.weights, model.made_of) for name, model in models.items()}
    shown = []
    for photo in photos[:_MOST_PHOTOS]:
        shown.append(PagePicture.of(as_image(photo), "photograph"))
        shown += [
            PagePicture.of(as_image(network(photo)), name) for name, network in networks.items()
        ]
    return [Section("What they paint", pictures=shown)]
