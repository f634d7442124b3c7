"""`ttirace run`: a scenario to a verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.commands.options import (
    console,
    files_option,
    is_given,
    live_cpu_option,
    live_wait_option,
    load,
    plugin_option,
    scenario_argument,
    set_option,
    trace_option,
)

if TYPE_CHECKING:
    from sim.host import Wait
    from sim.result import Raced


@click.command()
@scenario_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the results; out/NAME if not given.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in that folder.")
@set_option
@plugin_option
@files_option
@click.option(
    "--live", is_flag=True, help="Against the wall clock, on a processor of its own, not simulated."
)
@live_cpu_option
@live_wait_option
@trace_option
@click.option("--no-plots", is_flag=True, help="Leave plots and report.html out.")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
def run(
    scenario: Path,
    output: Path | None,
    overwrite: bool,
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    live: bool,
    cpu: int | None,
    wait: Wait,
    trace: Path | None,
    no_plots: bool,
    as_json: bool,
) -> int:
    """Race the allocators of SCENARIO against the slot, and say what misses cost.

    Leaves manifest.json, scenario.yaml (everything resolved), log/*.parquet (a row per job),
    summary.json, plots/*.png and report.html, the page to look at. Exit status: 0, 1 if an
    allocator failed on some job, 2 if the input is wrong.

    \b
    Examples:
      ttirace run munich
      ttirace run munich -o out/fast --set budget.csi="300 us"
      ttirace run mine.yaml --plugin my_allocator.py --set slots=200
      ttirace run munich --live -o out/munich_live
      ttirace run edf --trace edf.json.gz       # for ui.perfetto.dev
    """  # noqa: D301
    from sim.deadline import InputError
    from sim.deadline.outputs import make_room_for_trace
    from sim.deadline.progress import progress_bar
    from sim.deadline.trace_events import check_trace, write_trace
    from sim.live import live_facts, live_race, playable
    from sim.race import load_race
    from sim.result import ResultFolder, summarize
    from sim.trace import grids_of, pool_of

    for option in ("cpu", "wait"):
        if is_given(option) and not live:
            raise InputError(f"--{option}: is of --live; a simulated race waits on no processor")
    loaded = load(scenario, overrides, plugins)
    if live:
        loaded = playable(loaded)
    race = load_race(loaded, scenario)
    out = output or Path("out") / loaded.name
    also = ResultFolder.also(out, "--trace", trace)
    if trace is not None:
        make_room_for_trace(trace)
        check_trace(trace)
    folder = ResultFolder(out, overwrite, also)
    click.get_current_context().call_on_close(folder.close)
    try:
        folder.write_manifest("running", loaded, scenario.parent)
        folder.write_scenario(loaded, scenario.parent)
        with progress_bar(loaded.name, race.total_slots, "slots") as advance:
            contestants: Sequence[Raced]
            if live:
                played = live_race(loaded, scenario.parent, folder.log, advance, cpu, wait, plugins)
                contestants = played.entries
            else:
                contestants = race.run(folder.log, lambda slots: advance(slots, ""))
        summary = summarize(race, contestants)
        if live:
            summary["live"] = live_facts(played)
        if trace is not None:
            logs = {each.label: each.log.parts() for each in contestants}
            pool = pool_of(loaded, race.timings)
            write_trace(trace, logs, grids_of(race.timings), pool)
        if not no_plots:
            from sim.plots import plot_race

            plot_race(race, contestants, summary, folder.plots)
        folder.write_summary(summary)
        folder.write_manifest("complete", loaded, scenario.parent)
        if not no_plots:
            from sim.html_report import race_page

            race_page(race, contestants, summary, folder.manifest).write(folder.report)
    except KeyboardInterrupt:
        folder.write_manifest("interrupted", loaded, scenario.parent)
        logged = f"what was logged until then: {folder.log}"
        click.echo(f"interrupted; {logged if folder.log.exists() else 'nothing raced'}", err=True)
        return 130
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        from sim.profile.provenance import elsewhere, profiles_of
        from sim.report.wording import count
        from sim.table import controller_table, live_verdict, race_table, verdict

        terminal = console()
        table = race_table(summary, terminal.width)
        terminal.print(table)
        if more := len(race_table(summary).columns) - len(table.columns):
            terminal.print(f"A wider terminal shows {count(more, 'more column')}.", style="dim")
        if (by_controller := controller_table(summary)) is not None:
            terminal.print(by_controller)
        terminal.print(verdict(summary), markup=False)
        if live:
            terminal.print(live_verdict(summary["live"]), markup=False, highlight=False)
        for sentence in elsewhere(profiles_of(loaded, scenario.parent)):
            terminal.print(sentence, markup=False, highlight=False)
        if not no_plots:
            terminal.print(f"Plots: {folder.plots}/*.png", highlight=False, markup=False)
            terminal.print(f"Report: {folder.report}", highlight=False, markup=False)
        terminal.print(f"Results: {folder.path}", highlight=False, markup=False)
    for warning in summary["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    return 1 if any(entry["failed"] for entry in summary["allocators"]) else 0
