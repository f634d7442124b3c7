"""The directive ``scenario-keys``: every key of a scenario, from the models that read it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx

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


def _type(annotation: Any) -> str:
    models = list(models_in(annotation))
    if models:
        return "keys" if len(models) == 1 else "a model"
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [_type(part) for part in typing.get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if typing.get_origin(annotation) is typing.Annotated:
        return _type(typing.get_args(annotation)[0])
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    if annotation in words:
        return words[annotation]
    if typing.get_origin(annotation) is list:
        return "list"
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return " or ".join(one.value for one in annotation)
    return "keys"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "none"
    return str(getattr(value, "value", value))


class ScenarioKeys(Directive):
    """A section a model, a row a key."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self._section(model) for model in all_models()]

    def _section(self, model: type[BaseModel]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(f"keys-{model.__name__}")])
        name = model.__name__.removesuffix("Model")
        section += nodes.title(text=name)
        section += nodes.paragraph(text=(model.__doc__ or "").split("\n", 1)[0].replace("`", ""))
        table = nodes.table()
        group = nodes.tgroup(cols=5)
        for width in (18, 20, 14, 14, 46):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += _row("key", "value", "unit", "default", "meaning")
        body = nodes.tbody()
        for field_name, field in model.model_fields.items():
            kind = kind_of(field)
            unit = "" if kind is None else ", ".join(kind.units)
            default = _default(field)
            if kind is not None and default not in ("required", "none", ""):
                default = f"{default} {kind.canonical}".removesuffix(" linear")
            body += _row(
                nodes.literal(text=key_of(field_name, field)),
                "quantity" if kind is not None else _type(field.annotation),
                unit,
                default,
                meaning_of(field).replace("`", ""),
            )
        group += [head, body]
        table += group
        section += table
        return section


def _row(*cells: str | nodes.Node) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        paragraph = nodes.paragraph()
        paragraph += nodes.Text(cell) if isinstance(cell, str) else cell
        entry = nodes.entry()
        entry += paragraph
        row += entry
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("scenario-keys", ScenarioKeys)
    return {"parallel_read_safe": True}
