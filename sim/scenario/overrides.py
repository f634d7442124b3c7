"""A key of a scenario set from outside: ``--set budget.csi="300 us"``, or an axis of a study.

A key is dotted, ``compute.latency.constant.base``; places in lists are numbers, ``allocators.0``.
It may be set however the scenario writes what stands there: in short, in full, in another unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic_core import PydanticCustomError

from sim.deadline.errors import InputError
from sim.scenario.channels import ChannelModel
from sim.scenario.keys import read_key
from sim.scenario.latency import Latency, ReleaseJitter
from sim.scenario.quantities import KINDS
from sim.scenario.shorthand import Choice
from sim.scenario.text import parse


def _choice(annotation: Any) -> Choice:
    return next(mark for mark in get_args(annotation) if isinstance(mark, Choice))


#: Keys that choose among models, and so may be written short.
_CHOICES: Mapping[str, Choice] = {
    "channel": _choice(ChannelModel),
    "latency": _choice(Latency),
    "release_jitter": _choice(ReleaseJitter),
}

_ENDS = sorted({end for kind in KINDS for end, _ in kind.units.values()}, key=len, reverse=True)


def put(data: dict[str, Any], override: str) -> None:
    """Put ``a.b=value`` over what a scenario says.

    Raises:
        InputError: it is not written so, or there is no such place.
    """
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise InputError(f"--set {override}: want key=value, as in --set channel.links=20")
    assign(data, key, parse(f"--set {override}", text), f"--set {override}")


def check_once(overrides: Iterable[str]) -> None:
    """Refuse texts of `put` that set one key twice, however it is spelled.

    Raises:
        InputError: two of them do.
    """
    seen: dict[str, str] = {}
    for override in overrides:
        key = override.partition("=")[0]
        place = read_key(key).place
        if place in seen:
            other = "" if seen[place] == key else f", as {seen[place]}"
            raise InputError(f"--set {override}: {key} stands twice{other}; keep one")
        seen[place] = key


def assign(data: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Set a dotted key of a scenario as read from a file, in place.

    The same quantity in another spelling (``csi_us`` beside ``csi``, ``numerology`` beside
    ``slot``) is taken away: what is set counts.

    Args:
        data: the scenario.
        key: which key.
        value: what it is to be.
        where: who says so, for messages.

    Raises:
        InputError: there is no such place.
    """
    keys = key.split(".")
    if not all(keys):
        raise InputError(f"{where}: {key!r} is no key; want one such as channel.links")
    place: Any = data
    for depth, name in enumerate(keys[:-1]):
        place = _into(place, name, keys[:depth], where)
    last = keys[-1]
    if isinstance(place, list):
        place[_index(place, last, keys[:-1], where)] = value
        return
    if not isinstance(place, dict):
        raise _no_keys(keys[:-1], where)
    if last in _models(keys[:-1]):
        place.clear()  # another model
    for other in [other for other in place if other != last and _bare(other) == _bare(last)]:
        del place[other]
    place[last] = value


def _into(place: Any, name: str, above: list[str], where: str) -> Any:
    """Return what stands under ``name``, as something that may hold keys."""
    if isinstance(place, list):
        index = _index(place, name, above, where)
        if isinstance(place[index], str):
            place[index] = {place[index]: {}}
        return place[index]
    if not isinstance(place, dict):
        raise _no_keys(above, where)
    if name in _models(above):
        if place.get("model") != name:  # another model
            place.clear()
            place["model"] = name
        return place
    if place.get("allocator") == name:
        return place.setdefault("parameters", {})
    if name in _CHOICES and place.get(name) is not None:
        try:
            place[name] = dict(_CHOICES[name].expand(place[name]))
        except PydanticCustomError as error:
            raise InputError(f"{where}: {'.'.join([*above, name])}: {error.message()}") from None
    elif not isinstance(place.get(name), dict | list):
        place[name] = {}
    return place[name]


def _models(above: list[str]) -> tuple[str, ...]:
    """Return the models that may be chosen by a key right below these."""
    return _CHOICES[above[-1]].names if above and above[-1] in _CHOICES else ()


def _index(place: list[Any], name: str, above: list[str], where: str) -> int:
    if not (name.isascii() and name.isdecimal()) or int(name) >= len(place):
        raise InputError(
            f"{where}: {name!r} is not one of the {len(place)} places in {'.'.join(above)}, "
            "counted from 0"
        )
    return int(name)


def _no_keys(above: list[str], where: str) -> InputError:
    return InputError(f"{where}: {'.'.join(above)} holds no keys")


def _bare(key: str) -> str:
    """Return what a key is about, whatever the unit at its end."""
    if key == "numerology":
        return "slot"
    return next((key.removesuffix(f"_{end}") for end in _ENDS if key.endswith(f"_{end}")), key)
