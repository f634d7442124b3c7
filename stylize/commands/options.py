"""Options that several commands share, and what they need to be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def output_option(what: str, required: bool = True) -> Callable[[F], F]:
    """Return the option of the file that a command writes: ``out``."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--output", "out", type=path, required=required, help=what)


style_option = click.option(
    "--style", required=True, help="A shipped style, a network (.safetensors), or a painting."
)

network_option = click.option(
    "--network",
    help="Size of a shipped network: m, or s, which is quicker.  [default: the largest there is]",
)

picture_option = click.option(
    "--size", type=int, help="Scale the shorter side to so many pixels first."
)

strength_option = click.option(
    "--strength",
    type=float,
    default=1.0,
    show_default=True,
    help="From 0, the content, to 1, the style.",
)

keep_color_option = click.option(
    "--keep-color", is_flag=True, help="Take brush strokes from the style, colours from IN."
)

style_px_option = click.option(
    "--style-px",
    type=int,
    default=256,
    show_default=True,
    help="Shorter side that a painting is scaled to: a larger one has larger strokes.",
)

seed_option = click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of noise."
)

source_argument = click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")

solvers_option = click.option(
    "--solvers",
    help="Who paints, in this order.  [default: every network of the style, gatys_1, hold]",
)

frames_option = click.option(
    "--frames", type=click.IntRange(1, 1_000_000), default=90, show_default=True, help="At most."
)

race_size_option = click.option(
    "--size", type=int, default=256, show_default=True, help="Shorter side of the frames."
)

trace_option = click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="Also write a trace for ui.perfetto.dev: NAME.json or NAME.json.gz.",
)

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Of this process."
)

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path),
    help="VGG-16 to use instead of the shipped one: .safetensors, ours or torchvision's names.",
)
