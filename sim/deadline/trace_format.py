"""Events of the Trace Event Format (N. Duca, D. Sinclair, Google, 2016), as lines of JSON.

Times are in microseconds there. They are written from integer nanoseconds as exact decimals, of at
most three digits behind the point. A slice is a begin and an end, not a begin and a duration: an
end and the next begin are then the same number, to whatever a reader rounds it, and slices that
touch never cross. (Perfetto takes doubles, cuts them to nanoseconds, and drops a slice that crosses
another by one of them.)
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Made once: json.dumps makes an encoder for every call that wants no blanks.
_json = json.JSONEncoder(separators=(",", ":")).encode


class Event(NamedTuple):
    """One event.

    Attributes:
        time_ns: when.
        thread: on which thread of its process; 0 if on none.
        text: all of it, as JSON.
    """

    time_ns: int
    thread: int
    text: str


def microseconds(time_ns: int) -> str:
    """Return a time of 0 ns or more as an exact decimal in us."""
    whole, rest = divmod(time_ns, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


class EventMaker:
    """Makes the events of one process.

    Args:
        process: its number, from 1.
    """

    def __init__(self, process: int) -> None:
        self._process = process

    def meta(self, kind: str, thread: int = 0, **facts: Any) -> str:
        """Return what names or ranks the process or a thread of it, as JSON."""
        return _json({"ph": "M", "name": kind, "pid": self._process, "tid": thread, "args": facts})

    def slice(
        self,
        thread: int,
        begin_ns: int,
        end_ns: int,
        name: str,
        inside: Sequence[Event] = (),
        colour: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Return a slice of a thread: its begin, what is inside, its end.

        Args:
            thread: which; slices of one must not cross.
            begin_ns: its begin.
            end_ns: its end, not before that.
            name: what is written on it.
            inside: events at or between these two.
            colour: one of the format's names.
            facts: what is shown when it is selected.
        """
        begin = self._event("B", thread, begin_ns, name=name, **_optional(colour, facts))
        return [begin, *inside, self._event("E", thread, end_ns)]

    def loose_slice(
        self, key: int, begin_ns: int, end_ns: int, name: str, facts: Mapping[str, Any]
    ) -> list[Event]:
        """Return a slice of no thread, which may cross any other.

        Args:
            key: of no two loose slices of the process the same.
            begin_ns: its begin.
            end_ns: its end, not before that.
            name: of its track: viewers put those of one name together.
            facts: what is shown when it is selected.
        """
        own = {"cat": "job", "name": name, "id": self._id(key)}
        return [
            self._event("b", 0, begin_ns, **own, args=facts),
            self._event("e", 0, end_ns, **own),
        ]

    def instant(self, thread: int, time_ns: int, name: str, facts: Mapping[str, Any]) -> Event:
        """Return what takes no time, on a thread."""
        return self._event("i", thread, time_ns, s="t", name=name, args=facts)

    def arrow(self, thread: int, time_ns: int, key: int, name: str, tip: bool = False) -> Event:
        """Return one end of an arrow between the slices that are open there.

        Args:
            thread: of the slice.
            time_ns: after its begin and before its end, in the order of events.
            key: of no two arrows of the process the same.
            name: the same at both ends.
            tip: whether it ends here.
        """
        own = {"cat": "run", "name": name, "id": self._id(key)}
        if tip:
            return self._event("f", thread, time_ns, bp="e", **own)
        return self._event("s", thread, time_ns, **own)

    def counter(self, time_ns: int, name: str, values: Mapping[str, int]) -> Event:
        """Return the values of a counter from then on."""
        return self._event("C", 0, time_ns, name=name, args=values)

    def _event(self, phase: str, thread: int, time_ns: int, **more: Any) -> Event:
        rest = f",{_json(more)[1:-1]}" if more else ""
        text = (
            f'{{"ph":"{phase}","pid":{self._process},"tid":{thread},'
            f'"ts":{microseconds(time_ns)}{rest}}}'
        )
        return Event(time_ns, thread, text)

    def _id(self, key: int) -> str:
        # Of the whole trace; older readers take hexadecimal text alone.
        return f"0x{self._process:x}{key:08x}"


def in_order(groups: Iterable[Sequence[Event]]) -> Iterator[Event]:
    """Yield events in the order of time; of one instant, in the order in which they come.

    Holds no more than what is not over when the next group begins.

    Args:
        groups: each begins with an earliest of its events; those never fall from group to group.
    """
    held: list[tuple[int, int, Event]] = []
    number = 0
    for group in groups:
        while held and group and held[0][0] < group[0].time_ns:
            yield heapq.heappop(held)[2]
        for event in group:
            heapq.heappush(held, (event.time_ns, number, event))
            number += 1
    while held:
        yield heapq.heappop(held)[2]


class Lanes:
    """Puts what overlaps on lanes of its own.

    Args:
        most: how many lanes there are at most; any number if not given.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._count = 0
        self._free: list[int] = []
        self._taken: list[tuple[int, int]] = []  # until when, and which

    def take(self, begin_ns: int, end_ns: int) -> int | None:
        """Return the lowest lane that is free, and take it; None if all are taken.

        Args:
            begin_ns: from when, never falling from call to call.
            end_ns: until when; it is free again at that instant.
        """
        while self._taken and self._taken[0][0] <= begin_ns:
            heapq.heappush(self._free, heapq.heappop(self._taken)[1])
        if self._free:
            lane = heapq.heappop(self._free)
        elif self._count == self._most:
            return None
        else:
            lane = self._count
            self._count += 1
        heapq.heappush(self._taken, (end_ns, lane))
        return lane


def _optional(colour: str | None, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if colour is not None:
        more["cname"] = colour
    if facts is not None:
        more["args"] = facts
    return more
