"""`ttirace stylize evaluate`: what a network is worth, in evaluations of the optimisation."""

from __future__ import annotations

from pathlib import Path

import click

from stylize.commands.options import seed_option, threads_option, vgg_option


@click.command()
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK...")
@click.option(
    "--photos",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of photographs, best of some that the networks have not seen.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: out/worth]"
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier result in that folder.")
@click.option(
    "--held-out",
    is_flag=True,
    help="Of the photographs, take those that a training on this folder holds out.",
)
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@click.option(
    "--px", type=click.IntRange(32, 1024), default=256, show_default=True, help="Their side."
)
@click.option(
    "--starts", default="noise,content", show_default=True, help="Where the optimisation begins."
)
@click.option(
    "--evaluations", type=click.IntRange(1), default=100, show_default=True, help="At most."
)
@seed_option
@threads_option
@vgg_option
def evaluate(
    networks: tuple[str, ...],
    photos: Path,
    output: Path | None,
    overwrite: bool,
    held_out: bool,
    count: int,
    px: int,
    starts: str,
    evaluations: int,
    seed: int,
    threads: int,
    vgg: Path | None,
) -> None:
    """Say how many evaluations of the loss the optimisation needs to equal a network.

    A NETWORK is a file, or the name of a shipped style, of which both sizes are evaluated; all are
    to be of one style. Photographs are cut to squares of --px pixels. Leaves report.html,
    summary.json, curves.csv and worth.png.

    \b
    Example:
      ttirace stylize evaluate starry_night --photos my_photos
      ttirace stylize evaluate mine.safetensors --photos photos --held-out --starts noise
    """  # noqa: D301
    from rich.console import Console

    from sim.deadline.errors import InputError
    from sim.deadline.manifest import git_state, versions, write_json, write_manifest
    from sim.deadline.models.training import import_torch
    from sim.deadline.progress import progress_bar
    from sim.deadline.tables import number, plain_table
    from stylize.model_file import models_named
    from stylize.slow import SlowSettings
    from stylize.training.photos import centre, read_photos
    from stylize.vgg import VGG16
    from stylize.worth import WorthFolder, mean_loss, optimised, plot_worth, write_curves
    from stylize.worth_page import worth_page

    import_torch("a loss").set_num_threads(threads)
    begins = [SlowSettings(evaluations, part.strip()).start for part in starts.split(",")]
    for begin in begins:
        if begins.count(begin) > 1:
            raise InputError(f"--starts: {begin} is there twice")
    models = models_named(networks)
    eyes = VGG16.load(vgg)
    first = next(iter(models.values()))
    loss = first.loss_through(eyes)
    for name, model in models.items():
        if model.styles[0] != first.styles[0] or model.loss != first.loss:
            raise InputError(f"{name}: another style, or another loss, than the first network's")
    out = output or Path("out") / "worth"
    seen = read_photos(photos, out)
    chosen = seen.held_out if held_out else [*seen.held_out, *seen.train]
    pictures = [centre(photo, px) for photo in chosen[:count]]
    folder = WorthFolder(out, overwrite)
    click.get_current_context().call_on_close(folder.close)
    contents = {
        "networks": list(models),
        "photographs": len(pictures),
        "px": px,
        "starts": begins,
        "seed": seed,
        "threads": threads,
        "versions": versions(("ttirace", "numpy", "scipy", "torch", "onnxruntime")),
        "git": git_state(Path(__file__).parent),
    }
    write_manifest(folder.manifest, "running", contents)
    losses = {name: mean_loss(loss, model, pictures) for name, model in models.items()}
    with progress_bar("evaluations", evaluations * len(begins)) as advance:
        curves = [
            optimised(loss, pictures, begin, min(losses.values()), evaluations, seed, advance)
            for begin in begins
        ]
    table = plain_table(f"{first.styles[0]}: {len(pictures)} photographs, {px} px")
    table.add_column("\nnetwork")
    table.add_column("\nloss", justify="right")
    for curve in curves:
        table.add_column(f"evaluations\nfrom {curve.start}", justify="right")
    found = {}
    for name, value in losses.items():
        worth = {curve.start: curve.evaluations_to(value) for curve in curves}
        found[name] = {"loss": value, "evaluations": worth}
        texts = [f"over {evaluations}" if at is None else str(at) for at in worth.values()]
        table.add_row(name, number(value, 3), *texts)
    write_curves(folder.curves, curves)
    write_json(folder.path / "summary.json", {"photographs": len(pictures), "networks": found})
    plot_worth(curves, losses, folder.plots / "worth.png")
    write_manifest(folder.manifest, "complete", contents)
    worth_page(first.styles[0], curves, losses, models, pictures, folder.manifest).write(
        folder.report
    )
    Console().print(table)
    click.echo(f"Report: {folder.report}")
    click.echo(f"Results: {folder.path}")
