"""Commands that the documentation tells of have the options that it gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

import sim.cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "scenarios").rglob("*.yaml")]

_CALL = re.compile(r"ttirace ((?:[a-z_]+ ?)+)([^\n`]*)")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


def options_told() -> Iterator[tuple[str, str, str, bool]]:
    """Go through them: page, command, option, and whether there is one."""
    for page in PAGES:
        text = re.sub(r"\\?\n\s+(?=--)", " ", page.read_text("utf-8"))
        for words, rest in _CALL.findall(text):
            command: click.Command = sim.cli.cli
            for word in words.split():
                below = None
                if isinstance(command, click.Group):
                    below = command.get_command(click.Context(command), word)
                if below is None:
                    break
                command = below
            if isinstance(command, click.Group):
                continue  # prose about a group, or a word that is no command
            known = {
                "--help", "-h",
                *(name for each in command.params for name in (*each.opts, *each.secondary_opts)),
            }  # fmt: skip
            for option in _OPTION.findall(re.split(r"#|;|&&|\|", rest)[0]):
                yield page.name, words.strip(), option, option in known


def test_options_told_of_exist() -> None:
    told = list(options_told())
    assert len(told) > 100
    assert not [where for *where, known in told if not known]
