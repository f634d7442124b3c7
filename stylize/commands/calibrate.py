"""`ttirace stylize calibrate`: what a frame costs here, to be replayed."""

from __future__ import annotations

from pathlib import Path

import click

from stylize.commands.options import (
    frames_option,
    output_option,
    race_size_option,
    solvers_option,
    source_argument,
    style_option,
    style_px_option,
    threads_option,
    vgg_option,
)


@click.command()
@source_argument
@style_option
@output_option("The costs, NAME.json.")
@click.option("--overwrite", is_flag=True, help="Replace earlier costs.")
@solvers_option
@click.option(
    "--calls", type=click.IntRange(2), default=100, show_default=True, help="Timed, of each."
)
@frames_option
@race_size_option
@style_px_option
@threads_option
@vgg_option
def calibrate(
    source: Path,
    style: str,
    out: Path,
    overwrite: bool,
    solvers: str | None,
    calls: int,
    frames: int,
    size: int,
    style_px: int,
    threads: int,
    vgg: Path | None,
) -> None:
    """Measure what a frame of SOURCE costs every painter, on a quiet machine.

    A race with `--latency OUT` replays it: the same costs and the same jitter again, wherever.

    \b
    Example:
      ttirace stylize calibrate photo.jpg --style scream --solvers fast_s,hold -o costs.json
      ttirace stylize race photo.jpg --style scream --solvers fast_s,hold --latency costs.json
    """  # noqa: D301
    from sim.deadline.outputs import Output, check_outputs
    from sim.deadline.progress import progress_bar
    from sim.deadline.tables import number
    from stylize.contestants import Contest
    from stylize.costs import Costs, measure, write_costs
    from stylize.frames import frames_of
    from stylize.solvers import Entry
    from stylize.styles import Style

    check_outputs([Output("--output", out, ".json")], [source, style], overwrite)
    entries = Entry.parse_all(solvers, Style.sizes(style))
    pictures = frames_of(source, size, frames)
    needs_loss = any(entry.kind == "gatys" for entry in entries)
    contest = Contest(style, style_px, threads, vgg, needs_loss)
    found = {}
    with progress_bar("calls", calls * len(entries)) as advance:
        for name, solver in contest.solvers(entries, pictures).items():
            found[name] = measure(solver, pictures, calls, advance)
    _, height, width = pictures[0].shape
    write_costs(out, Costs(height, width, threads, found))
    for name, cost in found.items():
        click.echo(f"{name}: {number(cost.typical_ns / 1e6, 2)} ms, the median of {calls} calls")
    click.echo(f"Costs: {out}")
