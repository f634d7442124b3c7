"""No figure without the command that made it, and no command that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import sim.cli

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
COMMAND = re.compile(r"`(?:python )?(benchmarks/\w+\.py|make [\w-]+|ttirace \w+)[^`]*`")


def passages() -> list[str]:
    """The passages of what was measured, a table with what stands before and after it."""
    blocks = (ROOT / "docs" / "measured.md").read_text("utf-8").split("\n\n")
    found = []
    for i, block in enumerate(blocks):
        if block.startswith("|"):
            found.append("\n\n".join(blocks[max(0, i - 1) : i + 2]))
        elif not any(near.startswith("|") for near in blocks[max(0, i - 1) : i + 2]):
            found.append(block)
    return [text for text in found if re.search(r"\d", re.sub(COMMAND, "", text))]


def in_short() -> list[str]:
    """The points of the README that state figures."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition("\n## In short\n")[2].partition("\n## ")[0]
    points = re.findall(r"^- .*?(?=\n- |\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    return [point for point in points if re.search(r"\d", point)]


def test_there_are_figures() -> None:
    assert len(passages()) >= 4
    assert len(in_short()) >= 4


@pytest.mark.parametrize("text", [*passages(), *in_short()], ids=lambda text: text[:40])
def test_figures_name_their_command(text: str) -> None:
    assert COMMAND.search(text), text


def test_commands_named_exist() -> None:
    named = {found for text in [*passages(), *in_short()] for found in COMMAND.findall(text)}
    for command in named:
        tool, _, argument = command.partition(" ")
        if tool == "make":
            assert re.search(rf"^{argument}:", MAKEFILE, re.MULTILINE), command
        elif tool == "ttirace":
            assert sim.cli.cli.get_command(click.Context(sim.cli.cli), argument), command
        else:
            assert (ROOT / command).is_file(), command
