"""What a training leaves: the network, and a card that says how it came about."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sim.deadline.errors import InputError
from sim.deadline.files import reason, whole_file
from sim.deadline.manifest import git_state, machine, versions
from sim.deadline.models.model_file import card_path
from sim.deadline.models.training import conclude
from sim.deadline.reading import read_json
from stylize.model_file import ARCHITECTURE, write_model
from stylize.training.photos import Photos
from stylize.training.settings import TrainSettings
from stylize.training.train import VALIDATION_PX, Report, Trained

_COLUMNS = ("step", "loss", "learning_rate", "skipped", "seconds")


def write_log(path: Path, history: Sequence[Report]) -> None:
    """Write a training's intervals as CSV, all of them anew.

    Raises:
        InputError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*_COLUMNS, *(f"validation/{name}" for name in history[-1].validation)])
    for report in history:
        rows.writerow(
            [getattr(report, name) for name in _COLUMNS] + list(report.validation.values())
        )
    with whole_file(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def finish(
    out: Path,
    checkpoint: Path,
    trained: Trained,
    settings: TrainSettings,
    photos: Photos,
    command: str,
    start: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Write the network and its card, remove the checkpoint; return the card.

    Args:
        out: the weights' file; the card's has the suffix ``.json``.
        checkpoint: no longer needed then.
        trained: the network.
        settings: how it was trained.
        photos: on what.
        command: what trains it again.
        start: of the networks it began with: their histories.

    Raises:
        InputError: the weights or the card cannot be written; the checkpoint then stays.
    """
    last = trained.history[-1]
    card = {
        "model": out.stem,
        "architecture": ARCHITECTURE,
        "config": {"size": trained.model.size, "styles": list(trained.model.styles)},
        "command": command,
        "start": list(start) if len(start) > 1 else next(iter(start), None),
        "settings": asdict(settings),
        "data": {"trained_on": len(photos.train), "held_out": len(photos.held_out)},
        "training": {
            "steps": last.step,
            "skipped_steps": last.skipped,
            "seconds": round(last.seconds, 1),
        },
        "losses": {
            "px": VALIDATION_PX,
            "styles": {name: dict(terms) for name, terms in trained.worth.items()},
        },
        "versions": versions(("ttirace", "numpy", "torch", "safetensors", "pillow")),
        "machine": machine(),
        "git": git_state(Path(__file__).parent),
    }
    write_model(out, trained.model)
    return conclude(out, checkpoint, card)


def card_of_part(whole: Path, style: str, name: str) -> dict[str, Any] | None:
    """Return the card of one style's part of a network of several; None if that has no card.

    Args:
        whole: the weights of the network of several styles.
        style: which.
        name: of the part.

    Raises:
        InputError: the card of the whole says something else.
    """
    path = card_path(whole)
    try:
        card = read_json(path)
        return {
            **card,
            "model": name,
            "config": {**card["config"], "styles": [style]},
            "part_of": {"model": card["model"], "styles": card["config"]["styles"]},
            "losses": {**card["losses"], "styles": {style: card["losses"]["styles"][style]}},
        }
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not the card of a network of several styles") from None


def history_of(path: Path) -> dict[str, Any]:
    """Return how a network that another begins with came about, as far as its card says.

    Args:
        path: its weights.

    Raises:
        InputError: its card is damaged, or cannot be read.
    """
    told = card_path(path)
    try:
        card = read_json(told)
        return {key: card.get(key) for key in ("model", "command", "start", "training")}
    except FileNotFoundError:
        return {"model": path.stem}
    except OSError as error:
        raise InputError(f"{told}: cannot be read: {reason(error)}") from None
    except (AttributeError, ValueError):
        raise InputError(f"{told}: not a model card; restore it") from None
