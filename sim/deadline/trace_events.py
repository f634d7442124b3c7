"""A race as a trace that https://ui.perfetto.dev and Chrome's about:tracing show.

Every solver is a process. Its tracks, from the top: how many jobs wait for their start, as a
counter; every controller's slots, with what comes before a job's release, the time from there to
its deadline, and what comes after; the servers, with the calls that they computed; every
controller's jobs from release to finish; and the misses. Arrows lead from a job's release to its
call.

The events of one process are in the order of time, and one process comes after the other; what
names a thread comes before its first event.
"""

from __future__ import annotations

import gzip
import heapq
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sim.deadline.errors import InputError
from sim.deadline.files import check_writable, whole_file
from sim.deadline.log import JOB_COLUMNS
from sim.deadline.trace_calls import Pool
from sim.deadline.trace_format import EventMaker
from sim.deadline.trace_tracks import Grid, LogColumns, Tracks

if TYPE_CHECKING:
    import pyarrow as pa


def check_trace(path: Path) -> None:
    """Raise InputError, before any work is done, if a trace cannot be written there.

    Its name says what it is, so that no input of another kind is overwritten by it.
    """
    if not path.name.endswith((".json", ".json.gz")):
        raise InputError(f"--trace: {path}: want NAME.json or NAME.json.gz")
    check_writable(path)


def write_trace(
    path: Path,
    logs: Mapping[str, Iterable[pa.Table]],
    grids: Sequence[Grid] = (),
    pool: Pool | None = None,
) -> int:
    """Write a trace, compressed if the name ends in ``.gz``; return how many events it holds.

    The events of one solver are in the order of time, and one solver comes after the other. One
    solver's log is in memory at a time, in columns; events are not.

    Args:
        path: it appears whole or not at all.
        logs: every solver's log, part by part.
        grids: of all controllers; numbers and no slots if not given.
        pool: what computed the jobs; any number of servers, uninterrupted, if not given.

    Raises:
        InputError: it cannot be written.
    """
    count = 0
    with whole_file(path) as part, _opened(part, path.suffix == ".gz") as file:
        file.write('{"displayTimeUnit":"ns","traceEvents":[')
        for number, (name, parts) in enumerate(logs.items(), 1):
            for text in events(number, name, parts, grids, pool):
                file.write(f",\n{text}" if count else f"\n{text}")
                count += 1
        file.write("\n]}\n")
    return count


def events(
    process: int,
    name: str,
    parts: Iterable[pa.Table],
    grids: Sequence[Grid] = (),
    pool: Pool | None = None,
) -> Iterator[str]:
    """Yield the events of one solver as JSON, in the order of time.

    Args:
        process: its number in the trace, from 1.
        name: its own.
        parts: its log.
        grids: of all controllers.
        pool: what computed the jobs.
    """
    make = EventMaker(process)
    yield make.meta("process_name", name=name)
    yield make.meta("process_sort_index", sort_index=process)
    tables = [part.select(list(JOB_COLUMNS)) for part in parts]
    if not tables:
        return
    tracks = Tracks(make, LogColumns(tables), grids, pool or Pool())
    del tables
    named = {0}
    # Of one instant: slots before servers, so that an arrow begins before it ends.
    streams = (tracks.slots(), tracks.queue(), tracks.servers(), tracks.jobs(), tracks.misses())
    for event in heapq.merge(*streams, key=attrgetter("time_ns")):
        if event.thread not in named:
            named.add(event.thread)
            yield make.meta("thread_name", event.thread, name=tracks.titles[event.thread])
            yield make.meta("thread_sort_index", event.thread, sort_index=event.thread)
        yield event.text


@contextmanager
def _opened(path: Path, compressed: bool) -> Iterator[IO[str]]:
    if not compressed:
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    # Without the time and the name of the file: the same race gives the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8") as file,
    ):
        yield file
