"""What users can get wrong, as one exception."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_MOST = (1 << 63) - 1  # what files and arrays can hold


class InputError(ValueError):
    """Something the user wrote is wrong; the message is one line that says what and where.

    The command line prints it without a traceback and exits with status 2.
    """


def check_range(name: str, value: int, least: int, most: int = _MOST) -> None:
    """Raise InputError if ``value`` is below ``least``, or above ``most``."""
    if value < least:
        raise InputError(f"{name}: {value}, want at least {least}")
    if value > most:
        raise InputError(f"{name}: {value}, want at most {most}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean X?'`` for the nearest known word, else the list of known words."""
    known = sorted(known)
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if close:
        return f"; did you mean {by_lower[close[0]]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def shown(value: object) -> str:
    """Return a value as a short text of one line for a message; as YAML says nothing, null."""
    text = "null" if value is None else re.sub(r"\s*\n\s*", " ", repr(value))  # an array's
    return text if len(text) <= 80 else f"{text[:60]}... {len(text)} characters"
