"""What every trace must keep to: the Trace Event Format, and what ours promises on top of it."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

Event = dict[str, Any]

#: What an event of each phase has besides its phase, process and thread.
FIELDS = {
    "M": ({"name", "args"}, set()),
    "B": ({"ts", "name"}, {"cname", "args"}),
    "E": ({"ts"}, set()),
    "b": ({"ts", "name", "cat", "id", "args"}, set()),
    "e": ({"ts", "name", "cat", "id"}, set()),
    "i": ({"ts", "name", "s", "args"}, set()),
    "s": ({"ts", "name", "cat", "id"}, set()),
    "f": ({"ts", "name", "cat", "id", "bp"}, set()),
    "C": ({"ts", "name", "args"}, set()),
}
META = {"process_name", "process_sort_index", "thread_name", "thread_sort_index"}
COLOURS = {"good", "bad", "terrible", "grey", "black"}


def check_format(text: str) -> list[Event]:
    """Hold a trace to the format and return its events, their times as exact decimals."""
    whole = json.loads(
        text,
        parse_float=Decimal,
        parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
    )
    assert set(whole) == {"displayTimeUnit", "traceEvents"}
    assert whole["displayTimeUnit"] in ("ms", "ns")
    events: list[Event] = whole["traceEvents"]
    for event in events:
        check_fields(event)
    check_names(events)
    check_times(events)
    check_slices(events)
    check_pairs(events)
    return events


def check_fields(event: Event) -> None:
    must, may = FIELDS[event["ph"]]
    own = set(event) - {"ph", "pid", "tid"}
    assert must <= own <= must | may, event
    assert type(event["pid"]) is int
    assert event["pid"] > 0
    assert type(event["tid"]) is int
    assert event["tid"] >= 0
    if event["ph"] == "M":
        assert event["name"] in META
        assert event["args"]
        return
    assert event.get("name", "E")
    time = Decimal(event["ts"])
    assert time.is_finite()
    assert time >= 0
    exponent = time.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -3, event
    assert event.get("cname", "good") in COLOURS
    assert event.get("s", "t") == "t"
    assert event.get("bp", "e") == "e"
    assert int(event.get("id", "0x0"), 16) >= 0
    if event["ph"] == "C":
        assert all(type(value) is int and value >= 0 for value in event["args"].values())


def check_names(events: list[Event]) -> None:
    """Every process and thread is named and ranked, once, before its first event."""
    known: dict[tuple[int, int, str], Any] = {}
    for event in events:
        where = event["pid"], event["tid"]
        if event["ph"] == "M":
            key = (*where, event["name"])
            assert key not in known
            known[key] = next(iter(event["args"].values()))
            continue
        assert (event["pid"], 0, "process_name") in known
        assert (event["pid"], 0, "process_sort_index") in known
        if event["tid"]:
            assert (*where, "thread_name") in known
            assert (*where, "thread_sort_index") in known
    titles = [(pid, title) for (pid, _, kind), title in known.items() if kind == "thread_name"]
    assert len(titles) == len(set(titles))


def check_times(events: list[Event]) -> None:
    """One process comes after the other, each in the order of time."""
    last = (0, Decimal(0))
    for event in events:
        if event["ph"] != "M":
            place = event["pid"], Decimal(event["ts"])
            assert place >= last
            last = place


def check_slices(events: list[Event]) -> None:
    """Begins and ends of a thread nest; only slots have something inside."""
    opened: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        stack = opened[event["pid"], event["tid"]]
        if event["ph"] == "B":
            stack.append(event)
            assert len(stack) <= (2 if event["tid"] < 100_000 else 1)
        elif event["ph"] == "E":
            assert stack.pop()["ts"] <= event["ts"]
        elif event["ph"] in "sf":
            assert stack  # an arrow starts and ends at a slice
    assert not any(opened.values())


def check_pairs(events: list[Event]) -> None:
    """Arrows and slices of no thread have one begin, and one end after it."""
    opened: dict[tuple[str, ...], Event] = {}
    closed = set()
    for event in events:
        if event["ph"] in "bs":
            key = ("be" if event["ph"] == "b" else "sf", event["cat"], event["id"])
            assert key not in opened
            opened[key] = event
        elif event["ph"] in "ef":
            key = ("be" if event["ph"] == "e" else "sf", event["cat"], event["id"])
            begin = opened[key]
            assert key not in closed
            assert (begin["pid"], begin["name"]) == (event["pid"], event["name"])
            assert begin["ts"] <= event["ts"]
            closed.add(key)
    assert closed == set(opened)


def slices(events: list[Event]) -> list[tuple[int, str, Decimal, Decimal, Event]]:
    """Return the slices of threads, of a checked trace of one process.

    Thread, name, begin and end in us, and the event.
    """
    found = []
    opened: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] == "B":
            opened[event["tid"]].append(event)
        elif event["ph"] == "E":
            begin = opened[event["tid"]].pop()
            ends = Decimal(begin["ts"]), Decimal(event["ts"])
            found.append((event["tid"], str(begin["name"]), *ends, begin))
    return found


def titles(events: list[Event]) -> dict[int, str]:
    """Return the names of the threads, of a trace of one process."""
    return {
        event["tid"]: event["args"]["name"]
        for event in events
        if event.get("name") == "thread_name"
    }
