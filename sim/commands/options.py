"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sim.scenario import Scenario

Command = TypeVar("Command", bound=Callable[..., Any])

scenario_argument = click.argument("scenario", type=click.Path(path_type=Path))

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the scenario, e.g. --set compute.servers=2 --set slots=500.",
)

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE_OR_MODULE",
    help="Python file or module that registers more allocators.",
)


def load(path: Path, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> Scenario:
    """Load plug-ins, then the scenario that may name what they register."""
    from sim.registry import load_plugin
    from sim.scenario import load_scenario

    for plugin in plugins:
        load_plugin(plugin)
    return load_scenario(path, overrides)
