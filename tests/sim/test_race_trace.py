"""Traces of whole races: what they show is what the pool did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from trace_checks import Event, check_format, slices, titles

from sim.deadline.trace_events import write_trace
from sim.pool import ComputePool
from sim.race import Contestant, Race
from sim.scenario import Scenario, load_scenario
from sim.scenario.shipped import SHIPPED
from sim.trace import grids_of, pool_of

#: Calls of one pool: start, finish, and the jobs, by controller and index.
Calls = set[tuple[int, int, frozenset[tuple[int, int]]]]


@contextmanager
def overheard() -> Iterator[dict[ComputePool, Calls]]:
    """Note the calls that pools end, those apart whose jobs all never began."""
    heard: dict[ComputePool, Calls] = defaultdict(set)
    end = ComputePool._end

    def noting(pool: ComputePool, jobs: list[Any]) -> None:
        end(pool, jobs)
        tasks = [job[1] for job in jobs if job[1].start_ns is not None]
        if tasks:
            finish = max(task.finish_ns for task in tasks)
            names = frozenset((task.controller, task.index) for task in tasks)
            heard[pool].add((tasks[0].start_ns, finish, names))

    with patch.object(ComputePool, "_end", noting), patch("gc.collect"):
        yield heard


def raced(name: str, *overrides: str) -> tuple[Scenario, Race, list[Contestant], list[Calls]]:
    path = SHIPPED / f"{name}.yaml"
    scenario = load_scenario(path, overrides)
    race = Race(scenario, path.parent)
    with overheard() as heard:
        contestants = race.run(None)
    pools = [contestant.controllers[0]._pool for contestant in contestants]
    return scenario, race, contestants, [heard[pool] for pool in pools]


def traced(folder: Path, scenario: Scenario, race: Race, contestant: Contestant) -> list[Event]:
    path = folder / "t.json"
    parts = {contestant.label: contestant.log.parts()}
    write_trace(path, parts, grids_of(race.timings), pool_of(scenario, race.timings))
    return check_format(path.read_text())


def calls_of(events: list[Event], race: Race) -> Calls:
    """Return the calls that a trace shows, and hold every server to one at a time."""
    grids, named = grids_of(race.timings), titles(events)
    numbers = {} if len(grids) == 1 else {grid.name: n for n, grid in enumerate(grids)}
    calls, servers = set(), defaultdict(list)
    for thread, name, begin, end, event in slices(events):
        if not named[thread].startswith("server "):
            continue
        servers[thread].append((begin, end))
        jobs = [
            title.split(": ")[0].split("job ")
            for title in event.get("args", {}).get("jobs", [name])
        ]
        calls.add(
            (
                int(begin * 1000),
                int(end * 1000),
                frozenset((numbers.get(owner.strip(), 0), int(index)) for owner, index in jobs),
            )
        )
    assert len(servers) <= race.scenario.compute.servers
    for spans in servers.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(spans)))
    return calls


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("overload", ()),
        ("overload", ("budget.lead=3", "compute.servers=2")),
        ("edf", ()),
        ("edf", ("compute.servers=3", "on_overrun=continue", "budget.csi=51.001 us")),
        ("pool", ()),
        # Many calls begin at one instant and take the same time.
        ("pool", ("compute.release_jitter=null", "compute.latency={constant: 90 us}")),
        ("pool", ("compute.release_jitter=null", "compute.latency={constant: 300 us}")),
        ("pool", ("compute.release_jitter=null", "compute.latency={constant: 0 us}")),
        (
            "pool",
            (
                "compute.release_jitter=null",
                "compute.latency={constant: 90 us}",
                "compute.discipline=priority",
                "controllers=[{count: 5, priority: 3}, {count: 4, priority: 1}, {priority: 2}]",
            ),
        ),
    ],
)
def test_servers_show_the_calls_that_there_were(
    tmp_path: Path, name: str, overrides: tuple[str, ...]
) -> None:
    scenario, race, contestants, heard = raced(name, "slots=60", *overrides)
    for contestant, expected in zip(contestants, heard, strict=True):
        assert calls_of(traced(tmp_path, scenario, race, contestant), race) == expected


def test_an_interrupted_job_is_shown_on_no_server(tmp_path: Path) -> None:
    preemptive = ("compute.preemptive=true", "compute.discipline=priority", "slots=60")
    scenario, race, contestants, _ = raced("edf", *preemptive)
    events = traced(tmp_path, scenario, race, contestants[0])
    named = titles(events)
    lanes = {name for name in named.values() if name.startswith("started, not finished ")}
    assert len(lanes) > 1
    assert not any(name.startswith("server") for name in named.values())


def test_slots_csi_and_control(tmp_path: Path) -> None:
    scenario, race, contestants, _ = raced("edf", "slots=4", "controllers.1.offset=250 us")
    events = traced(tmp_path, scenario, race, contestants[1])
    named = titles(events)
    shown = defaultdict(list)
    for thread, name, begin, end, _ in slices(events):
        shown[named[thread]].append((name, float(begin), float(end)))
    assert sorted(shown["slots of large-2"], key=lambda each: each[1:])[:4] == [
        ("CSI & fronthaul", 250, 300),
        ("slot 0", 250, 1250),
        ("large-2 job 0: met", 300, 1200),
        ("control", 1200, 1250),
    ]
    assert len(shown["slots of small-1"]) == 2 * len(shown["slots of large-2"]) == 8 * 4
    order = [named[thread] for thread in sorted(named)]
    assert order == [
        *(f"slots of {timing.name}" for timing in race.timings),
        "server 0",
        *(f"jobs of {timing.name}" for timing in race.timings),
    ]


def test_a_controller_without_a_name_has_a_number(tmp_path: Path) -> None:
    scenario, race, contestants, _ = raced("pool", "slots=2", "controllers=[{}, {name: '3'}]")
    assert [grid.name for grid in grids_of(race.timings)] == ["controller 0", "3"]
    named = titles(traced(tmp_path, scenario, race, contestants[0]))
    assert "slots of controller 0" in named.values()
