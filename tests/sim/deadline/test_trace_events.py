"""Traces for Perfetto: by the format, and nothing of the log lost or made up."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trace_checks import Event, check_format, slices, titles

from sim.deadline.errors import InputError
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.log import JobMemory
from sim.deadline.trace_calls import Pool, calls
from sim.deadline.trace_events import check_trace, events, write_trace
from sim.deadline.trace_format import Event as Made
from sim.deadline.trace_format import Lanes, in_order, microseconds
from sim.deadline.trace_tracks import Grid


def log_of(jobs: list[Job]) -> JobMemory:
    with JobMemory("solver") as log:
        for job in jobs:
            log.append(job)
    return log


def traced(folder: Path, jobs: list[Job], *more: Any) -> list[Event]:
    path = folder / "t.json"
    count = write_trace(path, {"solver": log_of(jobs).parts()}, *more)
    found = check_format(path.read_text())
    assert len(found) == count
    return found


def us(time_ns: int) -> Decimal:
    return Decimal(time_ns).scaleb(-3)


def ended(draw: st.DrawFn, release: int, deadline: int, index: int, controller: int) -> Job:
    started = draw(st.booleans())
    start = release + draw(st.integers(0, 4000)) if started else None
    finish = None if start is None else start + draw(st.integers(0, 4000))
    if start is None:
        outcome = Outcome.SKIPPED
    else:
        outcome = draw(st.sampled_from([o for o in Outcome if o is not Outcome.SKIPPED]))
    return Job(
        index, release, start, finish, deadline, outcome, draw(st.sampled_from(Source)),
        None if start is None else 10, 3, controller,
        "it broke" if outcome is Outcome.FAILED else None,
    )  # fmt: skip


@st.composite
def some_jobs(draw: st.DrawFn) -> list[Job]:
    """Jobs on no grid, which overlap as they like."""
    jobs = []
    release = 0
    for index in range(draw(st.integers(0, 30))):
        release += draw(st.integers(0, 2000))
        deadline = release + draw(st.integers(1, 3000))
        jobs.append(ended(draw, release, deadline, index, draw(st.integers(0, 2))))
    return jobs


@st.composite
def slotted(draw: st.DrawFn) -> tuple[list[Job], list[Grid]]:
    """Jobs of several controllers, each in slots of its own; the budget may take many of them."""
    jobs, grids = [], []
    for controller in range(draw(st.integers(1, 3))):
        slot = draw(st.integers(1, 3000))
        before, compute, after = (draw(st.integers(low, 4000)) for low in (0, 1, 0))
        spare = draw(st.integers(0, 100))
        effect = -(-(before + compute + spare + after) // slot) * slot
        name = f"c{controller}"
        grids.append(Grid(name, slot, before, effect_after_ns=effect, after_ns=after, before="CSI"))
        release = draw(st.integers(0, 3000)) + before
        for index in range(draw(st.integers(0, 20))):
            jobs.append(ended(draw, release, release + compute, index, controller))
            release += slot
    return draw(st.permutations(jobs)), grids


@given(some_jobs())
def test_it_keeps_the_format_and_the_log(tmp_path_factory: Any, jobs: list[Job]) -> None:
    names = ("controller 0", "controller 1", "controller 2")
    found = traced(tmp_path_factory.mktemp("trace"), jobs)
    named = titles(found)

    def told(job: Job) -> str:
        return f"{names[job.controller]} job {job.index}: {job.outcome}"

    started = [job for job in jobs if job.start_ns is not None]
    shown = defaultdict(list)
    for thread, name, begin, end, event in slices(found):
        shown[named[thread].split()[0]].append((name, begin, end))
        if named[thread].startswith("jobs"):
            assert f" of {event['args']['controller']}" in named[thread]
            assert name.startswith(event["args"]["controller"])
    loose = defaultdict(dict)
    for event in found:
        if event["ph"] in "be":
            loose[event["name"].split()[2], event["id"]][event["ph"]] = event
    for (what, _), pair in loose.items():
        begin, end = pair["b"], pair["e"]
        track = "jobs" if "to finish" in begin["name"] else "budget"
        assert what == "release"
        shown[track].append((begin["args"]["job"], Decimal(begin["ts"]), Decimal(end["ts"])))
    # Nothing lost, nothing made up: every call, every job, every deadline, every miss.
    for track, expected in {
        "server": [(told(j), us(j.start_ns or 0), us(j.finish_ns or 0)) for j in started],
        "jobs": [(told(j), us(j.release_ns), us(j.finish_ns or 0)) for j in started],
        "budget": [(told(j), us(j.release_ns), us(j.deadline_ns)) for j in jobs],
    }.items():
        assert sorted(shown[track]) == sorted(expected)
    instants = [
        (named[event["tid"]].split()[0], event["name"], event["ts"])
        for event in found
        if event["ph"] == "i"
    ]
    assert sorted(instants) == sorted(
        [("misses", told(j), us(j.deadline_ns)) for j in jobs if j.outcome is not Outcome.MET]
        + [("jobs", told(j), us(j.release_ns)) for j in jobs if j.start_ns is None]
    )
    # How many wait, at every instant that the counter names.
    for event in [event for event in found if event["ph"] == "C"]:
        waiting = sum(us(j.release_ns) <= event["ts"] < us(j.start_ns or 0) for j in started)
        assert event["args"] == {"waiting": waiting}


@given(slotted(), st.integers(1, 3), st.booleans())
def test_slots_lie_on_their_grid(
    tmp_path_factory: Any, given_: tuple[list[Job], list[Grid]], batch: int, preemptive: bool
) -> None:
    jobs, grids = given_
    pool = Pool(preemptive=preemptive, batch=1 if preemptive else batch)
    found = traced(tmp_path_factory.mktemp("trace"), jobs, grids, pool)
    named = titles(found)
    alone = len(grids) == 1
    for controller, grid in enumerate(grids):
        own = [job for job in jobs if job.controller == controller]
        thread = "slots" if alone else f"slots of {grid.name}"
        slots = [
            (name, begin, end)
            for tid, name, begin, end, _ in slices(found)
            if named[tid] == thread and name.startswith("slot ")
        ]
        assert sorted(slots) == sorted(
            (f"slot {j.index}", us(t := j.release_ns - grid.release_after_ns), us(t + grid.slot_ns))
            for j in own
        )
    # As many arrows as jobs that were started, unless their deadlines are on no thread.
    tips = sum(event["ph"] == "f" for event in found)
    loose = sum(event["ph"] == "b" and "deadline" in event["name"] for event in found)
    started = sum(job.start_ns is not None for job in jobs)
    assert started - loose <= tips <= started
    assert loose or tips == started
    kinds = {
        name.rstrip(" 0123456789") for tid, name in named.items() if 100_000 <= tid < 1_000_000
    }
    assert kinds <= {"started, not finished" if preemptive else "server"}


def test_every_word_of_it() -> None:
    jobs = [
        Job(0, 1000, 1000, 4000, 9000, Outcome.MET, Source.OWN, 3000, 7),
        Job(0, 1500, 4000, 13_501, 9500, Outcome.LATE, Source.HELD, 9501, 8, 1),
        Job(1, 11_000, None, None, 19_000, Outcome.SKIPPED, Source.HELD),
        Job(1, 11_500, 13_501, 14_000, 19_500, Outcome.FAILED, Source.HELD, 499, 0, 1, "it broke"),
    ]
    grids = [
        Grid("north", 10_000, 1000, "CSI", effect_after_ns=10_000, after_ns=500, after="control"),
        Grid("south", 10_000, 500, "CSI", effect_after_ns=20_000),
    ]

    def thread(number: int, name: str) -> list[Event]:
        own = {"ph": "M", "pid": 2, "tid": number}
        return [
            {**own, "name": "thread_name", "args": {"name": name}},
            {**own, "name": "thread_sort_index", "args": {"sort_index": number}},
        ]

    def begin(number: int, time: float, name: str, **more: Any) -> Event:
        return {"ph": "B", "pid": 2, "tid": number, "ts": time, "name": name, **more}

    def end(number: int, time: float) -> Event:
        return {"ph": "E", "pid": 2, "tid": number, "ts": time}

    def arrow(phase: str, number: int, time: float, job: int, **more: str) -> Event:
        own = {"ph": phase, "pid": 2, "tid": number, "ts": time, "cat": "run", "name": "start"}
        return {**own, "id": f"0x2{job:08x}", **more}

    def instant(number: int, time: float, name: str, facts: dict[str, Any]) -> Event:
        own = {"ph": "i", "pid": 2, "tid": number, "ts": time, "name": name}
        return {**own, "s": "t", "args": facts}

    def waiting(time: float, jobs: int) -> Event:
        own = {"ph": "C", "pid": 2, "tid": 0, "name": "queue"}
        return {**own, "ts": time, "args": {"waiting": jobs}}

    def facts(controller: str, outcome: str, source: str, due: float, **more: Any) -> Event:
        own = {"controller": controller, "outcome": outcome, "in force": source}
        return {**own, "deadline_us": due, **more}

    budget, later, server, north, south = 1021, 1022, 100_000, 1_000_000, 1_000_020
    found = [json.loads(text) for text in events(2, "wmmse", log_of(jobs).parts(), grids)]
    process = {"ph": "M", "pid": 2, "tid": 0}
    by_track = defaultdict(list)
    for event in found:
        by_track[event["tid"]].append(event)
    assert by_track == {
        0: [
            {**process, "name": "process_name", "args": {"name": "wmmse"}},
            {**process, "name": "process_sort_index", "args": {"sort_index": 2}},
            waiting(1.5, 1),
            waiting(4, 0),
            waiting(11.5, 1),
            waiting(13.501, 0),
        ],
        1000: [
            *thread(1000, "slots of north"),
            begin(1000, 0, "slot 0"),
            begin(1000, 0, "CSI"),
            end(1000, 1),
            begin(1000, 1, "north job 0: met", cname="good"),
            arrow("s", 1000, 1, 0),
            end(1000, 9),
            begin(1000, 9.5, "control"),
            end(1000, 10),
            end(1000, 10),
            begin(1000, 10, "slot 1"),
            begin(1000, 10, "CSI"),
            end(1000, 11),
            begin(1000, 11, "north job 1: skipped", cname="grey"),
            end(1000, 19),
            begin(1000, 19.5, "control"),
            end(1000, 20),
            end(1000, 20),
        ],
        1020: [
            *thread(1020, "slots of south"),
            begin(1020, 1, "slot 0"),
            end(1020, 11),
            begin(1020, 11, "slot 1"),
            end(1020, 21),
        ],
        # Two slots from CSI to use: they lie beside each other.
        budget: [
            *thread(budget, "budget of south 1"),
            begin(budget, 1, "CSI"),
            end(budget, 1.5),
            begin(budget, 1.5, "south job 0: late", cname="bad"),
            arrow("s", budget, 1.5, 1),
            end(budget, 9.5),
        ],
        later: [
            *thread(later, "budget of south 2"),
            begin(later, 11, "CSI"),
            end(later, 11.5),
            begin(later, 11.5, "south job 1: failed", cname="black"),
            arrow("s", later, 11.5, 3),
            end(later, 19.5),
        ],
        server: [
            *thread(server, "server 0"),
            begin(server, 1, "north job 0: met", cname="good"),
            arrow("f", server, 1, 0, bp="e"),
            end(server, 4),
            begin(server, 4, "south job 0: late", cname="bad"),
            arrow("f", server, 4, 1, bp="e"),
            end(server, 13.501),
            begin(server, 13.501, "south job 1: failed", cname="black"),
            arrow("f", server, 13.501, 3, bp="e"),
            end(server, 14),
        ],
        north: [
            *thread(north, "jobs of north"),
            begin(north, 1, "north job 0: met", cname="good",
                  args=facts("north", "met", "own", 9.0, work=7, service_us=3.0)),
            end(north, 4),
            instant(north, 11, "north job 1: skipped",
                    facts("north", "skipped", "held", 19.0, work=0)),
        ],
        south: [
            *thread(south, "jobs of south"),
            begin(south, 1.5, "south job 0: late", cname="bad",
                  args=facts("south", "late", "held", 9.5, work=8, service_us=9.501)),
            end(south, 13.501),
        ],
        south + 1: [
            *thread(south + 1, "jobs of south 2"),
            begin(south + 1, 11.5, "south job 1: failed", cname="black",
                  args=facts("south", "failed", "held", 19.5, work=0, service_us=0.499,
                             reason="it broke")),
            end(south + 1, 14),
        ],
        2_000_000: [
            *thread(2_000_000, "misses"),
            instant(2_000_000, 9.5, "south job 0: late", {"in force": "held"}),
            instant(2_000_000, 19, "north job 1: skipped", {"in force": "held"}),
            instant(2_000_000, 19.5, "south job 1: failed", {"in force": "held"}),
        ],
    }  # fmt: skip


def test_a_call_for_several_jobs_is_one_slice(tmp_path: Path) -> None:
    jobs = [
        Job(0, 0, 5, 25, 30, Outcome.MET, Source.OWN, 20, 1, 0),
        Job(0, 0, 5, 9, 9, Outcome.ABORTED, Source.HELD, 20, 1, 1),  # cut while the call goes on
        Job(0, 0, 5, 25, 30, Outcome.MET, Source.OWN, 20, 1, 2),  # the call holds two
        Job(1, 8, 30, 40, 38, Outcome.LATE, Source.HELD, 10, 1, 0),
    ]
    found = traced(tmp_path, jobs, (), Pool(batch=2))
    named = titles(found)
    shown = [
        (named[thread], name, begin, end, event["cname"], event.get("args"))
        for thread, name, begin, end, event in slices(found)
        if named[thread].startswith("server")
    ]
    both = {"jobs": ["controller 0 job 0: met", "controller 1 job 0: aborted"]}
    assert sorted(shown, key=lambda each: each[:3]) == [
        ("server 0", "2 jobs: 1 aborted, 1 met", us(5), us(25), "terrible", both),
        ("server 0", "controller 0 job 1: late", us(30), us(40), "bad", None),
        ("server 1", "controller 2 job 0: met", us(5), us(25), "good", None),
    ]
    assert sum(event["ph"] == "f" for event in found) == 4  # each has an arrow of its own


def test_calls_go_by_rank_where_the_log_leaves_a_choice() -> None:
    jobs = [Job(0, 0, 5, 9, 20 - n, Outcome.MET, Source.OWN, 4, 1, n) for n in range(3)]
    rows = list(enumerate(jobs))

    def shared(pool: Pool) -> list[list[int]]:
        return [[row for row, _ in call.jobs] for call in calls(rows, pool)]

    assert shared(Pool()) == [[0], [1], [2]]
    assert shared(Pool(batch=3)) == [[0, 1, 2]]
    assert shared(Pool(batch=2)) == [[0, 1], [2]]
    assert shared(Pool("edf", batch=2)) == [[2, 1], [0]]
    assert shared(Pool("priority", batch=2, priorities=(2, 0, 1))) == [[1, 2], [0]]
    twice = [(0, jobs[0]), (1, jobs[0]._replace(index=1, release_ns=1))]
    assert [len(call.jobs) for call in calls(twice, Pool(batch=2))] == [1, 1]


def test_what_overlaps_more_than_anybody_can_see_is_on_no_thread(tmp_path: Path) -> None:
    jobs = [Job(n, n, n, 10_000, 9000, Outcome.LATE, Source.HELD, 1) for n in range(30)]
    found = traced(tmp_path, jobs, [Grid("only")])
    named = titles(found)
    lanes = [named[thread] for thread, *_ in slices(found)]
    assert lanes.count("jobs") == 1
    assert lanes.count("jobs 16") == lanes.count("budget 16") == 1
    assert "jobs 17" not in lanes
    assert "server 29" in lanes  # the log says that they all ran
    loose = [(event["name"], event["args"]["job"]) for event in found if event["ph"] == "b"]
    assert sorted(loose) == sorted(
        (f"more from release to {what}", f"job {n}: late")
        for what in ("deadline", "finish")
        for n in range(16, 30)
    )
    assert sum(event["ph"] == "f" for event in found) == 16
    assert {event["cat"] for event in found if event["ph"] in "be"} == {"job"}


def test_servers_stand_below_slots_and_above_jobs_in_their_order(tmp_path: Path) -> None:
    jobs = [Job(n, n, n, 100, 90, Outcome.LATE, Source.HELD, 1) for n in range(4)]
    named = titles(traced(tmp_path, jobs, [Grid("only")]))
    servers = {title: thread for thread, title in named.items() if title.startswith("server")}
    assert list(servers) == [f"server {n}" for n in range(4)]
    assert sorted(servers.values()) == list(servers.values())
    others = [thread for thread, title in named.items() if title.startswith("budget")]
    assert max(others) < min(servers.values())
    assert max(servers.values()) < min(
        thread for thread, title in named.items() if title.startswith("jobs")
    )


def test_budgets_of_two_controllers_do_not_share_lanes(tmp_path: Path) -> None:
    jobs = [
        Job(0, 10 * n, 10 * n, 10 * n + 1, 10 * n + 50, Outcome.MET, Source.OWN, 1, 1, n)
        for n in range(2)
    ]
    named = titles(traced(tmp_path, jobs))
    assert sorted(title for title in named.values() if title.startswith("budget")) == [
        "budget of controller 0 1",
        "budget of controller 1 1",
    ]


def test_a_job_that_never_started_takes_no_lane(tmp_path: Path) -> None:
    jobs = [
        Job(0, 0, 1, 100, 90, Outcome.LATE, Source.HELD, 99),
        Job(1, 10, None, None, 60, Outcome.SKIPPED, Source.HELD),
    ]
    found = traced(tmp_path, jobs, [Grid("only")])
    named = titles(found)
    assert [named[event["tid"]] for event in found if event["ph"] == "i"] == [
        "jobs",
        *2 * ["misses"],
    ]


def test_calls_of_one_start_and_other_lengths_are_not_one(tmp_path: Path) -> None:
    def job(controller: int, service: int) -> Job:
        return Job(0, 0, 5, 5 + service, 50, Outcome.MET, Source.OWN, service, 1, controller)

    jobs = [job(n, service) for n, service in enumerate((9, 4, 9, 4, 9, 6))]
    found = list(calls(list(enumerate(jobs)), Pool(batch=2)))
    assert [(call.finish_ns, [row for row, _ in call.jobs]) for call in found] == [
        (9, [1, 3]),
        (11, [5]),
        (14, [0, 2]),
        (14, [4]),
    ]


def test_an_event_a_line_and_no_blanks(tmp_path: Path) -> None:
    jobs = [Job(0, 0, 5, 20, 10, Outcome.LATE, Source.HELD, 15)]
    path = tmp_path / "t.json"
    count = write_trace(
        path, {"slow": log_of(jobs).parts(), "none": [], "idle": log_of([]).parts()}
    )
    text = path.read_text()
    own = [json.loads(line) for line in events(1, "slow", log_of(jobs).parts())]
    assert json.loads(text)["traceEvents"][:-4] == own
    assert count == len(own) + 4  # what did nothing has a name and a place
    assert text.count("\n") == count + 2
    assert '": ' not in text
    check_format(text)


@given(st.integers(0, 10**18))
@example(1001)  # taken for 1.001 * 1000 = 1000.9999999999999 ns where it is read as a double
def test_times_are_exact_decimals(time_ns: int) -> None:
    assert Decimal(microseconds(time_ns)) * 1000 == time_ns
    assert json.loads(microseconds(time_ns)) == time_ns / 1000
    assert "." not in microseconds(time_ns) or microseconds(time_ns)[-1] not in ".0"


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20))), st.integers(1, 4))
def test_nothing_crosses_on_a_lane_and_none_is_left_free(
    spans: list[tuple[int, int]], most: int
) -> None:
    ordered = sorted((begin, begin + length) for begin, length in spans)
    lanes, until = Lanes(most), dict.fromkeys(range(most), 0)
    for begin, end in ordered:
        lane = lanes.take(begin, end)
        free = [each for each, time in until.items() if time <= begin]
        assert lane == (free[0] if free else None)
        if lane is not None:
            until[lane] = end


@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(0, 9)))))
def test_events_come_in_the_order_of_time(given_: list[tuple[int, list[int]]]) -> None:
    groups = [
        [Made(begin + after, 0, f"{number} {place}") for place, after in enumerate([0, *times])]
        for number, (begin, times) in enumerate(sorted(given_, key=lambda each: each[0]))
    ]
    flat = [event for group in groups for event in group]
    assert list(in_order(groups)) == sorted(flat, key=lambda event: event.time_ns)  # stable


def test_a_compressed_trace_is_the_same_again(tmp_path: Path) -> None:
    jobs = [Job(0, 0, 5, 20, 10, Outcome.LATE, Source.HELD, 15)]
    for name in ("a.json.gz", "b.json.gz"):
        write_trace(tmp_path / name, {"solver": log_of(jobs).parts()})
    first, second = ((tmp_path / name).read_bytes() for name in ("a.json.gz", "b.json.gz"))
    assert first == second
    assert len(check_format(gzip.decompress(first).decode())) == 21


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_trace(tmp_path / "none" / "t.json", {})


def test_what_names_no_trace_is_refused_before_the_race(tmp_path: Path) -> None:
    for name in ("t.json", "t.json.gz"):
        check_trace(tmp_path / name)
    for name in ("t", "t.gz", "t.txt", "t.json.bz2"):
        with pytest.raises(InputError) as error:
            check_trace(tmp_path / name)
        assert str(error.value) == f"--trace: {tmp_path / name}: want NAME.json or NAME.json.gz"
    with pytest.raises(InputError, match="cannot be written"):
        check_trace(tmp_path / "none" / "t.json")
    assert list(tmp_path.iterdir()) == []
