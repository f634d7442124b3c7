"""`ttirace study`: a scenario over axes of its keys, and what meets a target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.commands.options import FileOrShipped, console, files_option, plugin_option, set_option

if TYPE_CHECKING:
    from sim.study import Engine, Study


@click.command()
@click.argument("study", type=FileOrShipped())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the results, and for those already there; out/NAME if not given.",
)
@click.option(
    "--engine",
    type=click.Choice(["loky", "serial", "dask"]),
    default="loky",
    show_default=True,
    help="Processes of this machine, this process alone, or a Dask cluster.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster: tcp://HOST:PORT.")
@click.option("--workers", type=click.IntRange(1), help="Processes of loky; all cores otherwise.")
@set_option
@plugin_option
@files_option
@click.option("--dry-run", is_flag=True, help="Say what would be run and what is done already.")
@click.option("--no-plots", is_flag=True, help="Leave report.html out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def study(
    study: Path,
    output: Path | None,
    engine: str,
    scheduler: str | None,
    workers: int | None,
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    dry_run: bool,
    no_plots: bool,
    as_json: bool,
) -> int:
    """Run the points of STUDY: a scenario over axes, each allocator at each combination.

    Leaves report.html to look at, table.parquet (a row a point), targets.parquet (what was solved
    for), study.yaml, manifest.json and points/*.json. A finished point is never run again: call it
    again after Ctrl-C, a crash or a change of the study, and it goes on with what is missing. Time
    has to be modelled (latency: constant, lognormal, ...); measured time wants --engine serial.

    \b
    A study, my_study.yaml:
      scenario: overload.yaml
      set: {slots: 10000, compute.latency: {lognormal: {median: 300 us, sigma: 0.5}}}
      axes:
        channel.links: [5, 10, 20]
        compute.speed: {from: 0.25, to: 2, points: 7, scale: log}
      replicates: 2
      target: miss_ratio <= 1e-3
      solve: {axis: budget.lead, find: smallest, from: 1, to: 20}

    \b
    Examples:
      ttirace study my_study.yaml
      ttirace study my_study.yaml --dry-run --set slots=500
      ttirace study my_study.yaml --engine dask --scheduler tcp://10.0.0.1:8786
    """  # noqa: D301
    try:
        from sim.deadline.progress import progress_bar
        from sim.registry import load_plugin
        from sim.report.requests import check_planned
        from sim.study import load_study, run_study

        _check_engine(engine, scheduler, workers)
        for plugin in plugins:
            load_plugin(plugin)
        loaded = load_study(study, overrides, plugins)
        check_planned(loaded, str(study))
        folder = output or Path("out") / loaded.name
        if dry_run:
            _say_what_would_be_run(loaded, folder, as_json)
            return 0
        chosen = _engine(loaded, engine, scheduler, workers)
        with progress_bar(loaded.name, loaded.most_points, "points") as advance:
            result = run_study(loaded, folder, chosen, lambda more: advance(more, ""))
        page = None if no_plots else _page(folder, result.warnings)
    except KeyboardInterrupt:
        click.echo("interrupted; finished points are kept: call it again to go on", err=True)
        return 130
    if as_json:
        targets = None if result.targets is None else result.targets.to_pylist()
        found = {
            "study": loaded.name,
            "folder": str(folder),
            "points": result.points,
            "targets": targets,
            "warnings": result.warnings,
        }
        click.echo(json.dumps(found, indent=2))
    else:
        from sim.study.answers import answer_table

        terminal = console()
        terminal.print(answer_table(loaded, result))
        counts = result.points
        terminal.print(
            f"{counts['total']} points, {counts['run']} of them run now, {counts['refused']} that "
            "cannot be had",
            highlight=False,
        )
        terminal.print(f"Results: {folder}", highlight=False, markup=False, soft_wrap=True)
        if page is not None:
            terminal.print(f"Report: {page}", highlight=False, markup=False, soft_wrap=True)
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    return 1 if result.failed else 0


def _page(folder: Path, warnings: list[str]) -> Path | None:
    """Write the page; what cannot be drawn is no reason to hold back what was found."""
    from sim.deadline import InputError
    from sim.report.document import write_page

    try:
        return write_page(folder)
    except InputError as error:
        warnings.append(f"no report.html: {error}")
        return None


def _check_engine(name: str, scheduler: str | None, workers: int | None) -> None:
    from sim.deadline import InputError

    if (scheduler is not None) != (name == "dask"):
        raise InputError("--engine dask and --scheduler ADDRESS go together")
    if workers is not None and name != "loky":
        raise InputError(f"--workers: is of --engine loky; {name} has its own")


def _engine(study: Study, name: str, scheduler: str | None, workers: int | None) -> Engine:
    from sim.study import DaskEngine, LokyEngine, SerialEngine
    from sim.study.run import check_engine

    if scheduler is not None:
        check_engine(study, parallel=True)  # before anybody is waited for
        return DaskEngine(scheduler)
    return SerialEngine() if name == "serial" else LokyEngine(workers)


def _say_what_would_be_run(study: Study, folder: Path, as_json: bool) -> None:
    from sim.report.wording import count
    from sim.study.answers import quantity
    from sim.study.run import Plan
    from sim.study.store import StudyFolder

    load = StudyFolder(folder).load if folder.is_dir() else lambda _: None
    plan = Plan(study, load)
    missing = len(plan.start())
    solves = plan.search is not None
    finished = sum(row.address in plan.records for row in plan.rows)
    counts = {
        "total": study.most_points,
        "finished": finished,
        "to_run": study.most_points - len(plan.rows) + missing if solves else missing,
        "alike": len(plan.rows) - finished - missing,
    }
    if as_json:
        click.echo(json.dumps({"study": study.name, "folder": str(folder), "points": counts}))
        return
    most = "at most " if solves else ""
    click.echo(f"{study.name}: {most}{count(counts['total'], 'point')}, in {folder}")
    for axis in study.axes:
        key = axis.keys[0]
        kind = key.kind if [axis.column] == [key.name for key in axis.keys] else None
        cells = [
            str(value.cell)
            if kind is None or isinstance(value.cell, str | None)
            else quantity(value.cell, kind)
            for value in axis.values
        ]
        ends = ", ".join(cells) if len(cells) <= 4 else f"{cells[0]} .. {cells[-1]}"
        name = axis.column if kind is None else axis.column.removesuffix(f"_{kind.canonical}")
        click.echo(f"  {name}: {count(len(cells), 'value')}, {ends}")
    if study.line is not None and study.target is not None:
        line = study.line
        click.echo(
            f"  {line.find} {line.key.name} from {line.low:g} to {line.high:g} with "
            f"{study.target.text}"
        )
    click.echo(f"  {count(study.model.replicates, 'replicate')} of each")
    alike = f", {counts['alike']} the same as another" if counts["alike"] else ""
    click.echo(f"  {counts['finished']} finished, {most}{counts['to_run']} to run{alike}")
