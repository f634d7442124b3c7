"""`ttirace verify`: is the simulated race like the live one?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.commands.options import (
    console,
    cpu_option,
    files_option,
    load,
    plugin_option,
    scenario_argument,
    set_option,
    wait_option,
)

if TYPE_CHECKING:
    from sim.host import Wait


class _Ratios(click.ParamType[tuple[float, ...]]):
    """Miss ratios such as ``0,0.1,0.5,1``."""

    name = "RATIO,RATIO,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """Return the ratios, or fail with what is wrong."""
        if isinstance(value, tuple):
            return value
        try:
            ratios = tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: want numbers, as in 0,0.1,0.5,1", param, ctx)
        for ratio in ratios:
            if not 0.0 <= ratio <= 1.0:
                self.fail(f"{ratio}: want ratios from 0 to 1", param, ctx)
            if ratios.count(ratio) > 1:
                self.fail(f"{ratio:g} stands twice", param, ctx)
        return ratios


@click.command()
@scenario_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for profiles, verify.json and plots; out/NAME-verify if not given.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier verification there.")
@click.option(
    "--miss-ratios",
    type=_Ratios(),
    default=(),
    help="Seek budgets that miss so much, for each allocator, instead of the scenario's budget.",
)
@set_option
@plugin_option
@files_option
@cpu_option
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print verify.json instead of the table.")
def verify(
    scenario: Path,
    output: Path | None,
    overwrite: bool,
    miss_ratios: tuple[float, ...],
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    cpu: int | None,
    wait: Wait,
    as_json: bool,
) -> int:
    """Play SCENARIO against the wall clock, simulate it, and hold the two side by side.

    Where the scenario's latency is `measured`, calls are timed by themselves in the same minutes,
    and that is what the simulation replays; a calibrated or modelled latency is put to the test as
    it is. For each allocator: the live miss ratio with its 99% interval, the simulated one, and a
    Q-Q plot of response times. Exit status: 0 if every simulated ratio lies inside, else 1.

    \b
    Examples:
      ttirace verify munich
      ttirace verify mine.yaml --miss-ratios 0,0.1,0.5,1 --set slots=4000
    """  # noqa: D301
    from sim.deadline.manifest import json_text, write_json
    from sim.deadline.progress import progress_bar
    from sim.live.folder import VerifyFolder
    from sim.live.plots import plot_verdicts
    from sim.live.recording import verifiable
    from sim.live.sentences import conclusion, facts_of, verdict_table
    from sim.live.trial import Plan, planned_slots
    from sim.live.verify import doubts
    from sim.live.verify import verify as verify_scenario
    from sim.race import load_race

    loaded = load(scenario, overrides, plugins)
    verifiable(loaded)
    race = load_race(loaded, scenario)
    folder = VerifyFolder(output or Path("out") / f"{loaded.name}-verify", overwrite)
    click.get_current_context().call_on_close(folder.close)
    plan = Plan(loaded, scenario.parent, miss_ratios, cpu, wait, plugins)
    try:
        folder.write_manifest("running", loaded, scenario.parent)
        with progress_bar(f"{loaded.name}, live", planned_slots(plan), "slots") as advance:
            conditions, verdicts = verify_scenario(plan, folder.path, advance)
    except KeyboardInterrupt:
        folder.write_manifest("interrupted", loaded, scenario.parent)
        click.echo("interrupted; nothing was compared", err=True)
        return 130
    plots = plot_verdicts(verdicts, folder.plots)
    facts = facts_of(loaded.name, conditions, verdicts)
    write_json(folder.path / "verify.json", facts)
    folder.write_manifest("complete", loaded, scenario.parent)
    if as_json:
        click.echo(json_text(facts), nl=False)
    else:
        terminal = console()
        terminal.print(verdict_table(loaded.name, verdicts))
        for line in conclusion(conditions, verdicts):
            terminal.print(line, markup=False, highlight=False)
        terminal.print(
            f"Plots: {', '.join(str(path) for path in plots)}", markup=False, highlight=False
        )
    for warning in [*race.warnings, *doubts(verdicts)]:
        click.echo(f"warning: {warning}", err=True)
    return 0 if all(verdict.agrees for verdict in verdicts) else 1
