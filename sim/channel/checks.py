"""Checks of what users choose; each says what, which value, and what would be right."""

from __future__ import annotations

import math

from sim.deadline.errors import InputError


def positive(name: str, value: object) -> float:
    """Return ``value`` as a float; InputError unless it is finite and above zero."""
    if not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise InputError(f"{name}: {value!r}, want a finite number above 0")
    return float(value)


def not_negative(name: str, value: float) -> float:
    """Return ``value`` as a float; InputError unless it is finite and at least zero."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: {value!r}, want a finite number, 0 or more")
    return float(value)


def count(name: str, value: int) -> int:
    """Return ``value``; InputError unless it is an integer of at least one."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise InputError(f"{name}: {value!r}, want an integer, 1 or more")
    return int(value)
