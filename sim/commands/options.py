"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from sim.scenario import Scenario

_LEAST_WIDTH = 80

Command = TypeVar("Command", bound=Callable[..., Any])


class Time(click.ParamType[int]):
    """A time such as ``500 us``, in ns."""

    name = "TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the time, or fail with what is wrong."""
        from sim.scenario.quantities import TIME, convert

        try:
            time_ns = int(convert(value, TIME))
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)
        if time_ns <= 0:
            self.fail(f"{value}: must be positive", param, ctx)
        return time_ns


class FileOrShipped(click.ParamType[Path]):
    """A scenario's or a study's file, or the name of a shipped one."""

    name = "FILE_OR_NAME"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:  # noqa: ARG002
        """Return the file; one that is not there is complained of by who reads it."""
        path = Path(value)
        if path.is_file():
            return path
        from sim.scenario.shipped import find_shipped

        return find_shipped(path)


class Sizes(click.ParamType[tuple[int, ...]]):
    """Whole numbers such as ``5,10,20``.

    Args:
        most: what none may exceed.
    """

    name = "N,N,..."

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the sizes, rising, or fail with what is wrong."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(sorted(int(part) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r}: want whole numbers, as in 5,10,20", param, ctx)
        for size in sizes:
            if sizes.count(size) > 1:
                self.fail(f"{size} stands twice", param, ctx)
        if sizes[0] < 1:
            self.fail(f"{sizes[0]}: want at least 1", param, ctx)
        if sizes[-1] > self.most:
            self.fail(f"{sizes[-1]}: want at most {self.most}", param, ctx)
        return sizes


scenario_argument = click.argument("scenario", type=FileOrShipped())

trace_option = click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="Also write a trace for ui.perfetto.dev: NAME.json or NAME.json.gz.",
)

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


def _permit(context: click.Context, option: click.Parameter, folders: tuple[Path, ...]) -> None:
    del option
    if folders:
        from sim.scenario.files import permitted

        context.with_resource(permitted(folders))


files_option = click.option(
    "--files",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    expose_value=False,
    callback=_permit,
    help="Let the file that is read name others below this folder too; else only below its own "
    "and the current one.",
)

_CPU: dict[str, Any] = {"type": click.IntRange(0)}
_WAIT: dict[str, Any] = {
    "type": click.Choice(["poll", "sleep"]),
    "default": "poll",
    "show_default": True,
}
_PINNED = "rocessor to pin to; the last one if not given."
_WAITS = (
    "eep the processor until the next release, as a base station's lower layers do, or sleep "
    "and wake up to cold caches."
)

cpu_option = click.option("--cpu", **_CPU, help=f"P{_PINNED}")
wait_option = click.option("--wait", **_WAIT, help=f"K{_WAITS}")

live_cpu_option = click.option("--cpu", **_CPU, help=f"With --live: p{_PINNED}")
live_wait_option = click.option("--wait", **_WAIT, help=f"With --live: k{_WAITS}")


def is_given(option: str) -> bool:
    """Return whether an option, by the name of its parameter, is on the command line."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def console() -> Console:
    """Return a console that is wide enough for a table: a narrow terminal wraps its lines.

    Tables squeezed into a few columns show nothing but dots. What is no terminal is 140 wide.
    """
    from rich.console import Console

    own = Console()
    return Console(width=max(own.width, _LEAST_WIDTH) if own.is_terminal else 140)


def load(path: Path, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> Scenario:
    """Load plug-ins, then the scenario that may name what they register."""
    from sim.registry import load_plugin
    from sim.scenario import load_scenario

    for plugin in plugins:
        load_plugin(plugin)
    return load_scenario(path, overrides)
