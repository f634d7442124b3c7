"""Quantities in scenario files: ``slot: 0.5 ms``, ``slot_us: 500``, ``p_max: 23 dBm``.

A model's field has one canonical unit, the end of its name: ``p_max_w``. In a file the same
quantity may stand under its bare name with a unit beside the number (``p_max: 23 dBm``), or under
the name with any unit of its kind at the end (``p_max_dbm: 23``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

Convert = Callable[[Fraction], Fraction | float]


def _scale(factor: str) -> Convert:
    return lambda value: value * Fraction(factor)


def _dbm(value: Fraction) -> float:
    return 1e-3 * _decibel(value)


def _decibel(value: Fraction) -> float:
    if abs(value) > 3000:
        raise OverflowError
    return float(10.0 ** (float(value) / 10.0))


@dataclass(frozen=True)
class Kind:
    """A kind of quantity.

    Attributes:
        canonical: the suffix of the unit that models use.
        units: unit as written -> (suffix of a key, conversion to the canonical unit).
        example: a value a user might write.
        largest: in the canonical unit; sums and products of such values stay finite, and one over
            it is the smallest that is not zero.
    """

    canonical: str
    units: Mapping[str, tuple[str, Convert]]
    example: str
    largest: float = 1e30


TIME = Kind(
    "ns",
    {
        "ns": ("ns", _scale("1")),
        "us": ("us", _scale("1e3")),
        "ms": ("ms", _scale("1e6")),
        "s": ("s", _scale("1e9")),
    },
    "0.5 ms",
    largest=1e17,  # three years, far inside 64 bits
)
POWER = Kind(
    "w",
    {
        "W": ("w", _scale("1")),
        "mW": ("mw", _scale("1e-3")),
        "dBm": ("dbm", _dbm),
        "dBW": ("dbw", _decibel),
    },
    "23 dBm",
)
FREQUENCY = Kind(
    "hz",
    {
        "Hz": ("hz", _scale("1")),
        "kHz": ("khz", _scale("1e3")),
        "MHz": ("mhz", _scale("1e6")),
        "GHz": ("ghz", _scale("1e9")),
    },
    "3.5 GHz",
)
LENGTH = Kind("m", {"m": ("m", _scale("1")), "km": ("km", _scale("1e3"))}, "50 m", 1e9)
SPEED = Kind("m_s", {"m/s": ("m_s", _scale("1")), "km/h": ("km_h", _scale("5/18"))}, "3 km/h")
RATIO = Kind("linear", {"dB": ("db", _decibel), "": ("linear", _scale("1"))}, "6 dB")

KINDS = (TIME, POWER, FREQUENCY, LENGTH, SPEED, RATIO)

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(\S*)\s*")


def convert(text: object, kind: Kind, unit: str | None = None) -> float | int:
    """Return a quantity in its kind's canonical unit; times as whole nanoseconds.

    Args:
        text: ``"0.5 ms"``, or a bare number where ``unit`` says what it is in.
        kind: what is measured.
        unit: the unit that the key implies, if it does.

    Raises:
        ValueError: not a number, no unit, not one of this kind, or another than the key says.
    """
    known = ", ".join(name for name in kind.units if name)
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"must be a quantity such as '{kind.example}'")
    match = _NUMBER.fullmatch(str(text))
    if match is None:
        raise ValueError(f"must be a number with a unit, such as '{kind.example}'")
    number, written = match.groups()
    if written and written not in kind.units:
        raise ValueError(f"unit {written!r} is not one of {known}; write, say, '{kind.example}'")
    if written and unit and written != unit:
        raise ValueError(f"the key says {unit}, the value {written}")
    chosen = written or unit or ""
    if chosen not in kind.units:
        raise ValueError(f"has no unit; write, say, '{kind.example}' (units: {known})")
    try:
        exact = kind.units[chosen][1](Fraction(number))
        value = round(exact) if kind is TIME else float(exact)
    except OverflowError:
        value = math.inf
    if abs(value) > kind.largest:
        raise ValueError(f"is too large; want at most {kind.largest:g} {kind.canonical}")
    if 0.0 < abs(value) < 1.0 / kind.largest:
        raise ValueError(f"is too close to zero; want at least {1 / kind.largest:g}")
    return value


class QuantityModel(BaseModel):
    """A frozen model whose `quantities` accept the ways of writing a quantity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def quantities(cls) -> Mapping[str, Kind]:
        """Return bare name -> kind of the quantities of this model."""
        found = {}
        for name, field in cls.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Kind):
                    found[name.removesuffix(f"_{mark.canonical}")] = mark
        return found

    @model_validator(mode="before")
    @classmethod
    def _to_canonical_units(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for key, value in data.items():
            # pydantic would take `slots: true` for one slot
            field = cls.model_fields.get(key)
            if (
                field is not None
                and field.annotation is not bool
                and any(
                    isinstance(item, bool)
                    for item in (value if isinstance(value, list) else [value])
                )
            ):
                raise PydanticCustomError(
                    "quantity", "is not a matter of true or false", {"key": key, "value": value}
                )
        for bare, kind in cls.quantities().items():
            canonical = f"{bare}_{kind.canonical}"
            spellings: dict[str, str | None] = {bare: None}
            spellings |= {f"{bare}_{end}": unit for unit, (end, _) in kind.units.items()}
            present = [key for key in spellings if key in data]
            if len(present) > 1:
                raise PydanticCustomError(
                    "quantity_twice",
                    "{first} and {second} are the same quantity; keep one",
                    {"first": present[0], "second": present[1]},
                )
            for key in present:
                value = data.pop(key)
                if value is None and type(None) in get_args(cls.model_fields[canonical].annotation):
                    continue
                try:
                    data[canonical] = _each(value, kind, spellings[key])
                except ValueError as error:
                    raise PydanticCustomError(
                        "quantity", "{why}", {"why": str(error), "key": key, "value": value}
                    ) from None
        return data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Let editors know the other spellings too."""
        schema = handler(core_schema)
        schema = handler.resolve_ref_schema(schema)
        properties = schema.get("properties", {})
        for bare, kind in cls.quantities().items():
            canonical = f"{bare}_{kind.canonical}"
            about = properties.get(canonical, {}).get("description", "")
            annotation = cls.model_fields[canonical].annotation
            lists = any(get_origin(part) is list for part in get_args(annotation))
            one = {"type": ["string", "number"] if "" in kind.units else "string"}
            properties[bare] = {
                **_one_or_each(one, lists),
                "description": about,
                "examples": [kind.example],
            }
            for end, _ in kind.units.values():
                other = {**_one_or_each({"type": "number"}, lists), "description": about}
                properties.setdefault(f"{bare}_{end}", other)
            if canonical in schema.get("required", []):
                schema["required"].remove(canonical)
        return schema


def _one_or_each(one: dict[str, Any], lists: bool) -> dict[str, Any]:
    return {"anyOf": [one, {"type": "array", "items": one}]} if lists else one


def _each(value: object, kind: Kind, unit: str | None) -> float | int | list[float | int]:
    if isinstance(value, list):
        return [convert(item, kind, unit) for item in value]
    return convert(value, kind, unit)
