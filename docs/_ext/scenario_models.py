"""What there is to say of a scenario's keys, from the models that read it. Needs no Sphinx."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sim.scenario import Scenario
from sim.scenario.quantities import Kind


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in typing.get_args(annotation):
        yield from models_in(part)


def all_models() -> list[type[BaseModel]]:
    """Return the scenario's models, each once, in the order in which they are met."""
    found: dict[type[BaseModel], None] = {}
    waiting: list[type[BaseModel]] = [Scenario]
    while waiting:
        model = waiting.pop(0)
        if model in found:
            continue
        found[model] = None
        for field in model.model_fields.values():
            waiting += models_in(field.annotation)
    return list(found)


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


def type_of(annotation: Any) -> str:
    """Return what a key may hold, in words."""
    models = list(models_in(annotation))
    if models:
        return "keys" if len(models) == 1 else "a model"
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [type_of(part) for part in typing.get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if typing.get_origin(annotation) is typing.Annotated:
        return type_of(typing.get_args(annotation)[0])
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    if annotation in words:
        return words[annotation]
    if typing.get_origin(annotation) is list:
        return "list"
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return " or ".join(one.value for one in annotation)
    return "keys"


def default_of(field: FieldInfo) -> str:
    """Return a field's default, in words; nothing, where that is a model."""
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "none"
    return str(getattr(value, "value", value))
