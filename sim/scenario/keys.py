"""Which keys may stand where: for suggestions and for the schema."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from sim.scenario.models import ComputeModel, Scenario
from sim.scenario.quantities import Kind, QuantityModel


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


@dataclass(frozen=True)
class Key:
    """A dotted key of the scenario, and what may stand there.

    Attributes:
        written: the key as it was written.
        place: one name for one place, however it is spelled: bare names, no models' names.
        name: as written, in the canonical unit where it is a quantity: ``budget.csi_ns``.
        kind: of what the quantity is; None if it is none.
        unit: the unit that the key as written implies, if it does.
        numbers: what else a number there is; None where the scenario does not say.
    """

    written: str
    place: str
    name: str
    kind: Kind | None = None
    unit: str | None = None
    numbers: Literal["whole", "real"] | None = None


def read_key(written: str) -> Key:
    """Return what a dotted key stands for; one that is not known is a key of unknown numbers."""
    *above, last = written.split(".")
    models: list[type[BaseModel]] = [Scenario]
    place: list[str] = []
    for part in above:
        if any(_tag(model) == part for model in models):
            models = [model for model in models if _tag(model) == part]
            continue
        place.append(part)
        if not part.isdecimal():
            models = [
                deeper
                for model in models
                if part in model.model_fields
                for deeper in _models_in(model.model_fields[part].annotation)
            ]
    for model in models:
        if issubclass(model, QuantityModel):
            for bare, kind in model.quantities().items():
                spellings = {
                    bare: None,
                    **{f"{bare}_{end}": u for u, (end, _) in kind.units.items()},
                }
                if last in spellings:
                    return Key(
                        written,
                        ".".join([*place, bare]),
                        ".".join([*above, f"{bare}_{kind.canonical}"]),
                        kind,
                        spellings[last],
                    )
        if last in model.model_fields:
            types = set(_types_in(model.model_fields[last].annotation))
            numbers: Literal["whole", "real"] | None = None
            if types & {int, float}:
                numbers = "real" if float in types else "whole"
            name = ".".join([*place, "slot" if last == "numerology" else last])
            return Key(written, name, written, numbers=numbers)
        if last == _tag(model):
            return Key(written, ".".join(place), written)
    return Key(written, ".".join([*place, last]), written)


def _types_in(annotation: Any) -> list[Any]:
    parts = typing.get_args(annotation)
    return [found for part in parts for found in _types_in(part)] if parts else [annotation]


def _keys(model: type[BaseModel]) -> list[str]:
    keys = [field.alias or name for name, field in model.model_fields.items()]
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
