"""Several controllers on one server: by hand, and live on a host whose time is made up.

That it equals the simulator job by job is in tests/sim/live/test_live_equals_race.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import INITIAL, Answer, Echo, FakeTime, Scripted

from sim.deadline import (
    Entrant,
    Job,
    LiveClock,
    OnMiss,
    OnOverrun,
    Outcome,
    Solver,
    Stream,
    VirtualClock,
    periodic,
    serve,
)
from sim.deadline.discipline import Discipline

MET, LATE, ABORTED, SKIPPED, FAILED = Outcome


class Course(NamedTuple):
    """One controller's releases, and the service time of each."""

    releases_ns: list[int]
    services_ns: list[int]
    budget_ns: int
    priority: int = 0


class Worker(Solver[int, Answer]):
    """Takes its problem for the time it needs."""

    def __init__(self, host: FakeTime) -> None:
        self._host = host

    def solve(self, problem: int) -> Answer:
        self._host.work(problem)
        return Answer(problem)


def streams(
    courses: list[Course], on_overrun: OnOverrun, solver: Solver[int, Answer]
) -> list[Stream[int, Answer]]:
    return [
        Stream(
            Entrant(solver, INITIAL, Scripted(services), on_overrun, OnMiss.USE_LATE),
            services,
            releases,
            budget,
            number,
            priority,
        )
        for number, (releases, services, budget, priority) in enumerate(courses)
    ]


def virtual(
    courses: list[Course],
    discipline: Discipline = "fifo",
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
) -> list[Job]:
    served = serve(streams(courses, on_overrun, Echo()), VirtualClock(), discipline)
    return [task.job() for task in served]


def live(
    courses: list[Course],
    discipline: Discipline = "fifo",
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
    look_ns: int = 0,
) -> list[Job]:
    """Play on a live clock; a look at it takes so long."""
    host = FakeTime()

    def source() -> int:
        host.work(look_ns)
        return host.now_ns

    clock = LiveClock(spin_ns=0, source=source, sleep=host.sleep)
    served = serve(streams(courses, on_overrun, Worker(host)), clock, discipline)
    return [task.job() for task in served]


Play = Callable[[list[Course], Discipline, OnOverrun], list[Job]]

both = pytest.mark.parametrize("play", [virtual, live])


def brief(jobs: list[Job]) -> list[tuple[int, int, int | None, int | None, Outcome]]:
    return [(job.controller, job.index, job.start_ns, job.finish_ns, job.outcome) for job in jobs]


@both
@pytest.mark.parametrize(
    ("discipline", "expected"),
    [
        ("fifo", [(0, 0), (1, 4), (2, 8), (0, 12)]),
        ("edf", [(1, 0), (2, 4), (0, 8), (0, 12)]),
        ("priority", [(0, 0), (2, 4), (1, 8), (0, 12)]),
    ],
)
def test_the_first_in_rank_of_those_released_is_served(
    play: Play, discipline: Discipline, expected: list[tuple[int, int]]
) -> None:
    courses = [Course([0, 10], [4, 4], 50, 2), Course([0], [4], 20, 3), Course([3], [4], 12, 1)]
    jobs = play(courses, discipline, OnOverrun.CONTINUE)
    assert [(job.controller, job.start_ns) for job in jobs] == expected


@both
def test_ties_go_by_release_and_then_by_controller(play: Play) -> None:
    courses = [Course([5], [2], 15), Course([0, 3], [5, 2], 17), Course([5], [2], 15)]
    jobs = play(courses, "edf", OnOverrun.CONTINUE)
    # All but the first are due at 20; the second controller's was released first.
    assert [(job.controller, job.start_ns) for job in jobs] == [(1, 0), (1, 5), (0, 7), (2, 9)]


@both
def test_a_release_is_ranked_with_those_that_wait_as_the_server_becomes_free(play: Play) -> None:
    courses = [Course([0], [5], 90), Course([1], [5], 90), Course([5], [5], 6)]
    jobs = play(courses, "edf", OnOverrun.CONTINUE)
    assert [(job.controller, job.start_ns) for job in jobs] == [(0, 0), (2, 5), (1, 10)]


@both
def test_abort_cuts_what_waits_at_its_deadline(play: Play) -> None:
    courses = [Course([0], [30], 100), Course([0, 15, 20, 30], [3, 3, 3, 3], 15)]
    assert brief(play(courses, "fifo", OnOverrun.ABORT)) == [
        (0, 0, 0, 30, MET),
        (1, 0, None, None, SKIPPED),
        (1, 1, None, None, SKIPPED),  # due at 30
        (1, 2, 30, 33, MET),
        (1, 3, 33, 36, MET),
    ]


