"""What the training of a policy leaves: the weights, and a card with what they are worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from allocators.policy.network import ARCHITECTURE, config_of
from allocators.policy.training.learner import PolicyLearner
from allocators.policy.training.settings import PolicySettings
from allocators.policy.training.train import Shares
from allocators.training.state import State
from sim.deadline.errors import InputError
from sim.deadline.manifest import machine, versions
from sim.deadline.models.model_file import card_path, save
from sim.deadline.models.training import conclude
from sim.deadline.reading import read_json


def finish(
    out: Path,
    checkpoint: Path,
    learner: PolicyLearner,
    settings: PolicySettings,
    state: State,
    baselines: Shares,
    evaluation: dict[str, Any],
    command: str,
    git: dict[str, Any] | None,
) -> dict[str, Any]:
    """Write the policy and its card, remove the checkpoint; return the card.

    Args:
        out: the weights' file; the card's has the suffix ``.json``.
        checkpoint: no longer needed then.
        learner: what was trained.
        settings: how.
        state: the training at its end.
        baselines: what others reach in them.
        evaluation: what it is worth, a record.
        command: what trains it again.
        git: state of the source tree that trained it.

    Raises:
        InputError: the weights or the card cannot be written; the checkpoint then stays.
    """
    config = config_of(learner.shape)
    trained = state.result()
    per_update = settings.steps_per_update
    curve = [
        {"environment_steps": past.step * per_update, "shares": past.shares}
        for past in state.history
    ]
    card = {
        "model": out.stem,
        "architecture": ARCHITECTURE,
        "config": config,
        "command": command,
        "settings": asdict(settings),
        "training": {
            "updates": trained.last.step,
            "environment_steps": trained.last.step * per_update,
            "best_update": trained.best.step,
            "skipped_steps": trained.last.skipped,
            "validation_share_of_wmmse": trained.best.shares,
            "seconds": round(trained.last.seconds, 1),
            "curve": curve,
            "baselines": baselines,
        },
        "evaluation": evaluation,
        "versions": versions(
            ("ttirace", "numpy", "numba", "torch", "gymnasium", "pettingzoo", "safetensors")
        ),
        "machine": machine(),
        "git": git,
    }
    save(out, ARCHITECTURE, config, trained.tensors)
    return conclude(out, checkpoint, card)


def read_curve(path: Path) -> dict[str, Any]:
    """Return what the card of the policy ``path`` says of its training.

    Raises:
        InputError: there is no such card, or no learning curve in it.
    """
    card = card_path(path)
    try:
        training: dict[str, Any] = read_json(card)["training"]
        curve, baselines = training["curve"], training["baselines"]
        if not curve or not baselines:
            raise KeyError
        for point in curve:
            float(point["environment_steps"])
            for cell in baselines:
                float(point["shares"][cell])
        for own in baselines.values():
            for share in own.values():
                float(0.0 if share is None else share)
    except FileNotFoundError:
        raise InputError(f"{card}: missing; a learning curve stands in a policy's card") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InputError(f"{card}: holds no learning curve; want the card of a policy") from None
    return training
