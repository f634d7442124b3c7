"""Traces for Perfetto: by the format, and nothing of the log lost or made up."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline.errors import InputError
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.log import JobMemory
from sim.deadline.trace_events import events, write_trace


def log_of(jobs: list[Job]) -> JobMemory:
    with JobMemory("solver") as log:
        for job in jobs:
            log.append(job)
    return log


def check_format(text: str) -> list[dict[str, Any]]:
    """Hold a trace to the format: what every event must have, and how spans may lie."""
    whole = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert whole["displayTimeUnit"] in ("ms", "ns")
    spans = defaultdict(list)
    for event in whole["traceEvents"]:
        assert event["ph"] in "MXiC"
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["name"]
        if event["ph"] == "M":
            assert event["args"]
            continue
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            spans[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        if event["ph"] == "i":
            assert event["s"] in ("g", "p", "t")
        if event["ph"] == "C":
            assert all(value >= 0 for value in event["args"].values())
    for lane in spans.values():
        for before, after in pairwise(sorted(lane)):
            assert after[0] >= before[1] - 1e-3  # nothing crosses: rounding of a nanosecond
    return list(whole["traceEvents"])


@st.composite
def some_jobs(draw: st.DrawFn) -> list[Job]:
    jobs = []
    release = 0
    for index in range(draw(st.integers(0, 30))):
        release += draw(st.integers(0, 2000))
        deadline = release + draw(st.integers(1, 3000))
        started = draw(st.booleans())
        start = release + draw(st.integers(0, 4000)) if started else None
        finish = None if start is None else start + draw(st.integers(0, 4000))
        if start is None:
            outcome = Outcome.SKIPPED
        else:
            outcome = draw(st.sampled_from([o for o in Outcome if o is not Outcome.SKIPPED]))
        jobs.append(
            Job(
                index, release, start, finish, deadline, outcome, draw(st.sampled_from(Source)),
                None if start is None else 10, 3, draw(st.integers(0, 2)),
                "it broke" if outcome is Outcome.FAILED else None,
            )
        )  # fmt: skip
    return jobs


@given(some_jobs())
def test_it_keeps_the_format_and_the_log(tmp_path_factory: Any, jobs: list[Job]) -> None:
    path = tmp_path_factory.mktemp("trace") / "t.json"
    count = write_trace(path, {"solver": log_of(jobs).parts()}, ["north"])
    found = check_format(path.read_text())
    assert len(found) == count
    running = [event for event in found if event["ph"] == "X" and 100 <= event["tid"] < 10_000]
    started = [job for job in jobs if job.start_ns is not None]
    assert sorted((event["name"], event["ts"], event["dur"]) for event in running) == sorted(
        (f"job {job.index}", job.start_ns / 1000, (job.finish_ns - job.start_ns) / 1000)
        for job in started
    )
    misses = [event for event in found if event["ph"] == "i"]
    assert len(misses) == sum(job.outcome is not Outcome.MET for job in jobs)
    assert len([event for event in found if event["tid"] >= 10_000 and event["ph"] == "X"]) == len(
        jobs
    )
    for event in [*running, *misses]:
        job = jobs[int(event["name"].split()[1].rstrip(":"))]
        assert event["args"]["outcome"] == job.outcome
        assert (
            event["args"]["controller"] == ("north", "controller 1", "controller 2")[job.controller]
        )
    # How many wait, at every instant that a counter names.
    for event in [event for event in found if event["ph"] == "C"]:
        time_ns = round(event["ts"] * 1000)
        waiting = sum(job.release_ns <= time_ns < job.start_ns for job in started)
        assert event["args"] == {"jobs": waiting}


def test_every_word_of_it() -> None:
    jobs = [
        Job(0, 0, 0, 3000, 10_000, Outcome.MET, Source.OWN, 3000, 7),
        Job(1, 1000, 3000, 12_500, 11_000, Outcome.LATE, Source.HELD, 9500, 8, 1),
        Job(2, 10_000, None, None, 20_000, Outcome.SKIPPED, Source.HELD),
        Job(3, 12_000, 12_500, 13_000, 22_000, Outcome.FAILED, Source.HELD, 500, 0, 1, "it broke"),
    ]
    facts: list[dict[str, Any]] = [
        {"controller": "north", "outcome": "met", "in force": "own", "release_us": 0.0,
         "deadline_us": 10.0, "service_us": 3.0, "work": 7},
        {"controller": "controller 1", "outcome": "late", "in force": "held", "release_us": 1.0,
         "deadline_us": 11.0, "service_us": 9.5, "work": 8},
        {"controller": "north", "outcome": "skipped", "in force": "held", "release_us": 10.0,
         "deadline_us": 20.0, "service_us": None, "work": 0},
        {"controller": "controller 1", "outcome": "failed", "in force": "held", "release_us": 12.0,
         "deadline_us": 22.0, "service_us": 0.5, "work": 0, "reason": "it broke"},
    ]  # fmt: skip

    def meta(thread: int, kind: str, **arguments: object) -> dict[str, Any]:
        return {"ph": "M", "name": kind, "pid": 2, "tid": thread, "args": arguments}

    def thread(number: int, name: str) -> list[dict[str, Any]]:
        names = meta(number, "thread_name", name=name)
        return [names, meta(number, "thread_sort_index", sort_index=number)]

    def span(number: int, thread: int, ts: float, dur: float, cname: str) -> dict[str, Any]:
        what = {"ph": "X", "cat": "job", "name": f"job {number}", "cname": cname}
        return {"pid": 2, "tid": thread, "ts": ts, "dur": dur, "args": facts[number], **what}

    def miss(number: int, ts: float) -> dict[str, Any]:
        name = f"job {number}: {facts[number]['outcome']}"
        what = {"ph": "i", "s": "t", "cat": "miss", "name": name}
        return {"pid": 2, "tid": 1, "ts": ts, "args": facts[number], **what}

    def waiting(ts: float, jobs: int) -> dict[str, Any]:
        what = {"ph": "C", "pid": 2, "tid": 0, "name": "waiting"}
        return {**what, "ts": ts, "args": {"jobs": jobs}}

    assert list(events(2, "wmmse", log_of(jobs).parts(), ["north"])) == [
        meta(0, "process_name", name="wmmse"),
        meta(0, "process_sort_index", sort_index=2),
        *thread(10_000, "slots of north"),
        span(0, 10_000, 0.0, 10.0, "good"),
        *thread(100, "running"),
        span(0, 100, 0.0, 3.0, "good"),
        *thread(10_100, "slots of controller 1"),
        span(1, 10_100, 1.0, 10.0, "bad"),
        span(1, 100, 3.0, 9.5, "bad"),
        *thread(1, "misses"),
        miss(1, 11.0),
        span(2, 10_000, 10.0, 10.0, "grey"),  # where the slot before it ends
        miss(2, 20.0),
        span(3, 10_100, 12.0, 10.0, "black"),
        span(3, 100, 12.5, 0.5, "black"),
        miss(3, 22.0),
        waiting(1.0, 1),
        waiting(3.0, 0),
        waiting(12.0, 1),
        waiting(12.5, 0),
    ]


def test_what_overlaps_more_than_anybody_can_see_shares_the_last_lane(tmp_path: Path) -> None:
    jobs = [Job(n, n, n, 10_000, 9000, Outcome.LATE, Source.HELD, 1) for n in range(103)]
    found = list(events(1, "slow", log_of(jobs).parts()))
    lanes = [event["tid"] for event in found if event["ph"] == "X" and event["tid"] < 10_000]
    assert lanes == [*range(100, 200), 199, 199, 199]
    path = tmp_path / "t.json"
    assert write_trace(path, {"slow": log_of(jobs).parts(), "none": []}) == len(found) + 2
    text = path.read_text()
    written = json.loads(text)["traceEvents"]
    assert written == found + list(events(2, "none", []))
    assert text.count("\n") == len(written) + 2  # an event a line
    assert ": " not in text.replace(": late", "")  # and no blanks


def test_a_compressed_trace_is_the_same_again(tmp_path: Path) -> None:
    jobs = [Job(0, 0, 5, 20, 10, Outcome.LATE, Source.HELD, 15)]
    for name in ("a.json.gz", "b.json.gz"):
        write_trace(tmp_path / name, {"solver": log_of(jobs).parts()})
    first, second = ((tmp_path / name).read_bytes() for name in ("a.json.gz", "b.json.gz"))
    assert first == second
    assert len(check_format(gzip.decompress(first).decode())) == 13


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_trace(tmp_path / "none" / "t.json", {})
