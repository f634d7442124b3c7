"""The compute pool against its definition, instant by instant, and against exact enumeration."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline import Constant, Entrant, LatencyModel, OnOverrun, Outcome, Solver, Task
from sim.pool import SLOT, ComputePool, Discipline, Instant


class Demand(NamedTuple):
    release_ns: int
    budget_ns: int
    service_ns: int
    priority: int = 0

    @property
    def deadline_ns(self) -> int:
        return self.release_ns + self.budget_ns


class Echo(Solver[Demand, Demand]):
    def solve(self, problem: Demand) -> Demand:
        return problem


Row = tuple[int | None, int | None, Outcome]


def pooled(
    demands: list[Demand],
    servers: int,
    discipline: Discipline,
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
) -> list[Row]:
    """Run demands, submitted in their order where they are released together."""
    env = simpy.Environment(initial_time=0)
    pool = ComputePool(env, servers, discipline)
    tasks = []

    def release(
        task: Task[Demand, Demand], entrant: Entrant[Demand, Demand], demand: Demand
    ) -> None:
        entrant.solve(task)
        pool.submit(task, entrant, demand.priority)

    for index, demand in enumerate(demands):
        latency: LatencyModel = Constant(demand.service_ns)
        entrant = Entrant(Echo(), demand, latency, on_overrun)
        task = Task[Demand, Demand](index, demand, demand.release_ns, demand.deadline_ns)
        tasks.append(task)
        Instant(
            env,
            demand.release_ns,
            SLOT,
            lambda _, task=task, entrant=entrant, demand=demand: release(task, entrant, demand),
        )
    env.run()
    assert pool.waiting == 0
    rows: list[Row] = []
    for task in tasks:
        assert task.outcome is not None
        rows.append((task.start_ns, task.finish_ns, task.outcome))
    return rows


def by_definition(
    demands: list[Demand], servers: int, discipline: Discipline, on_overrun: OnOverrun
) -> list[Row]:
    """Step through every nanosecond: who has ended leaves, who is first in rank starts."""
    rows: dict[int, Row] = {}
    waiting: list[int] = []
    busy_until: list[int] = []
    now = 0
    while len(rows) < len(demands):
        busy_until = [finish for finish in busy_until if finish > now]
        waiting += [n for n, demand in enumerate(demands) if demand.release_ns == now]
        ranks = {
            "fifo": lambda n: (demands[n].release_ns, n),
            "edf": lambda n: (demands[n].deadline_ns, demands[n].release_ns, n),
            "priority": lambda n: (demands[n].priority, demands[n].release_ns, n),
        }
        waiting.sort(key=ranks[discipline])
        while waiting and len(busy_until) < servers:
            number = waiting.pop(0)
            demand = demands[number]
            finish = now + demand.service_ns
            if on_overrun is OnOverrun.ABORT and now >= demand.deadline_ns:
                rows[number] = (None, None, Outcome.SKIPPED)
                continue
            if on_overrun is OnOverrun.ABORT and finish > demand.deadline_ns:
                finish = demand.deadline_ns
                rows[number] = (now, finish, Outcome.ABORTED)
            else:
                met = finish <= demand.deadline_ns
                rows[number] = (now, finish, Outcome.MET if met else Outcome.LATE)
            if finish > now:
                busy_until.append(finish)
        now += 1
    return [rows[n] for n in range(len(demands))]


DEMANDS = st.lists(
    st.builds(
        Demand,
        release_ns=st.integers(0, 12),
        budget_ns=st.integers(1, 15),
        service_ns=st.integers(0, 6),
        priority=st.integers(0, 2),
    ),
    min_size=1,
    max_size=10,
)


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
        st.builds(Demand, st.just(0), st.integers(1, 30), st.integers(0, 8)),
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
    ends = [finish for _, finish, _ in rows if finish is not None]
    assert max(end - d.deadline_ns for end, d in zip(ends, demands, strict=True)) == best


@given(DEMANDS, st.integers(1, 3), st.sampled_from(["fifo", "edf", "priority"]))
def test_no_server_idles_while_a_job_waits_and_none_is_shared(
    demands: list[Demand], servers: int, discipline: Discipline
) -> None:
    rows = pooled(demands, servers, discipline)
    for instant in range(100):
        runs = sum(s <= instant < f for s, f, _ in rows if s is not None and f is not None)
        waits = sum(
            d.release_ns <= instant < s
            for d, (s, _, _) in zip(demands, rows, strict=True)
            if s is not None
        )
        assert runs <= servers
        assert runs == servers or waits == 0


def starts(rows: list[Row]) -> list[int | None]:
    return [start for start, _, _ in rows]


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
        (0, 0, Outcome.MET),
        (0, 0, Outcome.MET),
        (0, 3, Outcome.MET),
        (3, 3, Outcome.MET),
    ]


def test_a_job_that_no_longer_starts_leaves_its_server_to_the_next() -> None:
    demands = [Demand(0, 9, 9), Demand(0, 5, 1), Demand(1, 9, 1)]
    assert pooled(demands, 1, "fifo", OnOverrun.ABORT) == [
        (0, 9, Outcome.MET),
        (None, None, Outcome.SKIPPED),
        (9, 10, Outcome.MET),
    ]