@both
def test_skip_drops_what_is_released_while_its_controllers_job_waits_or_runs(play: Play) -> None:
    courses = [Course([0, 40], [12, 1], 90), Course([2, 9, 14, 18, 24], [6, 1, 1, 1, 1], 90)]
    assert brief(play(courses, "fifo", OnOverrun.SKIP)) == [
        (0, 0, 0, 12, MET),
        (1, 0, 12, 18, MET),
        (1, 1, None, None, SKIPPED),  # the first waited
        (1, 2, None, None, SKIPPED),  # the first ran
        (1, 3, 18, 19, MET),  # the first had just ended
        (1, 4, 24, 25, MET),
        (0, 1, 40, 41, MET),
    ]


@both
def test_skip_drops_what_finds_a_job_that_waits_though_that_takes_no_time(play: Play) -> None:
    courses = [Course([0], [10], 90), Course([2, 10, 20], [0, 0, 0], 90)]
    assert brief(play(courses, "fifo", OnOverrun.SKIP)) == [
        (0, 0, 0, 10, MET),
        (1, 0, 10, 10, MET),
        (1, 1, None, None, SKIPPED),
        (1, 2, 20, 20, MET),
    ]


def test_answers_are_in_force_by_controller() -> None:
    made = streams(
        [Course([0, 10], [4, 15], 10), Course([0, 10], [5, 5], 10)], OnOverrun.CONTINUE, Echo()
    )
    seen = []
    for task in serve(made, VirtualClock()):
        answers = [stream.entrant.in_force.answer.value for stream in made]
        seen.append((task.controller, task.index, answers))
    assert seen == [(0, 0, [4, -1]), (1, 0, [4, 5]), (0, 1, [4, 5]), (1, 1, [4, 5])]


def test_jobs_are_numbered_from_where_a_stream_begins() -> None:
    stream = Stream(Entrant(Echo(), INITIAL, Scripted([1, 1])), [5, 6], periodic(10), 10, first=7)
    found = [(task.index, task.release_ns) for task in serve([stream], VirtualClock())]
    assert found == [(7, 0), (8, 10)]


def test_streams_are_read_as_they_are_served() -> None:
    """No queue piles up in memory: endless overload is served like any other."""
    made = [
        Stream(
            Entrant(Echo(), INITIAL, Scripted(itertools.repeat(30))),
            itertools.count(),
            periodic(10),
            10,
            number,
        )
        for number in range(2)
    ]
    tasks = list(itertools.islice(serve(made, VirtualClock()), 100))
    assert [task.start_ns for task in tasks] == [30 * n for n in range(100)]
    assert [(task.controller, task.index) for task in tasks[-2:]] == [(0, 49), (1, 49)]


@st.composite
def courses(draw: st.DrawFn) -> list[Course]:
    made = []
    for _ in range(draw(st.integers(1, 4))):
        jobs = draw(st.integers(1, 12))
        period = draw(st.integers(1, 12))
        offset = draw(st.integers(0, 12))
        made.append(
            Course(
                [offset + n * period for n in range(jobs)],
                draw(st.lists(st.integers(0, 9), min_size=jobs, max_size=jobs)),
                draw(st.integers(1, 30)),
                draw(st.integers(0, 2)),
            )
        )
    return made


DISCIPLINES: st.SearchStrategy[Discipline] = st.sampled_from(["fifo", "edf", "priority"])


@given(courses(), DISCIPLINES, st.sampled_from([OnOverrun.CONTINUE, OnOverrun.SKIP]))
def test_where_looks_take_no_time_live_is_virtual(
    courses: list[Course], discipline: Discipline, on_overrun: OnOverrun
) -> None:
    assert live(courses, discipline, on_overrun) == virtual(courses, discipline, on_overrun)


@given(courses(), DISCIPLINES, st.sampled_from(OnOverrun), st.integers(1, 3))
def test_a_clock_that_moves_at_every_look_tears_nothing(
    courses: list[Course], discipline: Discipline, on_overrun: OnOverrun, look_ns: int
) -> None:
    jobs = live(courses, discipline, on_overrun, look_ns)
    for number, course in enumerate(courses):
        own = [job for job in jobs if job.controller == number]
        assert [job.release_ns for job in own] == course.releases_ns
        assert [job.index for job in own] == list(range(len(own)))
    free_ns = 0
    for job in jobs:
        assert (job.outcome is SKIPPED) == (job.start_ns is None) == (job.finish_ns is None)
        if job.start_ns is not None and job.finish_ns is not None:
            assert max(job.release_ns, free_ns) <= job.start_ns <= job.finish_ns
            assert job.outcome is not MET or job.finish_ns <= job.deadline_ns
            free_ns = job.finish_ns
