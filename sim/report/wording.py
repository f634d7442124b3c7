"""Numbers and lists as words, for sentences that are right for any table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_PERCENT_FROM = 0.000995  # what rounds to 0.1%


def number(value: float) -> str:
    """Return a number with four significant digits and no needless zeros."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    digits = 3 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    if 1e-4 <= abs(rounded) < 1e7:
        return (
            f"{rounded:.{max(digits, 0)}f}".rstrip("0").rstrip(".")
            if digits > 0
            else (f"{rounded:.0f}")
        )
    return f"{rounded:.4g}"


def rough(value: float) -> str:
    """Return a number of which two digits are known at most: `1.6`, `7`, `51`, `450`."""
    digits = 1 if value < 3 else 0 if value < 100 else 1 - math.floor(math.log10(value))
    return f"{round(value, digits):g}" if value < 1e5 else f"{value:.1e}"


def ratio(value: float) -> str:
    """Return a share: percent from 0.1% on, powers of ten below."""
    return ratios(value)[0]


def ratios(*values: float) -> list[str]:
    """Return shares that stand beside each other, all in the form that suits the largest."""
    percent = max(values) >= _PERCENT_FROM
    return [_percent(value) if percent else _power(value) for value in values]


def interval(low: float, high: float, wider: bool = False) -> str:
    """Return a 95% interval of a share; ``wider`` if it is known to be too narrow."""
    ends = " .. ".join(ratios(low, high) if high else ["0", "0"])
    return f"{ends} or wider" if wider else ends


def _percent(value: float) -> str:
    if value == 0:
        return "0"
    if value < 0.01:  # two digits, and no power of ten however small
        return (
            f"{100 * value:.{1 - math.floor(math.log10(100 * value))}f}".rstrip("0").rstrip(".")
            + "%"
        )
    return f"{100 * value:.3g}%" if value < 0.9995 or value == 1 else f"{100 * value:.5g}%"


def _power(value: float) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def rate(value: float) -> str:
    """Return a rate with its unit."""
    return f"{value + 0.0:.2f} bit/s/Hz"


def count(n: int, thing: str, things: str = "") -> str:
    """Return `1 point`, `2 points`, `12,000 points`."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def listing(words: Sequence[str], most: int = 0) -> str:
    """Return `a`, `a and b`, `a, b and c`; beyond ``most``, `a, b and 3 more`."""
    shown = list(words)
    if most and len(shown) > most:
        shown = [*shown[:most], f"{len(words) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def capital(sentence: str) -> str:
    """Return a sentence with a capital letter first, unless it starts with code."""
    return sentence[:1].upper() + sentence[1:]


def named(label: str) -> str:
    """Return an allocator's label as Markdown takes it literally."""
    plain = " ".join(label.split()).replace("`", "'").replace("|", "/")
    return f"`{plain}`"


def plain(markdown: str) -> str:
    """Return a sentence without the marks that Markdown gives to code and to what is bold."""
    return markdown.replace("`", "").replace("**", "")


def bullets(sentences: Sequence[str]) -> list[str]:
    """Return a list and the empty line after it; nothing where there is nothing to tell."""
    return [*(f"- {sentence}" for sentence in sentences), ""] if sentences else []


def merged(entries: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for each body, with all the places that it holds for.

    Args:
        entries: where, in words or empty, and what holds there, without a full stop.
    """
    places: dict[str, list[str]] = {}
    for place, body in entries:
        places.setdefault(body, []).append(place)
    return [
        capital(f"with {'; '.join(where)}, {body}." if where[0] else f"{body}.")
        for body, where in places.items()
    ]
