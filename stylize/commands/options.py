"""Options that several commands share, and what they need to be there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

photos_option = click.option(
    "--photos",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of photographs to train on; hundreds do.",
)

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Of this process."
)

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path),
    help="VGG-16 to use instead of the shipped one: .safetensors, ours or torchvision's names.",
)


def import_torch() -> Any:
    """Return torch.

    Raises:
        InputError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        from sim.deadline.errors import InputError

        raise InputError("this needs torch: pip install 'ttirace[train]'") from None
    return torch
