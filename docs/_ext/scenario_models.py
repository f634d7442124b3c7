"""What there is to say of a scenario's keys, from the models that read it. Needs no Sphinx."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim.scenario import Scenario
from sim.scenario.models import SUBFRAME_NS
from sim.scenario.quantities import RATIO, TIME, Kind

_TIMES = (("s", 10**9), ("ms", 10**6), ("us", 10**3))


def _time(value_ns: int) -> str:
    for unit, size in _TIMES:
        if value_ns and value_ns % size == 0:
            return f"{value_ns // size} {unit}"
    return f"{value_ns} ns" if value_ns else "0"


#: What a key that is not given comes to, where its model only knows that it is empty.
_IF_NOT_GIVEN = {
    "Scenario.name": "the file's name",
    "Scenario.description": "empty",
    "Scenario.numerology": f"0: slots of {_time(SUBFRAME_NS)}",
    "Scenario.slot_ns": _time(SUBFRAME_NS),
    "Scenario.controllers": "1",
    "BudgetModel.compute_ns": "all that the lead leaves",
    "ComputeModel.release_jitter": "none: it starts at once",
    "ControllerModel.name": "its number",
    "ControllerModel.numerology": "the scenario's slot",
    "ControllerModel.slot_ns": "the scenario's slot",
    "ControllerModel.budget": "the scenario's",
    "RadioModel.snr_db": "one of the three is required",
    "RadioModel.noise_w": "one of the three is required",
    "RadioModel.noise_figure_db": "one of the three is required",
    "RadioModel.bandwidth_hz": "the trace's; else required with noise_figure_db",
    "RadioModel.weights": "1 for each link",
    "GeometricChannel.pair_distance_min_m": "no bound",
    "GeometricChannel.pair_distance_max_m": "no bound",
    "CalibratedLatency.profile": "the shipped one",
    "CalibratedLatency.cost_of": "the allocator's own",
    "AllocatorReference.parameters": "its constructor's",
    "FallbackModel.latency": "compute.latency",
    "OnMissModel.fallback": "required under that policy",
    "AllocatorModel.label": "its name",
    "AllocatorModel.latency": "compute.latency",
    "AllocatorModel.on_overrun": "the scenario's",
    "AllocatorModel.on_miss": "the scenario's",
    "_SmallScale.doppler_hz": "unless iid, this or speed is required",
    "_SmallScale.speed_m_s": "unless iid, this or doppler is required",
    "_SmallScale.carrier_hz": "required with speed",
}


@dataclass(frozen=True)
class Place:
    """A place in a scenario that holds keys, or one model of several with keys.

    Attributes:
        key: as a file spells it; empty for the file itself.
        models: what may stand there.
    """

    key: str
    models: tuple[type[BaseModel], ...]

    @property
    def choice(self) -> bool:
        """Whether one of several models is chosen there."""
        return len(self.models) > 1


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in typing.get_args(annotation):
        yield from models_in(part)


def places(model: type[BaseModel] = Scenario, key: str = "") -> list[Place]:
    """Return the places of a scenario, each model in the first where it may stand."""
    return list(_places(Place(key, (model,)), set()))


def _places(place: Place, seen: set[type[BaseModel]]) -> Iterator[Place]:
    new = tuple(model for model in place.models if model not in seen)
    if not new:
        return
    seen.update(new)
    yield Place(place.key, new)
    for model in new:
        for name, field in model.model_fields.items():
            inner = tuple(models_in(field.annotation))
            if inner:
                yield from _places(Place(key_of(name, field), inner), seen)


def all_models() -> list[type[BaseModel]]:
    """Return the scenario's models, each once."""
    return [model for place in places() for model in place.models]


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the names of a model's fields: which model, its own, then those that it shares."""
    own = [name for name in model.__annotations__ if name in model.model_fields]
    shared = [name for name in model.model_fields if name not in own]
    if "model" in own:
        return own + shared
    return shared + own


def name_of(model: type[BaseModel]) -> str:
    """Return by what name a model is chosen; empty where there is no choice."""
    field = model.model_fields.get("model")
    return "" if field is None else str(typing.get_args(field.annotation)[0])


def kind_of(field: FieldInfo) -> Kind | None:
    """Return the kind of quantity that a field holds, if it does."""
    return next((one for one in field.metadata if isinstance(one, Kind)), None)


def key_of(name: str, field: FieldInfo) -> str:
    """Return a key as a file spells it: without the unit that the model works in."""
    kind = kind_of(field)
    return name if kind is None else name.removesuffix(f"_{kind.canonical}")


def meaning_of(field: FieldInfo) -> str:
    """Return what a key means."""
    if field.description:
        return field.description
    values = typing.get_args(field.annotation)
    if typing.get_origin(field.annotation) is typing.Literal:
        return "which model: " + ", ".join(map(str, values))
    return ""


def unit_of(name: str, field: FieldInfo) -> str:
    """Return in what units a key may be given; a dash where it has none."""
    kind = kind_of(field)
    if kind is RATIO:
        return "dB, or none for a ratio"
    if kind is not None:
        return ", ".join(kind.units)
    return "dB" if name.endswith("_db") else "-"


def values_of(annotation: Any) -> list[str]:
    """Return the words of which a key holds one; none where it holds something else."""
    if typing.get_origin(annotation) is typing.Literal:
        return [str(value) for value in typing.get_args(annotation)]
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return [str(one.value) for one in annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [value for part in typing.get_args(annotation) for value in values_of(part)]
    return []


def type_of(annotation: Any, number: str = "number") -> str:
    """Return what a key may hold, in words.

    Args:
        annotation: a field's.
        number: what numbers are called there: quantity.
    """
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        words = [type_of(part, number) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin is typing.Annotated:
        return type_of(parts[0], number)
    if origin is list:
        return f"list of {type_of(parts[0], number)}s".replace("quantitys", "quantities")
    if origin is dict:
        return "keys"
    if number != "number" and annotation in (int, float):
        return number
    words_of = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return words_of[annotation]


def default_of(model: type[BaseModel], name: str) -> str | BaseModel:
    """Return a key's default, in words, or as the model that it is.

    Raises:
        KeyError: the model says that there is none, and nothing here says what that comes to.
    """
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        return _named(value)
    if field.default_factory is not None or value is None or value == "":
        owner = next(base for base in reversed(model.__mro__) if name in _fields(base))
        for of in (model, owner):
            if (words := _IF_NOT_GIVEN.get(f"{of.__name__}.{name}")) is not None:
                return words
        raise KeyError(f"{model.__name__}.{name}: say in _IF_NOT_GIVEN what it then is")
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "value"):
        return str(value.value)
    kind = kind_of(field)
    if kind is TIME:
        return _time(value)
    if isinstance(value, int | float):
        units = {suffix: unit for unit, (suffix, _) in kind.units.items()} if kind else {}
        unit = units.get(kind.canonical, "") if kind else "dB" if name.endswith("_db") else ""
        return f"{value:g} {unit}".strip()
    return str(value)


def _fields(base: type) -> dict[str, Any]:
    return getattr(base, "model_fields", {}) if base is not BaseModel else {}


def _named(value: BaseModel) -> str | BaseModel:
    """Return a model that a single word stands for as that word."""
    word = getattr(value, "model", None) or getattr(value, "policy", None)
    return value if word is None else str(getattr(word, "value", word))
