"""`ttirace stylize styles`: what is shipped, at a glance."""

from __future__ import annotations

from pathlib import Path

import click

from stylize.commands.options import output_option, threads_option


@click.command()
@output_option("Draw a contact sheet into this picture.", required=False)
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Of this picture; a cat if not given."
)
@click.option("--size", type=int, default=256, show_default=True, help="Of each, in pixels.")
@threads_option
def styles(out: Path | None, picture: Path | None, size: int, threads: int) -> None:
    """List the shipped styles, and draw a contact sheet of them.

    \b
    Example:
      ttirace stylize styles
      ttirace stylize styles -o styles.png --picture me.jpg
    """  # noqa: D301
    from rich.console import Console

    from sim.deadline.progress import progress_bar
    from sim.deadline.tables import number, plain_table
    from stylize.fast import Fast
    from stylize.model_file import losses_of, model_path, read_model, shipped_styles
    from stylize.pictures import SAMPLE, check_output, read_picture, resized
    from stylize.sheet import contact_sheet

    shipped = shipped_styles()
    kinds = [(name, made) for name, sizes in shipped.items() for made in sizes]
    if out is not None:
        source = picture or SAMPLE
        check_output(out, (source,))
        content = resized(read_picture(source), size)
        painted = {}
        with progress_bar("styles", len(kinds)) as advance:
            for name, made in kinds:
                model = read_model(model_path(name, made)).only()
                painted[name, made] = Fast(model.weights, model.made_of, threads)(content)
                advance(1, name)
        contact_sheet(out, content, painted)
    table = plain_table("shipped styles")
    for heading in ("style", "size", "MB", "loss"):
        table.add_column(heading, justify="left" if heading in ("style", "size") else "right")
    for name, made in kinds:
        path = model_path(name, made)
        megabytes, total = path.stat().st_size / 1e6, losses_of(path)["total"]
        table.add_row(name, made, number(megabytes, 2), number(total, 3))
    Console().print(table)
    click.echo("loss: on photographs held out of its training; the painting's own scale")
    if out is not None:
        click.echo(f"Contact sheet: {out}")
