"""Preemptive pools: against their definition, and against the theory of earliest deadline first."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pool_demands import DEMANDS, Demand, Row, by_definition, pooled, rows, serve

from sim.deadline import OnOverrun, Outcome
from sim.deadline.discipline import Discipline

DISCIPLINES = st.sampled_from(["fifo", "edf", "priority"])
CUT_OR_NOT = st.sampled_from([OnOverrun.CONTINUE, OnOverrun.ABORT])


@given(DEMANDS, st.integers(1, 3), DISCIPLINES, CUT_OR_NOT)
@settings(max_examples=300)
def test_the_preemptive_pool_does_what_its_definition_says(
    demands: list[Demand], servers: int, discipline: Discipline, on_overrun: OnOverrun
) -> None:
    ours = pooled(demands, servers, discipline, on_overrun, preemptive=True)
    assert ours == by_definition(demands, servers, discipline, on_overrun, preemptive=True)


@given(DEMANDS, st.integers(1, 3), DISCIPLINES, CUT_OR_NOT, st.booleans())
def test_work_is_conserved_and_servers_are_neither_idle_nor_shared(
    demands: list[Demand],
    servers: int,
    discipline: Discipline,
    on_overrun: OnOverrun,
    preemptive: bool,
) -> None:
    tasks = serve(demands, servers, discipline, on_overrun, preemptive)
    for task, demand in zip(tasks, demands, strict=True):
        done = sum(end - begin for begin, end in task.stretches)
        demanded = demand.wake_up_ns + demand.service_ns + demand.work
        if task.outcome in (Outcome.MET, Outcome.LATE):
            assert done == demanded
        else:
            assert done <= demanded
            assert all(end <= demand.deadline_ns for _, end in task.stretches)
        assert len(task.stretches) <= 1 or preemptive
        pairs = itertools.pairwise(task.stretches)
        assert all(earlier[1] <= later[0] for earlier, later in pairs)
        assert all(begin >= demand.release_ns for begin, _ in task.stretches)
        assert task.service_ns == demand.service_ns + demand.work
    for instant in range(150):
        runs = [any(a <= instant < b for a, b in task.stretches) for task in tasks]
        present = [
            demand.release_ns <= instant < _gone(task.finish_ns, demand, on_overrun)
            for task, demand in zip(tasks, demands, strict=True)
        ]
        assert sum(runs) == min(servers, sum(present))  # never idle while one waits, never shared


def _gone(finish_ns: int | None, demand: Demand, on_overrun: OnOverrun) -> int:
    if finish_ns is None:
        assert on_overrun is OnOverrun.ABORT
        return demand.deadline_ns
    return finish_ns


def test_a_more_urgent_job_takes_the_server_and_gives_it_back() -> None:
    demands = [Demand(0, 90, 9), Demand(1, 5, 2), Demand(2, 30, 4)]
    tasks = serve(demands, 1, "edf", preemptive=True)
    assert rows(tasks)[0] == Row(0, 15, Outcome.MET)
    assert [task.stretches for task in tasks] == [[(0, 1), (7, 15)], [(1, 3)], [(3, 7)]]
    assert tasks[0].service_ns == 9  # what it needed; its response tells the rest


def test_ties_never_preempt_and_fifo_never_does() -> None:
    tied = [Demand(0, 11, 5), Demand(1, 10, 5)]
    assert [row.start_ns for row in pooled(tied, 1, "edf", preemptive=True)] == [0, 5]
    alike = [Demand(0, 90, 5, priority=1), Demand(1, 1, 5, priority=1)]
    assert [row.start_ns for row in pooled(alike, 1, "priority", preemptive=True)] == [0, 5]
    assert [row.start_ns for row in pooled(alike, 1, "fifo", preemptive=True)] == [0, 5]


def test_a_preempted_job_goes_on_where_a_server_is_free() -> None:
    demands = [Demand(0, 90, 9), Demand(0, 10, 3), Demand(1, 5, 9)]
    tasks = serve(demands, 2, "edf", preemptive=True)
    # The third takes the first's server; the second's is free at 3.
    assert [task.stretches for task in tasks] == [[(0, 1), (3, 11)], [(0, 3)], [(1, 10)]]


def test_of_those_that_run_the_last_in_rank_gives_way() -> None:
    demands = [Demand(0, 50, 9), Demand(0, 70, 9), Demand(0, 60, 9), Demand(1, 5, 1)]
    tasks = serve(demands, 3, "edf", preemptive=True)
    assert [len(task.stretches) for task in tasks] == [1, 2, 1, 1]


def test_a_cut_falls_on_the_deadline_also_while_the_job_waits() -> None:
    demands = [Demand(0, 8, 6, priority=1), Demand(2, 90, 20, priority=0)]
    tasks = serve(demands, 1, "priority", OnOverrun.ABORT, preemptive=True)
    assert rows(tasks) == [Row(0, 8, Outcome.ABORTED, 2), Row(2, 22, Outcome.MET)]


def test_a_job_preempted_while_it_wakes_up_has_not_started() -> None:
    demands = [Demand(0, 90, 5, wake_up_ns=4), Demand(3, 9, 2)]
    tasks = serve(demands, 1, "edf", preemptive=True)
    assert rows(tasks)[0] == Row(6, 11, Outcome.MET)  # 3 of its wake-up were spent
    skipped = serve([Demand(0, 8, 5, 1, 4), Demand(3, 9, 9)], 1, "priority", OnOverrun.ABORT, True)
    assert rows(skipped)[0] == Row(None, None, Outcome.SKIPPED)


class Periodic(NamedTuple):
    """A task of real-time theory: it releases a job every period, due by the next."""

    period: int
    service: int
    offset: int = 0


Jobs = list[Demand]


def jobs_of(tasks: list[Periodic]) -> Jobs:
    """Return the jobs of two hyperperiods after the last offset: what misses at all misses there.

    J. Leung and M. Merrill, Information Processing Letters 11(3), 1980. Priorities are rate
    monotonic: the shorter the period, the smaller.
    """
    end = 2 * math.lcm(*(task.period for task in tasks)) + max(task.offset for task in tasks)
    return [
        Demand(release, task.period, task.service, priority=task.period, controller=number)
        for number, task in enumerate(tasks)
        for release in range(task.offset, end, task.period)
    ]


@st.composite
def task_sets(draw: st.DrawFn) -> list[Periodic]:
    """Up to five tasks, with a utilisation of up to 1, often exactly 1."""
    left = Fraction(1)
    tasks = []
    for _ in range(draw(st.integers(1, 5))):
        period = draw(st.sampled_from([2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30]))
        most = int(left * period)
        if most:
            service = draw(st.integers(1, most) | st.just(most))
            tasks.append(Periodic(period, service, draw(st.integers(0, 30))))
            left -= Fraction(service, period)
    assume(tasks)
    return tasks


def misses(jobs: Jobs, discipline: Discipline, preemptive: bool) -> int:
    found = pooled(jobs, 1, discipline, preemptive=preemptive)
    return sum(row.outcome is not Outcome.MET for row in found)


@given(task_sets())
@settings(max_examples=150, deadline=None)
def test_edf_never_misses_up_to_full_utilisation(tasks: list[Periodic]) -> None:
    """C. L. Liu and J. W. Layland, Journal of the ACM 20(1), 1973, theorem 7; offsets or not."""
    assert sum(Fraction(task.service, task.period) for task in tasks) <= 1
    assert misses(jobs_of(tasks), "edf", preemptive=True) == 0


@given(task_sets(), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_edf_misses_beyond_full_utilisation(tasks: list[Periodic], which: int) -> None:
    """The test above can fail: with a little more to do, some job is late."""
    left = 1 - sum(Fraction(task.service, task.period) for task in tasks)
    chosen = tasks[which % len(tasks)]
    more = int(left * chosen.period) + 1
    tasks = [task._replace(offset=0) for task in tasks if task is not chosen]
    tasks.append(Periodic(chosen.period, chosen.service + more))
    assert misses(jobs_of(tasks), "edf", preemptive=True) > 0


OTHERS: list[tuple[Discipline, bool]] = [
    ("fifo", False),
    ("edf", False),
    ("priority", False),
    ("priority", True),
]


def feasible(jobs: Jobs) -> bool:
    """Whether some order meets every deadline: no interval holds more work than time.

    S. Baruah, L. Rosier and R. Howell, Real-Time Systems 2, 1990 (the processor demand).
    """
    return all(
        sum(job.service_ns for job in jobs if job.release_ns >= a and job.deadline_ns <= b) <= b - a
        for a in {job.release_ns for job in jobs}
        for b in {job.deadline_ns for job in jobs}
        if a < b
    )


@given(DEMANDS)
@settings(max_examples=400)
def test_edf_meets_all_deadlines_whenever_anything_can(demands: list[Demand]) -> None:
    """M. Dertouzos, IFIP Congress, 1974: on one server, if any order meets them, this one does."""
    demands = [demand._replace(wake_up_ns=0, work=0) for demand in demands]
    missed = misses(demands, "edf", preemptive=True)
    assert (missed == 0) == feasible(demands)
    if missed:
        assert all(misses(demands, *other) for other in OTHERS)


BLOCKING = [Periodic(3, 1), Periodic(12, 8)]  # utilisation 1; one long job holds up the others
TIGHT = [Periodic(5, 2), Periodic(7, 4)]  # 34/35, beyond the bound of rate monotonic priorities


@pytest.mark.parametrize(
    ("tasks", "other"),
    [
        (BLOCKING, ("fifo", False)),
        (BLOCKING, ("edf", False)),
        (BLOCKING, ("priority", False)),
        (TIGHT, ("priority", True)),
    ],
)
def test_each_other_policy_misses_where_edf_does_not(
    tasks: list[Periodic], other: tuple[Discipline, bool]
) -> None:
    jobs = jobs_of(tasks)
    assert misses(jobs, "edf", preemptive=True) == 0
    assert misses(jobs, *other) > 0
