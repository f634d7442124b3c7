"""What a training leaves: the weights, and a card that says what they are and what they are worth.

The card is JSON beside the weights: data, settings, time, versions, the measured table, the command
that trains them again, and the weights' checksum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from allocators.model_file import card_path, part_path, save, write_card
from allocators.training.learner import Learner
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import Trained
from sim.deadline.errors import InputError
from sim.deadline.manifest import machine, versions


def reserve(out: Path) -> Path:
    """Check, before hours of training, that its end can be written; return the checkpoint's path.

    Raises:
        InputError: not a ``.safetensors`` name, there is something already, or no way to write.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: {out}, want a name that ends in .safetensors")
    checkpoint = out.with_suffix(".checkpoint.safetensors")
    # Beside a checkpoint, weights without a card are what a run that was killed had written of its
    # end, and are written again.
    new = () if checkpoint.exists() else (out, log_path(out))
    for path in (card_path(out), *new):
        if path.exists():
            raise InputError(f"--out: {path} is there already; move it away or take another name")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = part_path(checkpoint)  # no later name is longer
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"--out: {out}: cannot write here: {error.strerror or error}") from None
    return checkpoint


@contextmanager
def sole_training(out: Path) -> Iterator[None]:
    """Let nobody else train the model ``out`` meanwhile; a process that is killed lets go of it.

    Raises:
        InputError: somebody is at it.
    """
    try:
        import fcntl
    except ImportError:  # there is nothing like it on Windows
        yield
        return
    path = out.with_name(f".{out.stem}.lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out: {out} is being trained by another process; wait, or take another name"
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def log_path(out: Path) -> Path:
    """Return where the log of a training goes whose weights go to ``out``."""
    return out.with_suffix(".csv")


def finish(
    out: Path,
    checkpoint: Path,
    learner: Learner,
    source: Source,
    settings: TrainSettings,
    trained: Trained,
    evaluation: dict[str, Any],
    command: str,
    git: dict[str, Any] | None,
) -> dict[str, Any]:
    """Write the network and its card, remove the checkpoint; return the card.

    Args:
        out: the weights' file; the card's has the suffix ``.json``.
        checkpoint: no longer needed then.
        learner: what was trained.
        source: what it was trained on.
        settings: how.
        trained: its best weights.
        evaluation: what it is worth, a record.
        command: what trains it again.
        git: state of the source tree that trained it.

    Raises:
        InputError: the weights or the card cannot be written; the checkpoint then stays.
    """
    told = asdict(settings)
    if math.isinf(settings.temperature):
        told["temperature"] = None  # JSON has no infinity
    card = {
        "model": out.stem,
        "architecture": learner.architecture,
        "config": learner.config,
        "command": command,
        "data": source.describe(),
        "settings": told,
        "training": {
            "steps": trained.last.step,
            "best_step": trained.best.step,
            "skipped_steps": trained.last.skipped,
            "validation_share_of_wmmse": trained.best.shares,
            "seconds": round(trained.last.seconds, 1),
        },
        "evaluation": evaluation,
        "versions": versions(("ttirace", "numpy", "numba", "torch", "safetensors")),
        "machine": machine(),
        "git": git,
    }
    save(out, learner.architecture, learner.config, trained.tensors)
    try:
        whole = write_card(out, card)
    except InputError:
        out.unlink()  # or the same command, given again, would find it in its way
        raise
    checkpoint.unlink(missing_ok=True)
    return whole
