"""Which keys may stand where: for suggestions and for the schema."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from pydantic import BaseModel

from sim.scenario.models import ComputeModel, Scenario
from sim.scenario.quantities import QuantityModel


def known_keys(place: tuple[int | str, ...], root: type[BaseModel] = Scenario) -> list[str]:
    """Return the keys known at a place of the scenario, quantities under their bare names.

    Args:
        place: keys and indices from the top.
        root: what stands there instead of a scenario.
    """
    models: list[type[BaseModel]] = [root]
    for part in place:
        if isinstance(part, int):
            continue
        deeper = [
            model
            for parent in models
            if part in parent.model_fields
            for model in _models_in(parent.model_fields[part].annotation)
        ]
        # where nothing lies deeper, the part is the tag of a choice among models
        models = deeper or [model for model in models if _tag(model) == part] or models
    return sorted({key for model in models for key in _keys(model)})


def _keys(model: type[BaseModel]) -> list[str]:
    keys = list(model.model_fields)
    if issubclass(model, QuantityModel):
        for bare, kind in model.quantities().items():
            keys.remove(f"{bare}_{kind.canonical}")
            keys.append(bare)
    return keys


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("model")
    return None if field is None else typing.get_args(field.annotation)[0]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def choices(field: str) -> dict[str, tuple[list[str], str]]:
    """Return the models that ``channel`` or ``latency`` may be: name to keys and first line."""
    parent = Scenario if field in Scenario.model_fields else ComputeModel
    return {
        str(_tag(model)): (
            [key for key in _keys(model) if key != "model"],
            (inspect.getdoc(model) or "").split("\n", 1)[0],
        )
        for model in _models_in(parent.model_fields[field].annotation)
    }
