"""`ttirace stylize race`: who makes so many frames a second?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from stylize.commands.options import (
    frames_option,
    race_size_option,
    solvers_option,
    source_argument,
    style_option,
    style_px_option,
    threads_option,
    trace_option,
    vgg_option,
)


@click.command()
@source_argument
@style_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: out/stylize]"
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier race in that folder.")
@solvers_option
@click.option("--fps", type=float, default=30.0, show_default=True, help="Frames a second.")
@frames_option
@race_size_option
@click.option(
    "--deadline",
    "deadline_ms",
    type=float,
    help="In ms, from a frame to its deadline.  [default: 1 / fps]",
)
@click.option("--live", is_flag=True, help="Against the wall clock, not simulated.")
@click.option(
    "--latency",
    default="measured",
    show_default=True,
    help="Simulated cost of a frame: measured as it is painted; a number of ms; or a file from"
    " `ttirace stylize calibrate`, replayed.",
)
@click.option(
    "--on-overrun",
    default="skip",
    show_default=True,
    help="skip: frames that come meanwhile are dropped; abort: cut at the deadline; continue.",
)
@click.option("--use-late", is_flag=True, help="A late picture is shown with the next frame.")
@click.option(
    "--score",
    "scored",
    type=int,
    default=8,
    show_default=True,
    help="Compute the loss of so many frames (needs torch); 0: of none.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of jitter.")
@style_px_option
@threads_option
@vgg_option
@trace_option
@click.option("--no-plots", is_flag=True, help="Leave plots and report.html out.")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
def race(
    source: Path,
    style: str,
    output: Path | None,
    overwrite: bool,
    solvers: str | None,
    fps: float,
    frames: int,
    size: int,
    deadline_ms: float | None,
    live: bool,
    latency: str,
    on_overrun: str,
    use_late: bool,
    scored: int,
    seed: int,
    style_px: int,
    threads: int,
    vgg: Path | None,
    trace: Path | None,
    no_plots: bool,
    as_json: bool,
) -> int:
    """Race painters over the frames of SOURCE: a video, a folder of pictures, or a photograph.

    Every frame is a job that is due when the next one comes; a photograph is panned over. Who
    misses leaves the last picture on the screen. Painters are fast_s and fast_m (networks),
    gatys_N (optimisation, N evaluations of the loss, its best so far in force) and hold (the first
    frame, for ever). Leaves manifest.json, log/*.parquet (a row per frame), summary.json,
    plots/*.png and report.html, the page to look at. Exit status: 0, 1 if a painter failed on some
    frame, 2 if the input is wrong.

    \b
    Examples:
      ttirace stylize race photo.jpg --style starry_night --live --threads 2
      ttirace stylize race clip.mp4 --style scream --fps 60 --solvers fast_s,hold
      ttirace stylize race photo.jpg --style scream --fps 0.5 --solvers gatys_4,fast_s
    """  # noqa: D301
    from sim.deadline.errors import InputError
    from sim.deadline.folder import RunFolder
    from sim.deadline.manifest import git_state, versions, write_json, write_manifest
    from sim.deadline.outputs import make_room_for_trace
    from sim.deadline.progress import progress_bar
    from sim.deadline.trace_events import check_trace, write_trace
    from sim.deadline.trace_tracks import Grid
    from stylize.contestants import Contest
    from stylize.costs import latencies
    from stylize.frames import frames_of
    from stylize.race import Contestant, RaceSettings, race_table, summarize, verdict
    from stylize.race import race as raced
    from stylize.solvers import Entry
    from stylize.styles import Style

    settings = RaceSettings(fps, deadline_ms, on_overrun, use_late, scored, live)
    entries = Entry.parse_all(solvers, Style.sizes(style))
    if live and latency != "measured":
        raise InputError("--live: a frame takes what it takes; leave --latency away")
    out = output or Path("out") / "stylize"
    also = RunFolder.also(out, "--trace", trace)
    if trace is not None:
        make_room_for_trace(trace)
        check_trace(trace)
    pictures = frames_of(source, size, frames, out)
    needs_loss = scored > 0 or any(entry.kind == "gatys" for entry in entries)
    contest = Contest(style, style_px, threads, vgg, needs_loss)
    costs = latencies(latency, [entry.name for entry in entries], pictures[0], seed)
    folder = RunFolder(out, overwrite, also)
    click.get_current_context().call_on_close(folder.close)
    contents = {
        "source": source.name,
        "style": Path(style).name,
        "frames": len(pictures),
        "size": size,
        "fps": fps,
        "latency": "live" if live else Path(latency).name,
        "solvers": [entry.name for entry in entries],
        "threads": threads,
        "seed": seed,
        "versions": versions(("ttirace", "numpy", "onnxruntime", "torch", "pillow")),
        "git": git_state(Path(__file__).parent),
    }
    write_manifest(folder.manifest, "running", contents)
    try:
        contestants = [
            Contestant(name, solver, costs[name])
            for name, solver in contest.solvers(entries, pictures).items()
        ]
        with progress_bar("frames", len(entries) * len(pictures)) as advance:
            raced(contestants, pictures, settings, folder.log, advance)
        scores = sum(len(each.shown) for each in contestants) if contest.loss else 0
        with progress_bar("losses", scores) as advance:
            summary = summarize(contestants, pictures, settings, contest.loss, advance)
        if trace is not None:
            logs = {each.name: each.log.parts() for each in contestants if each.log is not None}
            write_trace(trace, logs, [Grid("frames", settings.period_ns, unit="frame")])
        if not no_plots:
            from stylize.race_plots import plot_race

            plot_race(contestants, pictures, settings, folder.plots)
        write_json(folder.path / "summary.json", summary)
        write_manifest(folder.manifest, "complete", contents)
        if not no_plots:
            from stylize.race_page import race_page

            page = race_page(contestants, pictures, settings, summary, folder.manifest)
            page.write(folder.report)
    except KeyboardInterrupt:
        write_manifest(folder.manifest, "interrupted", contents)
        click.echo(f"interrupted; what was logged until then: {folder.log}", err=True)
        return 130
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        from rich.console import Console

        console = Console(width=None if Console().is_terminal else 140)
        console.print(race_table(summary, console.width))
        console.print(verdict(summary), markup=False)
        if not no_plots:
            console.print(f"Plots: {folder.plots}/*.png", highlight=False, markup=False)
            console.print(f"Report: {folder.report}", highlight=False, markup=False)
        if trace is not None:
            console.print(f"Trace: {trace}", highlight=False, markup=False)
        console.print(f"Results: {folder.path}", highlight=False, markup=False)
    return 1 if any(entry["failed"] for entry in summary["solvers"]) else 0
