"""What users hand to an environment, checked by hand: numbers, names, seeds and options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown

#: Of an episode's seed.
SEED_END = 2**63

_MOST = 10**9  # of anything: times in nanoseconds, and sizes in bytes, stay inside 64 bits


def whole_number(name: str, value: object, least: int, most: int | None = _MOST) -> int:
    """Return a whole number, numpy's too.

    Raises:
        InputError: none, or not from ``least`` to ``most``, if there is a largest one.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}: {shown(value)}, want a whole number, {least} or more")
    if most is not None and value > most:
        raise InputError(f"{name}: {shown(value)}, want at most {most}")
    return int(value)


def check_arguments(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse what is no argument.

    Raises:
        InputError: one of those given is not known.
    """
    for name in given:
        if name not in known:
            raise InputError(f"{name}: no such argument{did_you_mean(name, known)}")


def checked_seed(seed: Any) -> int | None:
    """Return the seed of a generator, if there is one.

    Raises:
        InputError: not a whole number, or below zero.
    """
    return None if seed is None else whole_number("seed", seed, 0, most=None)


def is_several(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a list of some kind, one entry for each environment."""
    if isinstance(value, np.ndarray):
        return bool(value.ndim)
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def options_of(options: Any) -> dict[str, Any]:
    """Return the options of a reset, a copy.

    Raises:
        InputError: they are not keys and values.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"options: {shown(options)}, want keys and values")
    return dict(options)


def episode_seed_option(
    options: Mapping[str, Any], known: Sequence[str] = ("episode_seed",)
) -> int | None:
    """Return the episode's seed if the options of a reset set it.

    Args:
        options: keys and values.
        known: the options that there are; those that the caller has taken out for itself too.

    Raises:
        InputError: another option, or no seed.
    """
    for key in options:
        if key != "episode_seed":
            raise InputError(f"options: {shown(key)}{did_you_mean(str(key), known)}")
    chosen = options.get("episode_seed")
    if chosen is None:
        return None
    try:
        return whole_number("episode_seed", chosen, 0, SEED_END - 1)
    except InputError:
        raise InputError(
            f"options: episode_seed: {shown(chosen)}, want a whole number from 0 to {SEED_END - 1}"
        ) from None
