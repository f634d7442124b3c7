"""From a YAML file to a scenario; whatever is wrong is said in one line that names the place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sim.deadline import InputError, did_you_mean
from sim.scenario.models import Scenario

_LARGEST_FILE = 4 << 20


class _Loader(yaml.SafeLoader):
    """The safe loader, with keys that stand twice refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is not text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_scenario(path: Path, overrides: Iterable[str] = ()) -> Scenario:
    """Read a scenario.

    Args:
        path: YAML file.
        overrides: ``a.b=value`` texts, put over what the file says; ``allocators.0=...`` reaches
            into lists.

    Raises:
        InputError: whatever is wrong, with file, key, value and what would be right.
    """
    data = _read(path)
    for override in overrides:
        _put(data, override)
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, data)}") from None
    if not scenario.name:
        scenario = scenario.model_copy(update={"name": path.stem})
    return scenario


def dump_scenario(scenario: Scenario, folder: Path) -> str:
    """Return a scenario as YAML, everything resolved, that runs from any folder.

    Args:
        scenario: the scenario.
        folder: what its relative paths are relative to.
    """
    data = scenario.model_dump(mode="json", exclude_none=True)
    if "path" in data["channel"]:
        data["channel"]["path"] = str((folder / data["channel"]["path"]).resolve())
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def describe(error: ValidationError, data: object) -> str:
    """Return the first thing that is wrong, as ``key: what (got value)``."""
    first = error.errors()[0]
    keys, value = _written(first["loc"], data)
    where = ".".join(keys)
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] == "extra_forbidden":
        message = f"unknown key{did_you_mean(keys[-1], _siblings(first['loc']))}"
        value = None
    elif first["type"] == "quantity":
        context = first["ctx"]
        where = ".".join([*keys, context["key"]])
        value = context["value"]
    elif first["type"] == "missing":
        message, value = "is required", None
    got = "" if value is None or isinstance(value, dict | list) else f" (got {value!r})"
    more = len(error.errors()) - 1
    rest = f" (and {more} more)" if more else ""
    return f"{where}: {message}{got}{rest}" if where else f"{message}{got}{rest}"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB; not a scenario")
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `ttirace list` shows the scenarios") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {_yaml_problem(error)}") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    if data is None:
        raise InputError(f"{path}: empty; a scenario needs channel, radio and allocators")
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds a {type(data).__name__}; want keys such as channel:")
    return data


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _put(data: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise InputError(f"--set {override}: want key=value, as in --set channel.links=20")
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: not YAML: {_yaml_problem(error)}") from None
    place: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            if not key.isdecimal() or int(key) >= len(place):
                raise InputError(
                    f"--set {override}: {key!r} is not one of the {len(place)} places in "
                    f"{'.'.join(keys[:depth])}, counted from 0"
                )
            step: Any = int(key)
        elif isinstance(place, dict):
            step = key
            if not last and not isinstance(place.get(key), dict | list):
                # a short form such as `channel: rayleigh` becomes a mapping
                old = place.get(key)
                place[key] = {"model": old} if isinstance(old, str) else {}
        else:
            raise InputError(f"--set {override}: {'.'.join(keys[:depth])} holds no keys")
        if last:
            place[step] = value
        else:
            if isinstance(place, list) and isinstance(place[step], str):
                place[step] = {place[step]: {}}
            place = place[step]


def _written(loc: tuple[int | str, ...], data: object) -> tuple[list[str], object]:
    """Return the keys as the user wrote them, and the value there; models' names fall out."""
    keys: list[str] = []
    place: object = data
    for part in loc:
        if isinstance(place, Mapping):
            written = _spelling(str(part), place)
            if written is None and part != loc[-1]:
                continue  # the tag of a choice among models
            keys.append(written or str(part))
            place = place.get(written) if written else None
        elif isinstance(place, list) and isinstance(part, int) and part < len(place):
            keys.append(str(part))
            place = place[part]
        elif part == loc[-1]:
            keys.append(str(part))
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


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand beside the last key of a location in the schema."""
    from sim.scenario.keys import known_keys

    return known_keys(loc[:-1])
