"""Allocators named on the command line: ``wmmse``, ``wmmse:backend=python:restarts=5``.

Lists of them are separated by commas. Values in braces and brackets are taken whole, as in
``anytime:start={dnn: {model: dnn_k10}}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.deadline import InputError


def named_allocator(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the parameters of an allocator written on the command line.

    Raises:
        InputError: a parameter without a value.
    """
    from sim.scenario.text import parse

    name, *settings = _split(text.strip(), ":")
    parameters: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise InputError(f"{text}: want NAME:parameter=value, got {setting!r}")
        try:
            parameters[key] = parse(text, value)
        except InputError:  # not YAML: plain text then
            parameters[key] = value
    return name, parameters


def listed(option: str, text: str) -> list[str]:
    """Return the parts of ``a,b,{c: 1, d: 2}``: commas in braces and brackets separate nothing.

    Raises:
        InputError: there are none, or one stands twice.
    """
    found = [part.strip() for part in _split(text, ",") if part.strip()]
    if not found:
        raise InputError(f"{option}: names none")
    check_distinct(option, found)
    return found


def check_distinct(option: str, found: Sequence[object]) -> None:
    """Refuse what stands twice in a list: it would be worked out, and told, twice.

    Raises:
        InputError: something does.
    """
    for each in found:
        if found.count(each) > 1:
            raise InputError(f"{option}: {each} stands twice; keep one")


def _split(text: str, separator: str) -> list[str]:
    """Split at the separators that stand outside of all braces and brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "{[") - (character in "}]")
        if character == separator and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
