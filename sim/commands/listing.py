"""`ttirace list`: what can be put into a scenario."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from sim.commands.example import description
from sim.commands.options import console, plugin_option


@click.command("list")
@plugin_option
def listing(plugins: tuple[str, ...]) -> None:
    """List allocators with their parameters, channels, latencies, profiles, policies, examples."""
    from rich.markup import escape
    from rich.table import Table

    from sim.deadline import InputError, OnMiss, OnOverrun
    from sim.profile import shipped_profiles
    from sim.registry import allocator_class, allocator_names, load_plugin
    from sim.scenario.keys import choices
    from sim.scenario.shipped import shipped_scenarios, shipped_studies

    for plugin in plugins:
        load_plugin(plugin)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "name", "parameters", "what it is"):
        table.add_column(heading, overflow="fold")
    for name in allocator_names():
        try:
            cls = allocator_class(name)
        except InputError as error:
            table.add_row("allocator", escape(name), "", escape(str(error)))
            continue
        parameters = ", ".join(
            key if value.default is value.empty else f"{key}={value.default!r}"
            for key, value in inspect.signature(cls).parameters.items()
        )
        table.add_row("allocator", *map(escape, (name, parameters, _first_line(cls))))
    for what in ("channel", "latency"):
        for name, (fields, about) in choices(what).items():
            table.add_row(what, name, ", ".join(fields), about)
    for name, path in shipped_profiles().items():
        table.add_row("profile", escape(name), "", escape(_about_profile(path)))
    for policy in OnOverrun:
        table.add_row("on_overrun", policy.value, "", "")
    for miss in OnMiss:
        table.add_row("on_miss", miss.value, "", "")
    for what, files in (("scenario", shipped_scenarios()), ("study", shipped_studies())):
        for name, path in files.items():
            table.add_row(what, escape(name), "", escape(description(path)))
    console().print(table)


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]


def _about_profile(path: Path) -> str:
    from sim.deadline import InputError
    from sim.profile import load_profile

    try:
        machine = load_profile(path).header["machine"]
    except InputError as error:
        return str(error)
    return f"measured on {machine['processor']}, {machine['system']}"
