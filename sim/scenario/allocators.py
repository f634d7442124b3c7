"""Scenario models of the contestants: an allocator, its parameters, its policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from sim.deadline import OnMiss, OnOverrun, did_you_mean
from sim.deadline.errors import shown
from sim.registry import allocator_names
from sim.scenario.files import named_file
from sim.scenario.latency import Latency
from sim.scenario.quantities import QuantityModel
from sim.scenario.shorthand import Also

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def _reference(value: Any) -> Any:
    """``wmmse``, ``{wmmse: {backend: numpy}}``, ``{dnn: a.safetensors}`` -> name and parameters.

    Text where parameters would stand is the model.
    """
    if isinstance(value, str):
        return {"allocator": value}
    if not isinstance(value, dict) or "allocator" in value:
        return value
    rest = dict(value)
    known = [key for key in rest if key in allocator_names()]
    unnamed = [key for key in rest if key not in AllocatorModel.model_fields]
    name = known[0] if known else (unnamed[0] if unnamed else None)
    if name is None:
        return rest
    parameters = rest.pop(name)
    if isinstance(parameters, str):
        parameters = {"model": parameters}
    return {"allocator": name, "parameters": {} if parameters is None else parameters, **rest}


def names(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return JSON schemas of an allocator by name, and of one with its parameters."""
    named = {name: {"type": ["object", "string", "null"]} for name in allocator_names()}
    beside = {key: value for key, value in properties.items() if key not in _FULL}
    return [
        {"type": "string", "examples": list(named)},
        {
            "type": "object",
            "properties": {**named, **(beside or {"latency": {}})},
            # Allocators of plug-ins; text there would let a misspelt label pass for one.
            "additionalProperties": {"type": ["object", "null"]},
            "minProperties": 1,
            "not": {"required": ["allocator"]},
        },
    ]


_FULL = ("allocator", "parameters")


class AllocatorReference(QuantityModel):
    """An allocator by name, with its parameters."""

    allocator: str = Field(description="its name, see `ttirace list`")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="what its constructor takes; files beside the scenario"
    )

    @model_validator(mode="after")
    def _known(self) -> AllocatorReference:
        if self.allocator not in allocator_names():
            hint = did_you_mean(self.allocator, allocator_names())
            raise ValueError(f"allocator {self.allocator!r} is not known{hint}")
        return self


def with_files(parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return parameters in which a name of a file in ``folder`` has become its whole path."""
    return {key: _with_files(value, folder) for key, value in parameters.items()}


def _with_files(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):  # an allocator among the parameters, with its own
        return with_files(value, folder)
    if isinstance(value, list):
        return [_with_files(item, folder) for item in value]
    file = named_file(folder, value) if isinstance(value, str) and "." in value else None
    return value if file is None else str(file)


class FallbackModel(AllocatorReference):
    """The allocator that runs first in every job and serves when the other one misses."""

    latency: Latency | None = Field(None, description="its latency; compute.latency if not given")


def _on_miss(value: Any) -> Any:
    if isinstance(value, str | OnMiss):
        if value == OnMiss.FALLBACK:
            raise ValueError("name the fallback, as in on_miss: {fallback: max_power}")
        return {"policy": value}
    if isinstance(value, dict) and "fallback" in value and "policy" not in value:
        reference = _reference(value["fallback"])
        if isinstance(reference, dict) and "latency" in value:
            reference = {**reference, "latency": value["latency"]}
        rest = {key: item for key, item in value.items() if key not in ("fallback", "latency")}
        return {"policy": OnMiss.FALLBACK, "fallback": reference, **rest}
    return value


class OnMissModel(QuantityModel):
    """The miss policy."""

    policy: OnMiss = Field(OnMiss.HOLD, description="what serves where no answer came in time")
    fallback: Annotated[FallbackModel | None, BeforeValidator(_reference), Also(names)] = Field(
        None, description="under policy: fallback, the allocator that runs first in every job"
    )

    @model_validator(mode="after")
    def _complete(self) -> OnMissModel:
        if (self.policy is OnMiss.FALLBACK) != (self.fallback is not None):
            raise ValueError("policy 'fallback' and a fallback allocator go together")
        return self


def _short_misses(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    del properties
    fallback = {"anyOf": names({})}
    return [
        {"enum": [policy.value for policy in OnMiss if policy is not OnMiss.FALLBACK]},
        {
            "type": "object",
            "properties": {"fallback": fallback, "latency": {}},
            "required": ["fallback"],
            "additionalProperties": False,
        },
    ]


MissPolicy = Annotated[OnMissModel, BeforeValidator(_on_miss), Also(_short_misses)]


class AllocatorModel(AllocatorReference):
    """A contestant: an allocator under a label, perhaps with its own policies."""

    label: str = Field("", description="in tables and plots; its name if not given")
    latency: Latency | None = Field(None, description="instead of compute.latency")
    on_overrun: OnOverrun | None = Field(None, description="instead of the scenario's")
    on_miss: MissPolicy | None = Field(None, description="instead of the scenario's")

    @model_validator(mode="before")
    @classmethod
    def _labelled(cls, data: Any) -> Any:
        data = _reference(data)
        if isinstance(data, dict) and not data.get("label"):
            data = {**data, "label": data.get("allocator", "")}
        return data

    @model_validator(mode="after")
    def _plain_label(self) -> AllocatorModel:
        if not _LABEL.fullmatch(self.label):
            raise ValueError(
                f"label {shown(self.label)}: want at most 100 ASCII letters, digits and "
                "_ . + -, the first a letter or digit"
            )
        return self
