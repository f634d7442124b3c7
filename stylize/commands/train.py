"""`ttirace stylize train`: a painting and photographs to a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylize.commands.options import (
    output_option,
    style_px_option,
    threads_option,
    vgg_option,
)

if TYPE_CHECKING:
    from stylize.training.train import Report

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("paintings", nargs=-1, required=True, type=_FILE, metavar="PAINTING...")
@click.option(
    "--photos",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of photographs to train on; hundreds do.",
)
@output_option("The network, NAME.safetensors.")
@click.option("--size", default="m", show_default=True, help="s or m.")
@click.option(
    "--stages",
    default="128:2:1000,256:1:1000",
    show_default=True,
    help="PX:BATCH:STEPS,...: crops of that side, so many a step, so many steps.",
)
@click.option(
    "--start",
    multiple=True,
    help="Begin with this network: a file, or the name of a shipped style. Much quicker. Given"
    " several times: with the mean of them.",
)
@click.option(
    "--keep-convolutions",
    is_flag=True,
    help="Move scales, shifts and colours of --start alone: for other weights of the loss.",
)
@click.option("--learning-rate", type=float, default=1e-2, show_default=True, help="At its peak.")
@click.option(
    "--decay",
    type=float,
    default=0.3,
    show_default=True,
    help="Part of the steps over which the rate falls to 0; 1 where a trained network is refined.",
)
@click.option(
    "--margin",
    type=float,
    default=0.25,
    show_default=True,
    help="Part by which a crop is larger than what the loss sees; 0 to end a training.",
)
@click.option(
    "--border",
    type=float,
    default=0.0,
    show_default=True,
    help="Weight of bands along borders, such as 10: pictures are then painted with a border and"
    " held to what they are within the margin.",
)
@click.option(
    "--average",
    type=float,
    default=0.0,
    show_default=True,
    help="Last part of the steps over which weights are averaged; their mean is the network.",
)
@click.option(
    "--content", type=float, default=0.7, show_default=True, help="Weight of the content."
)
@click.option("--style", type=float, default=1.0, show_default=True, help="Weight of the style.")
@click.option(
    "--variation", type=float, default=1e-5, show_default=True, help="Weight of the roughness."
)
@style_px_option
@click.option(
    "--interval",
    type=int,
    default=100,
    show_default=True,
    help="Steps between validations and checkpoints.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@threads_option
@vgg_option
def train(
    paintings: tuple[Path, ...],
    photos: Path,
    out: Path,
    size: str,
    stages: str,
    start: tuple[str, ...],
    content: float,
    style: float,
    variation: float,
    vgg: Path | None,
    **settings: Any,
) -> None:
    """Train a network on PAINTING, from a folder of photographs (needs torch).

    Of the photographs every ninth is held out and validated on. Leaves the weights
    (NAME.safetensors), a card (NAME.json) that says how they came about and what they are worth,
    and a log (NAME.csv). A training that was stopped goes on from NAME.checkpoint.safetensors when
    the same command is given again. Of several paintings comes one network whose trunk they share:
    a good start for any other.

    \b
    Example:
      ttirace stylize train wave.jpg --photos photos -o wave.safetensors --start starry_night
      ttirace stylize train a.jpg b.jpg c.jpg --photos photos --size s -o trunk.safetensors
      ttirace stylize image me.jpg --style wave.safetensors -o me_wave.jpg
    """  # noqa: D301
    from sim.deadline.errors import InputError
    from sim.deadline.manifest import command_line
    from sim.deadline.models.training import import_torch, log_path, reserve, sole_training
    from sim.deadline.progress import progress_bar
    from stylize.loss import LossWeights
    from stylize.model_file import mean_of, model_path, read_model
    from stylize.pictures import read_picture, resized
    from stylize.training.card import finish, history_of, write_log
    from stylize.training.photos import read_photos
    from stylize.training.settings import Stage, TrainSettings
    from stylize.training.train import train as trained
    from stylize.vgg import VGG16

    import_torch()
    known = TrainSettings(
        size=size,
        stages=tuple(Stage.parse(part.strip()) for part in stages.split(",")),
        loss=LossWeights(content, style, variation),
        **settings,
    )
    command = command_line()
    checkpoint = reserve(out)
    with sole_training(out):
        before = [model_path(name, size) for name in start]
        begun = mean_of([read_model(path) for path in before]) if before else None
        begun_with = [history_of(path) for path in before]
        names = [path.stem for path in paintings]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"{name}: two paintings of that name; a style is called after it")
        pictures = {path.stem: resized(read_picture(path), known.style_px) for path in paintings}
        eyes = VGG16.load(vgg)
        seen = read_photos(photos)
        history: list[Report] = []

        def observe(report: Report) -> None:
            history.append(report)
            write_log(log_path(out), history)

        with progress_bar(out.stem, known.steps, "steps") as advance:
            result = trained(pictures, seen, eyes, known, checkpoint, begun, (observe,), advance)
        card = finish(out, checkpoint, result, known, seen, command, begun_with)
    for name, terms in card["losses"]["styles"].items():
        click.echo(
            f"{name}: loss {terms['total']:.3f} on {len(seen.held_out)} photographs held out "
            f"(content {terms['content']:.3f}, style {terms['style']:.3f}, "
            f"variation {terms['variation']:.3f})"
        )
    click.echo(f"Network: {out}, {out.stat().st_size / 1e6:.2f} MB")
