"""The models that come with the package, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.reading import check_regular

WEIGHTS = Path(__file__).parent / "weights"
"""Where they are."""


def shipped_models(architecture: str | None = None) -> list[str]:
    """Names of the models that come with the package: all, or those of one architecture."""
    prefix = "" if architecture is None else f"{architecture}_"
    return sorted(path.stem for path in WEIGHTS.glob(f"{prefix}*.safetensors"))


def weights_file(
    model: str, architecture: str | None = None, suffixes: Sequence[str] = (".safetensors",)
) -> Path:
    """Return the file of a shipped model's name, or of a path to a ``.safetensors`` file.

    Args:
        model: name or path.
        architecture: whose names to take; all if not given.
        suffixes: of all files that would do, for the message.

    Raises:
        InputError: there is no such model or file.
    """
    if not model.endswith(".safetensors"):
        known = shipped_models(architecture)
        if model not in known:
            raise InputError(
                f"model: no network {model!r} is shipped{did_you_mean(model, known)}"
                f" (or give a path that ends in {' or '.join(suffixes)})"
            )
        return WEIGHTS / f"{model}.safetensors"
    path = Path(model)
    check_regular(path, "model")
    if not path.is_file():
        problem = "not a file" if path.exists() else "no such file"
        raise InputError(f"model: {problem}: {model}")
    return path
