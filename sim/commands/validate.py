"""`ttirace validate` and `ttirace schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sim.commands.options import files_option, load, plugin_option, scenario_argument, set_option


@click.command()
@scenario_argument
@set_option
@plugin_option
@files_option
@click.option("--show", is_flag=True, help="Print the scenario with everything resolved.")
def validate(
    scenario: Path, overrides: tuple[str, ...], plugins: tuple[str, ...], show: bool
) -> None:
    """Check SCENARIO, its trace and its allocators without running it.

    \b
    Example:
      ttirace validate munich --set budget.lead=2
    """  # noqa: D301
    from sim.describe import pool_words
    from sim.race import load_race
    from sim.report.wording import count
    from sim.scenario import dump_scenario

    loaded = load(scenario, overrides, plugins)
    race = load_race(loaded, scenario)
    if show:
        click.echo(dump_scenario(loaded, scenario.parent), nl=False)
        return
    click.echo(f"{scenario}: ok")
    for timing, feed in zip(race.timings, race.feeds, strict=True):
        click.echo(
            f"  controller {timing.name}: {count(timing.slots, 'slot')} of "
            f"{timing.slot_ns / 1e3:g} us, {count(feed.channel.links, 'link')} x "
            f"{count(feed.channel.subbands, 'subband')}, "
            f"{timing.compute_ns / 1e3:g} us to compute"
        )
        click.echo(
            f"    in each subband: noise {feed.noise_w[0, 0]:.4g} W, "
            f"p_max {feed.p_max_w.min():.4g} .. {feed.p_max_w.max():.4g} W"
        )
    click.echo(f"  compute pool: {pool_words(loaded.compute)}")
    click.echo("  allocators: " + ", ".join(entry.label for entry in loaded.allocators))
    for warning in race.warnings:
        click.echo(f"  warning: {warning}")


@click.command()
def schema() -> None:
    """Print the JSON schema of scenarios, for editors that complete and check YAML.

    \b
    Example:
      ttirace schema > scenario.schema.json
    """  # noqa: D301
    from sim.scenario.schema import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2))
