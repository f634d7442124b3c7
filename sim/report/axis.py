"""One axis of a study as people read it: its values in order, its unit, its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.wording import number

Value = str | int | float | bool | None

#: What a table tells of every point, and may be drawn against: a title, and a phrase for one
#: value and for others.
FACTS = {
    "links": ("links K", "{} link", "{} links"),
    "subbands": ("subbands S", "{} subband", "{} subbands"),
    "controllers": ("controllers", "{} controller", "{} controllers"),
    "servers": ("servers", "{} server", "{} servers"),
    "batch": ("batch", "batches of {}", "batches of {}"),
    "speed": ("processor speed", "speed {}", "speed {}"),
    "lead": ("lead (slots)", "a lead of {} slot", "a lead of {} slots"),
    "slot_us": ("slot (us)", "a slot of {} us", "a slot of {} us"),
    "budget_us": ("compute budget (us)", "a budget of {} us", "a budget of {} us"),
}

#: Suffix of a column's name -> unit shown, factor to it.
_UNITS = {
    "_m_s": ("km/h", 3.6),
    "_bps_hz": ("bit/s/Hz", 1.0),
    "_linear": ("", 1.0),
    "_ns": ("us", 1e-3),
    "_us": ("us", 1.0),
    "_hz": ("Hz", 1.0),
    "_db": ("dB", 1.0),
    "_w": ("W", 1.0),
    "_m": ("m", 1.0),
}

#: Keys of a scenario that are called otherwise among the facts.
_FACT_OF = {"slot_ns": "slot_us", "users": "links"}

_LOG_FROM = 8.0  # largest over smallest value, from which an axis is read by ratios

#: Symbols of a slot (3GPP TS 38.211, table 4.3.2-1), and of the mini-slots of release 15.
_SYMBOLS = 14
_MINI_SLOTS = (2, 4, 7)
_NUMEROLOGIES = range(4)


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        name: its column in the table.
        fact: which of `FACTS` it sets, if it is one; else empty.
        values: as in the table; numbers rise, labels keep their order.
        numbers: what each value is in the unit shown; a label may have none.
        unit: the unit shown.
    """

    name: str
    fact: str
    values: tuple[Value, ...]
    numbers: Mapping[Value, float]
    unit: str = ""

    @property
    def numeric(self) -> bool:
        """Whether every value is a number, or stands for another one each."""
        found = {self.numbers.get(value) for value in self.values}
        return None not in found and len(found) == len(self.values)

    @property
    def labelled(self) -> bool:
        """Whether its values are labels."""
        return any(isinstance(value, str) for value in self.values)

    @property
    def log(self) -> bool:
        """Whether it is read by ratios rather than by differences."""
        found = [self.numbers[value] for value in self.values if value in self.numbers]
        return len(found) > 2 and min(found) > 0 and max(found) / min(found) >= _LOG_FROM

    @property
    def bare(self) -> str:
        """Its name without a unit: `budget.csi`."""
        for suffix in _UNITS:
            if self.name.endswith(suffix):
                return self.name.removesuffix(suffix)
        return self.name

    @property
    def title(self) -> str:
        """What stands beside it in a figure that shows its values."""
        if self.fact and not self.labelled:
            return FACTS[self.fact][0]
        return f"{self.bare} ({self.unit})" if self.unit and not self.labelled else self.bare

    @property
    def number_title(self) -> str:
        """What stands beside it in a figure that shows its numbers."""
        return FACTS[self.fact][0] if self.fact else self.title

    def of(self, values: Mapping[str, Value]) -> Value:
        """Return its value among those of a cell."""
        return values[self.name]

    def text(self, value: Value) -> str:
        """Return a value without its unit, as on a tick."""
        if self.labelled or value not in self.numbers:
            return "-" if value is None else " ".join(str(value).split())
        return number(self.numbers[value])

    def phrase(self, value: Value) -> str:
        """Return a value as a sentence says it: `10 links`, `a slot of 500 us`."""
        shown = self.text(value)
        if self.labelled or value not in self.numbers:
            known = self.fact and value in self.numbers
            if known and shown == number(self.numbers[value]):
                return self.number_phrase(self.numbers[value])
            return (
                f"{shown} ({self.number_phrase(self.numbers[value])})"
                if known
                else (f"{self.bare} {shown}")
            )
        return self.number_phrase(self.numbers[value])

    def number_phrase(self, at: float) -> str:
        """Return a number on this axis, which need not be one of its values, as words."""
        if self.fact:
            _, one, others = FACTS[self.fact]
            return (one if at == 1 else others).format(number(at))
        return f"{self.bare} {number(at)} {self.unit}".rstrip()


def study_axis(name: str, rows: Iterable[Mapping[str, Any]]) -> Axis:
    """Return the axis of a column, whose rows also hold the facts that it may set."""
    pairs: dict[Value, Mapping[str, Any]] = {}
    facts: dict[str, dict[Value, Any]] = {fact: {} for fact in FACTS}
    clashes: set[str] = set()
    for row in rows:
        value = row[name]
        pairs.setdefault(value, row)
        for fact, known in facts.items():
            if (found := row.get(fact)) is not None and known.setdefault(value, found) != found:
                clashes.add(fact)
    values = list(pairs)
    if all(_is_number(value) for value in values):
        return _numeric_axis(name, values)
    for fact, known in facts.items():
        apart = len(set(known.values())) == len(known) > 1
        if fact not in clashes and apart and not name.startswith("channel."):
            numbers = {value: float(found) for value, found in known.items()}
            return Axis(name, fact, tuple(values), numbers)
    own: dict[Value, float] = {
        v: float(v) for v in values if isinstance(v, int | float) and _is_number(v)
    }
    return Axis(name, "", tuple(values), own)


def fact_axis(fact: str, values: Iterable[Value]) -> Axis:
    """Return a fact of the table as an axis."""
    return _numeric_axis(fact, [value for value in dict.fromkeys(values) if value is not None])


def _numeric_axis(name: str, values: list[Any]) -> Axis:
    values.sort()
    last = name.rsplit(".", 1)[-1]
    if last == "numerology":
        values.sort(reverse=True)  # the slot rises
        slots = {value: 1e3 / 2.0**value for value in values}
        return Axis(name, "slot_us", tuple(values), slots, "us")
    unit, factor = next((_UNITS[end] for end in _UNITS if name.endswith(end)), ("", 1.0))
    numbers = {value: float(value) * factor for value in values}
    fact = _FACT_OF.get(last, last)
    known = fact in FACTS and not (fact == "speed" and name.startswith("channel"))
    return Axis(name, fact if known else "", tuple(values), numbers, unit)


def slot_names(slot_us: float) -> list[str]:
    """Return what 5G calls a slot of this length: numerology 1, or 2, 4, 7 symbols of one."""
    names = [
        f"numerology {mu}" for mu in (*_NUMEROLOGIES, 4, 5, 6) if abs(slot_us - 1e3 / 2**mu) < 1e-3
    ]
    return names + [
        f"{symbols} symbols of numerology {mu}"
        for mu in _NUMEROLOGIES
        for symbols in _MINI_SLOTS
        # Scenarios may round a seventh of a millisecond; no two names lie so near each other.
        if abs(slot_us / (1e3 / 2**mu * symbols / _SYMBOLS) - 1.0) < 5e-3
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
