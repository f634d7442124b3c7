"""`ttirace stylize`: pictures in the style of a painting, slow and fast, and their race."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = ("image", "video", "styles", "race", "calibrate", "train", "split", "evaluate")


class _LazyGroup(click.Group):
    """Commands that are imported when they are called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"stylize.commands.{cmd_name}"), cmd_name)
        return command


@click.group(cls=_LazyGroup)
def stylize() -> None:
    """Paint pictures in a style: by optimisation, or by a network in one pass.

    \b
    Start here:
      ttirace stylize styles -o styles.png                       what is shipped, at a glance
      ttirace stylize image me.jpg --style starry_night -o me_starry.jpg
      ttirace stylize race me.jpg --style scream --live          who makes 30 frames a second?
    """  # noqa: D301
