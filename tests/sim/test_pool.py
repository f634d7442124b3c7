"""The compute pool against its definition, instant by instant, and against exact enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from pool_demands import DEMANDS, Demand, Row, by_definition, pooled

from sim.deadline import InputError, OnOverrun, Outcome
from sim.deadline.discipline import Discipline
from sim.pool import ComputePool


@given(
    DEMANDS,
    st.integers(1, 3),
    st.sampled_from(["fifo", "edf", "priority"]),
    st.sampled_from([OnOverrun.CONTINUE, OnOverrun.ABORT]),
)
def test_the_pool_does_what_its_definition_says(
    demands: list[Demand], servers: int, discipline: Discipline, on_overrun: OnOverrun
) -> None:
    assert pooled(demands, servers, discipline, on_overrun) == by_definition(
        demands, servers, discipline, on_overrun
    )


@given(
    st.lists(
        st.tuples(st.just(0), st.integers(1, 30), st.integers(0, 8)).map(lambda t: Demand(*t)),
        min_size=1,
        max_size=6,
    )
)
def test_edf_is_the_best_order_of_jobs_released_together(demands: list[Demand]) -> None:
    """Of all orders, the earliest due date minimises the largest lateness (Jackson, 1955)."""

    def largest_lateness(order: tuple[Demand, ...]) -> int:
        ends = itertools.accumulate(demand.service_ns for demand in order)
        return max(end - demand.deadline_ns for end, demand in zip(ends, order, strict=True))

    best = min(map(largest_lateness, itertools.permutations(demands)))
    rows = pooled(demands, 1, "edf")
    ends = [row.finish_ns for row in rows if row.finish_ns is not None]
    assert max(end - d.deadline_ns for end, d in zip(ends, demands, strict=True)) == best


@given(DEMANDS, st.integers(1, 3), st.sampled_from(["fifo", "edf", "priority"]))
def test_no_server_idles_while_a_job_waits_and_none_is_shared(
    demands: list[Demand], servers: int, discipline: Discipline
) -> None:
    demands = [demand._replace(wake_up_ns=0) for demand in demands]
    rows = pooled(demands, servers, discipline)
    for instant in range(100):
        runs = sum(
            row.start_ns <= instant < row.finish_ns
            for row in rows
            if row.start_ns is not None and row.finish_ns is not None
        )
        waits = sum(
            demand.release_ns <= instant < row.start_ns
            for demand, row in zip(demands, rows, strict=True)
            if row.start_ns is not None
        )
        assert runs <= servers
        assert runs == servers or waits == 0


def starts(rows: list[Row]) -> list[int | None]:
    return [row.start_ns for row in rows]


@pytest.mark.parametrize(
    ("discipline", "expected"),
    [("fifo", [0, 4, 8, 12]), ("edf", [12, 4, 8, 0]), ("priority", [4, 12, 0, 8])],
)
def test_jobs_released_together_are_ranked_before_any_starts(
    discipline: Discipline, expected: list[int]
) -> None:
    demands = [Demand(0, 90, 4, 1), Demand(0, 50, 4, 3), Demand(0, 70, 4, 0), Demand(0, 20, 4, 2)]
    assert starts(pooled(demands, 1, discipline)) == expected


def test_nobody_is_preempted() -> None:
    assert starts(pooled([Demand(0, 90, 9), Demand(1, 3, 1)], 1, "edf")) == [0, 9]


def test_a_finish_frees_its_server_for_a_release_at_the_same_instant() -> None:
    # The third is released as the first ends, and is more urgent than the second, which waits.
    rows = pooled([Demand(0, 90, 5), Demand(1, 90, 5), Demand(5, 6, 5)], 1, "edf")
    assert starts(rows) == [0, 10, 5]


def test_a_job_that_takes_no_time_leaves_its_server_to_the_next() -> None:
    demands = [Demand(0, 9, 0), Demand(0, 9, 0), Demand(0, 9, 3), Demand(0, 9, 0)]
    assert pooled(demands, 1, "fifo") == [
        Row(0, 0, Outcome.MET),
        Row(0, 0, Outcome.MET),
        Row(0, 3, Outcome.MET),
        Row(3, 3, Outcome.MET),
    ]


def test_a_job_that_no_longer_starts_leaves_its_server_to_the_next() -> None:
    demands = [Demand(0, 9, 9), Demand(0, 5, 1), Demand(1, 9, 1)]
    assert pooled(demands, 1, "fifo", OnOverrun.ABORT) == [
        Row(0, 9, Outcome.MET),
        Row(None, None, Outcome.SKIPPED),
        Row(9, 10, Outcome.MET),
    ]


def test_a_job_holds_its_server_while_it_wakes_up() -> None:
    demands = [Demand(0, 20, 3, wake_up_ns=4), Demand(1, 20, 3, wake_up_ns=2)]
    assert pooled(demands, 1, "fifo") == [Row(4, 7, Outcome.MET), Row(9, 12, Outcome.MET)]


def test_a_job_that_wakes_up_at_its_deadline_never_starts_and_frees_its_server_then() -> None:
    demands = [Demand(0, 5, 1, wake_up_ns=9), Demand(1, 20, 3)]
    assert pooled(demands, 1, "fifo", OnOverrun.ABORT) == [
        Row(None, None, Outcome.SKIPPED),
        Row(5, 8, Outcome.MET),
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((0, "fifo"), "servers: 0, want at least 1"),
        ((1, "fifo", False, 0), "batch: 0, want at least 1"),
        ((1, "edf", True, 2), "batch: 2, want 1 in a preemptive pool"),
    ],
)
def test_a_pool_that_cannot_be(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ComputePool(simpy.Environment(), *arguments)


@given(st.integers(1, 8), st.integers(1, 30), st.integers(0, 40), st.integers(1, 40))
def test_periodic_releases_and_constant_service_on_several_servers(
    servers: int, period: int, service: int, jobs: int
) -> None:
    """D/D/c, exactly: job q c + r waits q (S - c T) if that is positive, else not at all."""
    demands = [Demand(n * period, 1, service) for n in range(jobs)]
    expected = [n // servers * max(service - servers * period, 0) for n in range(jobs)]
    found = pooled(demands, servers, "fifo")
    assert [row.start_ns for row in found] == [
        demand.release_ns + wait for demand, wait in zip(demands, expected, strict=True)
    ]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40))
def test_speed_up_of_equal_jobs_released_together(servers: int, service: int, jobs: int) -> None:
    """They end after ceil(n / c) services: c times sooner than on one server if c divides n."""
    demands = [Demand(0, 10**6, service) for _ in range(jobs)]

    def last(count: int) -> int:
        return max(row.finish_ns or 0 for row in pooled(demands, count, "fifo"))

    assert last(servers) == -(-jobs // servers) * service
    if jobs % servers == 0:
        assert last(1) == servers * last(servers)
