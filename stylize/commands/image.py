"""`ttirace stylize image`: one picture, in a style."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylize.commands.options import (
    keep_color_option,
    network_option,
    output_option,
    picture_option,
    seed_option,
    strength_option,
    style_option,
    style_px_option,
    threads_option,
    vgg_option,
)

if TYPE_CHECKING:
    from stylize.pictures import Picture
    from stylize.slow import SlowSettings
    from stylize.styles import Style

#: Of a larger picture, the optimisation would need more memory than computers have, and hours.
_MOST_SLOW = 2048 * 1536

#: Shorter side that the optimisation works at unless told otherwise: minutes, not hours.
_SLOW_PX = 512


@click.command()
@click.argument("picture", type=click.Path(path_type=Path), metavar="IN")
@style_option
@output_option("The picture.")
@click.option(
    "--solver",
    help="fast: a network, in one pass; gatys: optimisation. fast where there is a network.",
)
@network_option
@picture_option
@strength_option
@keep_color_option
@click.option(
    "--evaluations",
    type=int,
    default=300,
    show_default=True,
    help="gatys: how many evaluations of the loss at most.",
)
@click.option(
    "--start", default="content", show_default=True, help="gatys: from the content, or noise."
)
@click.option("--method", default="lbfgs", show_default=True, help="gatys: lbfgs or adam.")
@seed_option
@style_px_option
@threads_option
@vgg_option
@click.pass_context
def image(
    context: click.Context,
    picture: Path,
    style: str,
    out: Path,
    solver: str | None,
    network: str | None,
    size: int | None,
    strength: float,
    keep_color: bool,
    evaluations: int,
    start: str,
    method: str,
    seed: int,
    style_px: int,
    threads: int,
    vgg: Path | None,
) -> int:
    """Paint IN in a style.

    A style is the name of a shipped one (see `ttirace stylize styles`), a network that you trained
    (NAME.safetensors), or any picture; for a picture there is no network, so it is optimised
    (needs torch). Ctrl-C ends an optimisation with the best picture so far. Large pictures are
    stylised in tiles that join without a seam. An older OUT is replaced. Exit status: 0, 2 if the
    input is wrong, 130 after Ctrl-C.

    \b
    Examples:
      ttirace stylize image me.jpg --style starry_night -o me_starry.jpg
      ttirace stylize image me.jpg --style my_painting.jpg -o me_painted.png --size 384
      ttirace stylize image me.jpg --style scream --solver gatys --start noise -o slow.png
      ttirace stylize image me.jpg --style scream --keep-color --strength 0.7 -o half.jpg
    """  # noqa: D301
    from sim.deadline.errors import InputError, did_you_mean
    from stylize.finish import check_strength, finished
    from stylize.pictures import check_output, read_picture, resized, write_picture
    from stylize.slow import SlowSettings
    from stylize.styles import Style

    known = ("fast", "gatys")
    if solver is not None and solver not in known:
        raise InputError(f"--solver: {solver!r}{did_you_mean(solver, known)}")
    check_strength(strength)
    check_output(out, (picture, Path(style)))
    settings = SlowSettings(evaluations, start, method)
    wanted = Style.named(style, network, style_px)
    chosen = solver or ("gatys" if wanted.model is None else "fast")
    if chosen == "fast":
        _check_told(context)
    content = read_picture(picture)
    if size is not None:
        content = resized(content, size)
    elif chosen == "gatys" and min(content.shape[1:]) > _SLOW_PX:
        content = resized(content, _SLOW_PX)
        click.echo(f"optimised at {_SLOW_PX} px; --size tells another", err=True)
    interrupted = False
    if chosen == "fast":
        result = _fast(content, wanted, threads)
    else:
        found, interrupted = _slow(content, wanted, settings, seed, threads, vgg)
        if found is None:
            click.echo("interrupted before there was a picture; nothing is written", err=True)
            return 130
        result = found
        if interrupted:
            click.echo("interrupted: this is the best picture so far", err=True)
    write_picture(out, finished(content, result, strength, keep_color))
    _, height, width = content.shape
    click.echo(f"{out}: {width} x {height}, {wanted.name}, {chosen}")
    return 130 if interrupted else 0


def _fast(content: Picture, style: Style, threads: int) -> Picture:
    from sim.deadline.progress import progress_bar
    from stylize.fast import Fast

    model = style.trained()
    solver = Fast(model.weights, model.made_of, threads)
    with progress_bar(style.name, solver.steps(content), "steps") as advance:
        return solver(content, lambda: advance(1, ""))


def _slow(
    content: Picture,
    style: Style,
    settings: SlowSettings,
    seed: int,
    threads: int,
    vgg: Path | None,
) -> tuple[Picture | None, bool]:
    """Return the optimised picture, if there is one yet, and whether it was interrupted."""
    import numpy as np

    from sim.deadline.errors import InputError
    from sim.deadline.models.training import import_torch
    from sim.deadline.progress import progress_bar
    from stylize.pictures import continued
    from stylize.slow import optimise
    from stylize.vgg import VGG16

    _, height, width = content.shape
    if height * width > _MOST_SLOW:
        raise InputError(
            f"{width} x {height} pixels are too many for the optimisation; want at most"
            f" {_MOST_SLOW:,}: give a smaller --size, or use --solver fast"
        )
    import_torch("optimisation").set_num_threads(threads)
    loss = style.loss(VGG16.load(vgg))
    steps = optimise(loss, continued(content), settings, np.random.default_rng(seed))
    best = None
    try:
        with progress_bar(style.name, settings.evaluations) as advance:
            for iterate in steps:
                best = iterate.picture[:, :height, :width]
                advance(1, f"loss {iterate.loss:.3f}")
    except KeyboardInterrupt:
        return best, True
    return best, False


def _check_told(context: click.Context) -> None:
    """Raise InputError if an option was given that the optimisation alone would follow."""
    from sim.deadline.errors import InputError

    for name in ("evaluations", "start", "method", "vgg"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InputError(f"--{name}: means something to gatys alone; give --solver gatys")
