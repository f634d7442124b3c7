"""Choices in scenario files, written short: ``latency: measured``, ``channel: {trace: a.h5}``.

A choice among models with a ``model`` field may be written in full, ``{model: constant, base: 1
ms}``, with the model as the only key, ``{constant: {base: 1 ms}}``, with a single value for its
first field, ``{constant: 1 ms}``, or as a bare name, ``measured``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sim.deadline.errors import did_you_mean, shown
from sim.scenario.quantities import QuantityModel


class Also:
    """Annotation: what editors should accept beside the full form, as JSON schemas.

    Args:
        forms: returns them, given the properties of the full form; called when the schema is made.
    """

    def __init__(self, forms: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> None:
        self._forms = forms

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler(schema)
        properties = handler.resolve_ref_schema(full).get("properties", {})
        return {"anyOf": [full, *self._forms(properties)]}


class Choice:
    """Annotation of a discriminated union: lets it be written short.

    Args:
        what: what is chosen, for error messages.
        models: the models, each with a ``model: Literal[...]`` field that stands first.
    """

    def __init__(self, what: str, *models: type[QuantityModel]) -> None:
        self._what = what
        self._models: Mapping[str, type[QuantityModel]] = {
            get_args(model.model_fields["model"].annotation)[0]: model for model in models
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self._models)

    def expand(self, value: Any) -> Any:
        """Return the full form of a value, as far as it can be told what is meant."""
        if isinstance(value, BaseModel):
            return value
        if isinstance(value, str):
            return self._known(value, {"model": value})
        if isinstance(value, dict) and "model" in value:
            return self._known(value["model"], value)
        if isinstance(value, dict) and len(value) == 1:
            ((name, content),) = value.items()
            self._known(name, None)
            if content is None:
                return {"model": name}
            if isinstance(content, dict):
                if "model" in content:
                    raise self._error(f"'model' stands inside of {name!r}; keep one of them")
                return {"model": name, **content}
            return {"model": name, self._first_field(name): content}
        if isinstance(value, dict):
            # {trace: a.h5, loop: true}: the model is the one key that names one
            named = [key for key in value if key in self._models]
            if len(named) == 1:
                name = named[0]
                beside = next(key for key in value if key != name)
                if isinstance(value[name], dict):
                    raise self._error(f"{beside!r} stands beside {name!r}; write it inside of it")
                rest = {key: content for key, content in value.items() if key != name}
                return {"model": name, self._first_field(name): value[name], **rest}
        raise self._error(f"want the {self._what}'s model: one of {', '.join(self._models)}")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        expand: Callable[[Any], Any] = self.expand
        return core_schema.no_info_before_validator_function(expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler(schema)
        short = []
        for name, reference in full["discriminator"]["mapping"].items():
            found = handler.resolve_ref_schema({"$ref": reference})["properties"]
            keys = {key: value for key, value in found.items() if key != "model"}
            inside = {"type": "object", "properties": keys, "additionalProperties": False}
            # {constant: {base: 1 ms}}, and {constant: 1 ms} with more keys beside it
            for content, beside in (
                ({"anyOf": [inside, {"type": "null"}]}, {}),
                ({"type": ["string", "number"]}, keys),
            ):
                short.append(
                    {
                        "type": "object",
                        "properties": {**beside, name: content},
                        "required": [name],
                        "additionalProperties": False,
                    }
                )
        return {"anyOf": [full, {"enum": list(self._models)}, *short]}

    def _known(self, name: Any, value: Any) -> Any:
        if not isinstance(name, str) or name not in self._models:
            hint = did_you_mean(str(name), self._models)
            raise self._error(f"{shown(name)} is no {self._what}{hint}")
        return value

    def _first_field(self, name: str) -> str:
        model = self._models[name]
        # Its own fields first: what all channels share stands behind them.
        fields = [*inspect.get_annotations(model), *model.model_fields]
        fields = [name for name in fields if name in model.model_fields and name != "model"]
        if not fields:
            raise self._error(f"{name} takes no value")
        for bare, kind in model.quantities().items():
            if fields[0] == f"{bare}_{kind.canonical}":
                return bare
        return fields[0]

    def _error(self, why: str) -> PydanticCustomError:
        return PydanticCustomError("choice", "{why}", {"why": why})
