"""A race as a trace that https://ui.perfetto.dev and Chrome's about:tracing show.

The Trace Event Format (N. Duca, D. Sinclair, Google, 2016): every solver is a process, whose
threads are its slots, the jobs as they run, and the misses; how many wait is a counter. Times are
in microseconds there; three digits behind the point keep every nanosecond.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from sim.deadline.files import check_writable, whole_file
from sim.deadline.job import Outcome
from sim.deadline.summary import integers, joined

if TYPE_CHECKING:
    import pyarrow as pa

Event = dict[str, Any]

#: Threads of a process, in the order in which they are shown. Spans of one thread must not cross:
#: there are as many for jobs, and for the slots of a controller, as overlap.
_MISSES, _RUNNING, _SLOTS = 1, 100, 10_000
_MOST_LANES = 100

#: Colour names of the format.
_COLOURS = {
    Outcome.MET: "good",
    Outcome.LATE: "bad",
    Outcome.ABORTED: "terrible",
    Outcome.SKIPPED: "grey",
    Outcome.FAILED: "black",
}


def check_trace(path: Path) -> None:
    """Raise InputError, before any work is done, if a trace cannot be written there.

    Its name says what it is, so that no input of another kind is overwritten by it.
    """
    if not path.name.endswith((".json", ".json.gz")):
        raise InputError(f"--trace: {path}: want NAME.json or NAME.json.gz")
    check_writable(path)


def write_trace(
    path: Path, logs: Mapping[str, Iterable[pa.Table]], controllers: Sequence[str] = ()
) -> int:
    """Write a trace, compressed if the name ends in ``.gz``; return how many events it holds.

    Args:
        path: it appears whole or not at all.
        logs: every solver's log, part by part.
        controllers: their names; numbers if not given.

    Raises:
        InputError: it cannot be written.
    """
    count = 0
    with whole_file(path) as part, _opened(part, path.suffix == ".gz") as file:
        file.write('{"displayTimeUnit":"ns","traceEvents":[')
        for number, (name, parts) in enumerate(logs.items(), 1):
            for event in events(number, name, parts, controllers):
                file.write(("," if count else "") + "\n" + json.dumps(event, separators=(",", ":")))
                count += 1
        file.write("\n]}\n")
    return count


def events(
    process: int, name: str, parts: Iterable[pa.Table], controllers: Sequence[str] = ()
) -> Iterator[Event]:
    """Yield the events of one solver.

    Args:
        process: its number in the trace.
        name: its own.
        parts: its log.
        controllers: their names.
    """
    yield _meta("process_name", process, 0, name=name)
    yield _meta("process_sort_index", process, 0, sort_index=process)
    named: set[int] = set()
    lanes: dict[int, list[int]] = {}
    arrived: list[NDArray[np.int64]] = []
    left: list[NDArray[np.int64]] = []
    for table in parts:
        started = table.filter(table["start_ns"].is_valid())
        arrived.append(integers(started, "release_ns"))
        left.append(integers(started, "start_ns"))
        for job in table.to_pylist():
            for thread, title, event in _of_job(job, lanes, controllers):
                if thread not in named:
                    named.add(thread)
                    yield _meta("thread_name", process, thread, name=title)
                    yield _meta("thread_sort_index", process, thread, sort_index=thread)
                yield {"pid": process, "tid": thread, **event}
    for time_ns, waiting in _queue(joined(arrived), joined(left)):
        yield {
            "ph": "C", "pid": process, "tid": 0, "name": "waiting", "ts": _us(time_ns),
            "args": {"jobs": waiting},
        }  # fmt: skip


def _queue(arrived: NDArray[np.int64], left: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield when the number of jobs that wait for their start changes, and to what."""
    times = np.concatenate([arrived, left])
    steps = np.concatenate([np.ones(len(arrived), np.int64), -np.ones(len(left), np.int64)])
    instants, place = np.unique(times, return_inverse=True)
    change = np.bincount(place, weights=steps, minlength=len(instants)).astype(np.int64)
    waiting = np.cumsum(change)
    for time_ns, step, count in zip(
        instants.tolist(), change.tolist(), waiting.tolist(), strict=True
    ):
        if step:
            yield time_ns, count


def _of_job(
    job: Mapping[str, Any], lanes: dict[int, list[int]], controllers: Sequence[str]
) -> Iterator[tuple[int, str, Event]]:
    """Yield a job's events, each with its thread and what that is called."""
    controller = job["controller"]
    owner = controllers[controller] if controller < len(controllers) else f"controller {controller}"
    title = f"job {job['index']}"
    outcome = Outcome(job["outcome"])
    release, deadline = job["release_ns"], job["deadline_ns"]
    facts = {
        "controller": owner,
        "outcome": str(outcome),
        "in force": job["source"],
        "release_us": _us(release),
        "deadline_us": _us(deadline),
        "service_us": None if job["service_ns"] is None else _us(job["service_ns"]),
        "work": job["work"],
    }
    if job["reason"] is not None:
        facts["reason"] = job["reason"]
    first = _SLOTS + _MOST_LANES * controller
    slot = first + _lane(lanes.setdefault(first, []), release, deadline)
    yield slot, f"slots of {owner}", _span(title, release, deadline, outcome, facts)
    start, finish = job["start_ns"], job["finish_ns"]
    if start is not None:
        lane = _lane(lanes.setdefault(_RUNNING, []), start, finish)
        yield _RUNNING + lane, "running", _span(title, start, finish, outcome, facts)
    if outcome is not Outcome.MET:
        event = {"ph": "i", "s": "t", "cat": "miss", "name": f"{title}: {outcome}"}
        yield _MISSES, "misses", {**event, "ts": _us(deadline), "args": facts}


def _lane(taken_until: list[int], begin: int, end: int) -> int:
    """Return the lowest lane that is free from ``begin``, and take it until ``end``."""
    for lane, until in enumerate(taken_until):
        if until <= begin:
            taken_until[lane] = end
            return lane
    if len(taken_until) == _MOST_LANES:  # a heap of them; nobody could look at more
        return _MOST_LANES - 1
    taken_until.append(end)
    return len(taken_until) - 1


def _span(name: str, begin: int, end: int, outcome: Outcome, facts: Mapping[str, Any]) -> Event:
    return {
        "ph": "X",
        "cat": "job",
        "name": name,
        "ts": _us(begin),
        "dur": _us(end - begin),
        "cname": _COLOURS[outcome],
        "args": facts,
    }


def _meta(kind: str, process: int, thread: int, **facts: Any) -> Event:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": facts}


def _us(time_ns: int) -> float:
    return time_ns / 1000


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
