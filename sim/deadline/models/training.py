"""What a training does with the folder that it writes to, before it begins and when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sim.deadline.errors import InputError
from sim.deadline.files import part_path, reason, unfinished
from sim.deadline.locks import Lock
from sim.deadline.models.model_file import card_path, write_card
from sim.deadline.outputs import make_folder

#: Steps that may be skipped: so many, and this share of all steps taken.
_SKIPS_FREE, _SKIPS_SHARE = 10, 0.01


def reserve(out: Path) -> Path:
    """Check, before hours of training, that its end can be written; return the checkpoint's path.

    Raises:
        InputError: not a ``.safetensors`` name, there is something already, or no way to write.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--output: {out}, want a name that ends in .safetensors")
    checkpoint = checkpoint_path(out)
    make_folder("--output", out.parent)
    try:
        probe = part_path(checkpoint)  # no later name is longer
        probe.touch()
        probe.unlink(missing_ok=True)  # who trains it already takes parts away
    except OSError as error:
        raise InputError(f"--output: {out}: cannot write here: {error.strerror or error}") from None
    # Beside a checkpoint, weights without a card are what a run that was killed had written of its
    # end, and are written again.
    new = () if checkpoint.exists() else (out, log_path(out))
    for path in (card_path(out), *new):
        if path.exists():
            raise InputError(
                f"--output: {path} is there already; move it away or take another name"
            )
    return checkpoint


@contextmanager
def sole_training(out: Path) -> Iterator[None]:
    """Let nobody else train the model ``out`` meanwhile; a process that is killed lets go of it.

    Raises:
        InputError: somebody is at it.
        KeyboardInterrupt: as it came, with what is left as its message.
    """
    try:
        lock = Lock(out.with_name(f".{out.stem}.lock"), transient=True)
    except BlockingIOError:
        raise InputError(
            f"--output: {out} is being trained by another process; wait, or take another name"
        ) from None
    except OSError as error:
        raise InputError(f"--output: {out}: cannot write here: {reason(error)}") from None
    with closing(lock):
        own = [path.name for path in (out, card_path(out), checkpoint_path(out), log_path(out))]
        for part in unfinished([path.name for path in out.parent.iterdir()], own):
            (out.parent / part).unlink(missing_ok=True)  # of a training that was killed
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; {_left(out)}") from None


def _left(out: Path) -> str:
    checkpoint = checkpoint_path(out)
    if checkpoint.exists():
        return f"{checkpoint} is kept: the same command goes on from there"
    return f"{out} is written" if card_path(out).exists() else "nothing is left, as it just began"


def check_skipped(skipped: int, steps: int, advice: str) -> None:
    """Give a training up that skips more of its steps than chance has it.

    Args:
        skipped: steps that came to a loss or gradient that is not finite, and were skipped.
        steps: all that were taken.
        advice: what to begin anew with.

    Raises:
        InputError: so many were skipped.
    """
    if skipped > _SKIPS_FREE + _SKIPS_SHARE * steps:
        raise InputError(
            f"training: {skipped} of {steps} steps came to a loss or gradient that is not finite"
            f" and were skipped; begin anew with {advice}"
        )


def conclude(out: Path, checkpoint: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the card beside weights that have been written, remove the checkpoint; return the card.

    Raises:
        InputError: the card cannot be written; the weights are removed then, or the same command,
            given again, would find them in its way.
    """
    try:
        whole = write_card(out, card)
    except InputError:
        out.unlink()
        raise
    checkpoint.unlink(missing_ok=True)
    return whole


def import_torch(what: str = "training") -> Any:
    """Return torch.

    Args:
        what: needs it.

    Raises:
        InputError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise InputError(f"{what} needs torch: pip install 'ttirace[train]'") from None
    return torch


def checkpoint_path(out: Path) -> Path:
    """Return where a training is kept whose weights go to ``out``, until it has ended."""
    return out.with_suffix(".checkpoint.safetensors")


def log_path(out: Path) -> Path:
    """Return where the log of a training goes whose weights go to ``out``."""
    return out.with_suffix(".csv")
