"""From a YAML file to a scenario; whatever is wrong is said in one line that names the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sim.deadline.errors import InputError, did_you_mean, shown
from sim.scenario.allocators import with_files
from sim.scenario.latency import resolve_profiles
from sim.scenario.models import Scenario
from sim.scenario.overrides import check_once, put
from sim.scenario.shipped import like_shipped, name_of
from sim.scenario.text import read

_NOTHING = object()

#: What pydantic says, in the words of a scenario file.
_WORDS = {
    "model_type": "want keys and values",
    "model_attributes_type": "want keys and values",
    "dict_type": "want keys and values",
    "list_type": "want a list",
    "int_type": "want a whole number",
    "int_parsing": "want a whole number",
    "int_parsing_size": "want a whole number, and not so long a one",
    "int_from_float": "want a whole number",
    "float_type": "want a number",
    "float_parsing": "want a number",
    "string_type": "want text",
    "finite_number": "want a finite number",
    "bool_type": "want true or false",
}


def load_scenario(path: Path, overrides: Iterable[str] = ()) -> Scenario:
    """Read a scenario.

    Args:
        path: YAML file.
        overrides: ``a.b=value`` texts, put over what the file says; ``allocators.0=...`` reaches
            into lists.

    Raises:
        InputError: whatever is wrong, with file, key, value and what would be right.
    """
    data = read_scenario(path)
    overrides = list(overrides)
    check_once(overrides)
    for override in overrides:
        put(data, override)
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise InputError(_blamed(path, overrides, describe(error, data))) from None
    if not scenario.name:
        scenario = scenario.model_copy(update={"name": path.stem})
    return scenario


def _blamed(path: Path, overrides: Sequence[str], said: str) -> str:
    """Return what is wrong behind what is to blame: the last override of that key, or the file."""
    where = said.partition(":")[0]
    for override in reversed(overrides):
        key = override.partition("=")[0]
        if where == key or where.startswith(f"{key}."):
            return f"--set {override}: {said}"
    return f"{path}: {said}"


def dump_scenario(scenario: Scenario, folder: Path) -> str:
    """Return a scenario as YAML; see `resolved_scenario`."""
    return yaml.safe_dump(resolved_scenario(scenario, folder), sort_keys=False, allow_unicode=True)


def resolved_scenario(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Return a scenario as a file would say it, everything resolved, that runs from any folder.

    Args:
        scenario: the scenario.
        folder: what its relative paths are relative to.
    """
    data = scenario.model_dump(mode="json", exclude_none=True)
    if "path" in data["channel"]:
        data["channel"]["path"] = str((folder / data["channel"]["path"]).resolve())
    contestants = data["allocators"]
    fallbacks = [entry.get("on_miss", {}).get("fallback") for entry in [data, *contestants]]
    for reference in filter(None, [*contestants, *fallbacks]):
        reference["parameters"] = with_files(reference["parameters"], folder)
    resolve_profiles(data, folder)
    return data


def describe(error: ValidationError, data: object, model: type[BaseModel] = Scenario) -> str:
    """Return the first thing that is wrong, as ``key: what (got value)``.

    Args:
        error: what pydantic found.
        data: what was validated.
        model: as what.
    """
    errors = error.errors()
    # A mistyped key first: what is missing, or left by default, follows from it.
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    keys, value = _written(first["loc"], data)
    message = _WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input ")
    plain = value is not _NOTHING and not isinstance(value, dict | list)
    got = f" (got {shown(value)})" if plain else ""
    if first["type"] == "extra_forbidden":
        message, got = f"unknown key{did_you_mean(keys[-1], _siblings(first['loc'], model))}", ""
    elif first["type"] == "quantity":
        keys = [*keys, first["ctx"]["key"]]
        got = f" (got {shown(first['ctx']['value'])})"
    elif first["type"] in ("missing", "choice") or not keys:
        message, got = message.replace("Field required", "is required"), ""
    elif first["type"] == "string_too_long":
        message = f"want at most {first['ctx']['max_length']} characters"
    elif first["type"] in ("too_short", "too_long"):
        bounds = first["ctx"]
        bound = "min_length" if "min_length" in bounds else "max_length"
        message = f"want at {'least' if bound == 'min_length' else 'most'} {bounds[bound]}"
        got = f" (got {bounds['actual_length']})" if isinstance(value, dict | list) else got
    where = ".".join(keys)
    rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {message}{got}{rest}" if where else f"{message}{got}{rest}"


def read_scenario(path: Path) -> dict[str, Any]:
    """Return what a scenario file says, unchecked.

    Raises:
        InputError: it cannot be read, or holds no keys.
    """
    hint = like_shipped(path) or "; `ttirace list` shows the scenarios"
    data = read(path, "a scenario", hint)
    if data is None:
        raise InputError(f"{path}: empty; a scenario needs channel, radio and allocators")
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "one value"
        raise InputError(f"{path}: holds {kind}; want keys such as channel:")
    if "scenario" in data and "channel" not in data:
        raise InputError(f"{path}: is a study; run it with: ttirace study {name_of(path)}")
    return data


def _written(loc: tuple[int | str, ...], data: object) -> tuple[list[str], object]:
    """Return the keys as the user wrote them, and the value there; models' names fall out."""
    keys: list[str] = []
    place: object = data
    parent: object = None
    for part in loc:
        written = _spelling(str(part), place) if isinstance(place, Mapping) else None
        if written is None and isinstance(parent, Mapping) and part in parent and keys:
            # written beside its owner, as in {fallback: max_power, latency: ...}
            keys.pop()
            place = parent
            written = str(part)
        parent = place
        if isinstance(place, Mapping):
            if written is None and part != loc[-1]:
                continue  # the tag of a choice among models
            keys.append(written or str(part))
            place = place.get(written) if written else _NOTHING
        elif isinstance(place, list) and isinstance(part, int) and part < len(place):
            keys.append(str(part))
            place = place[part]
        elif part == loc[-1] and place is _NOTHING:
            keys.append(str(part))  # else a single value stands for its first field
    return keys, place


def _spelling(field: str, place: Mapping[Any, Any]) -> str | None:
    if field in place:
        return field
    bare = field.rpartition("_")[0]
    if field.endswith("_m_s"):
        bare = field.removesuffix("_m_s")
    for key in place:
        if bare and isinstance(key, str) and (key == bare or key.startswith(f"{bare}_")):
            return key
    return None


def _siblings(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """Return the keys that may stand beside the last key of a location in the schema."""
    from sim.scenario.keys import known_keys

    return known_keys(loc[:-1], model)
