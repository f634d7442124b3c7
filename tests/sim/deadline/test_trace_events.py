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
from sim.deadline.trace_events import write_trace


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
    events = check_format(path.read_text())
    assert len(events) == count
    running = [event for event in events if event["ph"] == "X" and 100 <= event["tid"] < 10_000]
    started = [job for job in jobs if job.start_ns is not None]
    assert sorted((event["name"], event["ts"], event["dur"]) for event in running) == sorted(
        (f"job {job.index}", job.start_ns / 1000, (job.finish_ns - job.start_ns) / 1000)
        for job in started
    )
    misses = [event for event in events if event["ph"] == "i"]
    assert len(misses) == sum(job.outcome is not Outcome.MET for job in jobs)
    assert len([event for event in events if event["tid"] >= 10_000 and event["ph"] == "X"]) == len(
        jobs
    )
    for event in [*running, *misses]:
        job = jobs[int(event["name"].split()[1].rstrip(":"))]
        assert event["args"]["outcome"] == job.outcome
        assert (
            event["args"]["controller"] == ("north", "controller 1", "controller 2")[job.controller]
        )
    # How many wait, at every instant that a counter names.
    for event in [event for event in events if event["ph"] == "C"]:
        time_ns = round(event["ts"] * 1000)
        waiting = sum(job.release_ns <= time_ns < job.start_ns for job in started)
        assert event["args"] == {"jobs": waiting}


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
