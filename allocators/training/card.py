"""What a training leaves: the weights, and a card that says what they are and what they are worth.

The card is JSON beside the weights: data, settings, time, versions, measured quality.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from allocators.dnn.network import layer_sizes, save
from allocators.training.quality import measure
from allocators.training.samples import Setting
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import Trained
from sim.deadline.errors import InputError
from sim.deadline.manifest import versions, write_json


def reserve(out: Path) -> Path:
    """Check, before hours of training, that its end can be written; return the checkpoint's path.

    Raises:
        InputError: not a ``.safetensors`` name, there is something already, or no way to write.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out: {out}, want a name that ends in .safetensors")
    for path in (out, out.with_suffix(".json")):
        if path.exists():
            raise InputError(f"--out: {path} is there already; move it away or take another name")
    checkpoint = out.with_suffix(".checkpoint.safetensors")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = out.with_suffix(".part")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"--out: {out}: cannot write here: {error}") from None
    return checkpoint


def finish(
    out: Path,
    checkpoint: Path,
    setting: Setting,
    source: Source,
    settings: TrainSettings,
    trained: Trained,
    git: dict[str, Any] | None,
) -> dict[str, Any]:
    """Measure the network, write it and its card, remove the checkpoint; return the card.

    Args:
        out: the weights' file; the card's has the suffix ``.json``.
        checkpoint: no longer needed then.
        setting: what the network is measured on.
        source: what it was trained on.
        settings: how.
        trained: the network.
        git: state of the source tree that trained it.
    """
    card = {
        "model": out.stem,
        "network": {
            "paper": "Sun et al., Learning to optimize, IEEE TSP 66(20), 2018",
            "layers": list(layer_sizes(setting.links)),
            "input": "|h_kj| sqrt(p_max_j / noise_k), receivers row by row, links by falling"
            " direct magnitude",
            "output": "relu6(.) / 6, share of p_max",
        },
        "data": {
            **asdict(setting),
            "p_max_w": 1.0,
            "noise_w": setting.noise_w,
            **source.describe(),
            "samples_per_epoch": source.samples,
        },
        "settings": asdict(settings),
        "training": {
            "epochs": trained.epochs,
            "best_epoch": trained.best_epoch,
            "validation_mse": trained.validation,
            "seconds": round(trained.seconds, 1),
        },
        "quality": measure(setting, trained.network, settings.seed),
        "versions": {
            "python": platform.python_version(),
            **versions(("ttirace", "numpy", "numba", "torch", "safetensors")),
        },
        "git": git,
    }
    save(out, trained.network)
    write_json(out.with_suffix(".json"), card)
    checkpoint.unlink(missing_ok=True)
    return card
