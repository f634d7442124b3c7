"""What a training leaves: the weights, and a card that says what they are and what they are worth.

The card is JSON beside the weights: data, settings, time, versions, the measured table, the command
that trains them again, and the weights' checksum.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from allocators.training.learner import Learner
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import Trained
from sim.deadline.manifest import machine, versions
from sim.deadline.models.model_file import save
from sim.deadline.models.training import conclude


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
    return conclude(out, checkpoint, card)
