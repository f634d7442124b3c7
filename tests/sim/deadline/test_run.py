"""The recursion: hand-worked examples, and what holds for any releases and service times."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import INITIAL, Answer, Climb, Echo, Picky, Scripted, race

from sim.deadline import (
    Entrant,
    InputError,
    Job,
    OnMiss,
    OnOverrun,
    Outcome,
    Served,
    Solver,
    Source,
    periodic,
    run,
)

MET, LATE, ABORTED, SKIPPED, FAILED = Outcome


def rows(served: list[Served[Answer]]) -> list[tuple[int | None, int | None, Outcome]]:
    return [(job.start_ns, job.finish_ns, job.outcome) for job, _ in served]


def sources(served: list[Served[Answer]]) -> list[tuple[Source, int]]:
    return [(job.source, answer.value) for job, answer in served]


def test_releases_are_integers_without_drift() -> None:
    assert list(itertools.islice(periodic(500_000, 3), 10_001))[-1] == 5_000_000_003


def test_continue_queues_behind_the_overrun() -> None:
    assert rows(race([4, 25, 3, 9, 1])) == [
        (0, 4, MET),
        (10, 35, LATE),
        (35, 38, LATE),
        (38, 47, LATE),
        (47, 48, MET),
    ]


def test_skip_drops_releases_while_busy() -> None:
    # The second ends at 30, with the release of the fourth: no longer busy then.
    assert rows(race([4, 20, 3, 9, 1], on_overrun=OnOverrun.SKIP)) == [
        (0, 4, MET),
        (10, 30, LATE),
        (None, None, SKIPPED),
        (30, 39, MET),
        (40, 41, MET),
    ]


def test_abort_cuts_at_the_deadline() -> None:
    # A budget of 15 with a period of 10: jobs can wait. The fourth would start at its deadline.
    served = race([4, 25, 30, 3, 1], on_overrun=OnOverrun.ABORT, budget_ns=15)
    assert rows(served) == [
        (0, 4, MET),
        (10, 25, ABORTED),
        (25, 35, ABORTED),
        (35, 38, MET),
        (40, 41, MET),
    ]


def test_abort_never_starts_a_job_at_or_past_its_deadline() -> None:
    served = race([50, 5, 5], on_overrun=OnOverrun.ABORT, budget_ns=10, releases_ns=[0, 0, 0])
    assert rows(served) == [(0, 10, ABORTED), (None, None, SKIPPED), (None, None, SKIPPED)]


def test_a_tie_is_met() -> None:
    assert rows(race([10, 11])) == [(0, 10, MET), (10, 21, LATE)]


def test_response_runs_from_the_intended_release() -> None:
    job = race([15, 5])[1].job
    assert (job.start_ns, job.service_ns, job.response_ns) == (15, 5, 10)


def test_a_cut_job_still_tells_what_it_needed() -> None:
    job = race([25], on_overrun=OnOverrun.ABORT)[0].job
    assert (job.finish_ns, job.service_ns, job.response_ns) == (10, 25, 10)


def test_a_job_that_never_starts_has_neither_times_nor_work() -> None:
    job = race([25, 5], on_overrun=OnOverrun.SKIP, solver=Climb(), problems=[3, 3])[1].job
    assert job == Job(1, 10, None, None, 20, SKIPPED, Source.INITIAL)
    assert job.response_ns is None


@pytest.mark.parametrize("solver", [Climb(), Picky([3])])
def test_who_wakes_up_past_the_deadline_has_done_nothing(solver: Solver[int, Answer]) -> None:
    """Though the simulator has called the solver beforehand."""
    entrant = Entrant(
        solver, INITIAL, Scripted([1]), OnOverrun.ABORT, release_jitter=Scripted([20])
    )
    ((job, answer),) = run(entrant, [3], [0], budget_ns=10)
    assert (job.outcome, job.start_ns, job.work, job.reason) == (SKIPPED, None, 0, None)
    assert answer == INITIAL


def test_release_jitter_delays_the_start_and_holds_the_server() -> None:
    entrant = Entrant(Echo(), INITIAL, Scripted([4, 4, 4]), release_jitter=Scripted([3, 7, 0]))
    served = list(run(entrant, range(3), periodic(10), budget_ns=10))
    assert rows(served) == [(3, 7, MET), (17, 21, LATE), (21, 25, MET)]
    assert [job.service_ns for job, _ in served] == [4, 4, 4]


def test_a_job_that_wakes_up_at_its_deadline_is_not_started() -> None:
    jitter = Scripted([15, 0, 2])
    entrant = Entrant(
        Climb(),
        INITIAL,
        Scripted([4, 4, 9]),
        OnOverrun.ABORT,
        OnMiss.BEST_SO_FAR,
        release_jitter=jitter,
    )
    served = list(run(entrant, [9, 1, 9], [0, 5, 20], budget_ns=10))
    # The first holds the server to its deadline, 10; the last has 8 ns left after its wake-up.
    assert rows(served) == [(None, None, SKIPPED), (10, 14, MET), (22, 30, ABORTED)]
    assert sources(served)[2] == (Source.BEST_SO_FAR, 8)
    assert served[0].job.service_ns is None


def test_hold() -> None:
    assert sources(race([4, 25, 3, 1])) == [
        (Source.OWN, 0),
        (Source.HELD, 0),
        (Source.HELD, 0),
        (Source.OWN, 3),
    ]


def test_use_late_serves_at_the_next_deadline() -> None:
    # Job 0 ends at 12 and serves from job 1's deadline, 20. Job 1 ends at 30, job 2's deadline, a
    # tie; job 2 is answered then too, at 30 + 12 = 42, and serves from job 4's, 50.
    served = race([12, 18, 12, 9, 9], on_miss=OnMiss.USE_LATE)
    assert rows(served)[3:] == [(42, 51, LATE), (51, 60, LATE)]
    assert sources(served) == [
        (Source.INITIAL, -1),
        (Source.LATE, 0),
        (Source.LATE, 1),
        (Source.HELD, 1),
        (Source.LATE, 2),
    ]


def test_fallback_runs_first_and_is_charged() -> None:
    served = race(
        [7, 8, 8, 30],
        on_overrun=OnOverrun.ABORT,
        on_miss=OnMiss.FALLBACK,
        fallback=Echo(plus=100),
        fallback_services_ns=[3, 3, 10, 11],
    )
    # 3 + 7 is a tie; 3 + 8 is cut, and the fallback was there; 10 comes at the deadline, a tie;
    # 11 comes too late itself.
    assert rows(served) == [
        (0, 10, MET),
        (10, 20, ABORTED),
        (20, 30, ABORTED),
        (30, 40, ABORTED),
    ]
    assert [job.service_ns for job, _ in served] == [10, 11, 18, 41]
    assert sources(served) == [
        (Source.OWN, 0),
        (Source.FALLBACK, 101),
        (Source.FALLBACK, 102),
        (Source.HELD, 102),
    ]


def test_a_fallback_that_fails_leaves_the_old_answer() -> None:
    served = race(
        [1, 20],
        on_miss=OnMiss.FALLBACK,
        fallback=Picky({1}),
        fallback_services_ns=[1, 1],
    )
    assert sources(served) == [(Source.OWN, 0), (Source.HELD, 0)]


def test_a_fallback_answers_for_a_solver_that_fails() -> None:
    served = race(
        [1], on_miss=OnMiss.FALLBACK, solver=Picky({0}), fallback=Echo(), fallback_services_ns=[1]
    )
    assert served[0].job.outcome is FAILED
    assert sources(served) == [(Source.FALLBACK, 0)]


@pytest.mark.parametrize(
    ("service", "source", "value"),
    [
        (10, Source.OWN, 5),
        (11, Source.BEST_SO_FAR, 4),  # 5 units in 11 ns: 4 of them take 8.8
        (12, Source.BEST_SO_FAR, 4),
        (13, Source.BEST_SO_FAR, 3),
        (25, Source.BEST_SO_FAR, 2),  # two take 10: a tie
        (26, Source.BEST_SO_FAR, 1),
        (50, Source.BEST_SO_FAR, 1),
        (51, Source.INITIAL, -1),  # not even the first was done
    ],
)
@pytest.mark.parametrize("on_overrun", OnOverrun)
def test_best_so_far(on_overrun: OnOverrun, service: int, source: Source, value: int) -> None:
    served = race(
        [service],
        on_overrun=on_overrun,
        on_miss=OnMiss.BEST_SO_FAR,
        solver=Climb(),
        problems=[5],
    )
    assert sources(served) == [(source, value)]


class Hasty(Climb):
    """Stops half way, as a solver that watches the clock may, where its iterates go on."""

    def solve(self, problem: int) -> Answer:
        return Answer(problem // 2, problem // 2)


def test_best_so_far_goes_by_the_work_of_the_solve_that_was_cut() -> None:
    # 4 units in 13 ns: 3 of them take 9.75
    served = race([13], on_miss=OnMiss.BEST_SO_FAR, solver=Hasty(), problems=[8])
    assert sources(served) == [(Source.BEST_SO_FAR, 3)]


def test_best_so_far_counts_from_the_start_not_from_the_release() -> None:
    # The second starts at 14, with 6 ns left of 12: half of its four steps.
    served = race(
        [14, 12],
        on_miss=OnMiss.BEST_SO_FAR,
        solver=Climb(),
        problems=[1, 4],
    )
    assert sources(served)[1] == (Source.BEST_SO_FAR, 2)


def test_a_solver_that_raises_fails_its_job_only() -> None:
    served = race([1, 1, 1], solver=Picky({1}))
    assert [job.outcome for job, _ in served] == [MET, FAILED, MET]
    assert served[1].job.reason == "ArithmeticError: no answer to 1"
    assert served[1].job.service_ns == 1
    assert sources(served)[1] == (Source.HELD, 0)


def test_an_answer_that_the_check_refuses_is_failed() -> None:
    entrant = Entrant(
        Echo(),
        INITIAL,
        Scripted([1, 1, 1]),
        check=lambda problem, answer: "odd" if problem % 2 else None,
    )
    served = list(run(entrant, range(3), periodic(10), budget_ns=10))
    assert [(job.outcome, job.reason) for job, _ in served] == [
        (MET, None),
        (FAILED, "odd"),
        (MET, None),
    ]


class Working(Echo):
    def __init__(self, work: object) -> None:
        super().__init__()
        self._work = work

    def solve(self, problem: int) -> Answer:
        return Answer(problem, self._work)  # type: ignore[arg-type]


@pytest.mark.parametrize("work", [None, -1, 1.5, float("nan"), "three", 1 << 80])
def test_work_that_is_no_count_fails_the_job(work: object) -> None:
    job = race([1], solver=Working(work))[0].job
    assert job.outcome is FAILED
    assert job.reason is not None
    assert "not a count" in job.reason


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Raising(Echo):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def solve(self, problem: int) -> Answer:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(), "ValueError"),
        (ValueError(" a\n\tb "), "ValueError: a b"),
        (ValueError("caf\udce9"), "ValueError: caf?"),
        (UnprintableError(), "UnprintableError"),
    ],
)
def test_any_error_becomes_one_line(error: Exception, reason: str) -> None:
    assert race([1], solver=Raising(error))[0].job.reason == reason


def test_an_anytime_solver_that_fails_on_the_way_leaves_the_old_answer() -> None:
    class Stumbling(Climb):
        def iterates(self, problem: int):  # type: ignore[no-untyped-def]
            yield Answer(1, 1)
            raise ArithmeticError

    served = race([20], on_miss=OnMiss.BEST_SO_FAR, solver=Stumbling(), problems=[5])
    assert served[0].job.outcome is LATE
    assert sources(served) == [(Source.INITIAL, -1)]


def test_policies_that_cannot_be_served_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"^on_miss: 'fallback' and a fallback solver go together$"
    ):
        Entrant(Echo(), INITIAL, on_miss=OnMiss.FALLBACK)
    with pytest.raises(
        InputError, match=r"^on_miss: 'fallback' and a fallback solver go together$"
    ):
        Entrant(Echo(), INITIAL, on_miss=OnMiss.HOLD, fallback=Echo())
    with pytest.raises(InputError, match=r"Echo is none; use hold, use_late or fallback$"):
        Entrant(Echo(), INITIAL, on_miss=OnMiss.BEST_SO_FAR)


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_must_leave_time(budget: int) -> None:
    with pytest.raises(InputError, match="budget"):
        race([1], budget_ns=budget)


@st.composite
def races(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], int, OnOverrun, OnMiss]:
    gaps = draw(st.lists(st.integers(0, 8), min_size=1, max_size=25))
    releases = list(itertools.accumulate(gaps))
    times = st.lists(st.integers(0, 12), min_size=len(gaps), max_size=len(gaps))
    return (
        releases,
        draw(times),
        draw(times),
        draw(st.integers(1, 20)),
        draw(st.sampled_from(OnOverrun)),
        draw(st.sampled_from(OnMiss)),
    )


@given(races())
def test_every_release_ends_in_exactly_one_outcome(
    case: tuple[list[int], list[int], list[int], int, OnOverrun, OnMiss],
) -> None:
    releases, services, fallback_services, budget, on_overrun, on_miss = case
    falls_back = on_miss is OnMiss.FALLBACK
    latency, fallback_latency = Scripted(services), Scripted(fallback_services)
    jitter = Scripted(itertools.repeat(0))
    entrant = Entrant(
        Climb() if on_miss is OnMiss.BEST_SO_FAR else Picky({3, 7}),
        INITIAL,
        latency,
        on_overrun,
        on_miss,
        Echo(100) if falls_back else None,
        fallback_latency if falls_back else None,
        release_jitter=jitter,
    )
    problems = range(1, len(releases) + 1)
    served = list(run(entrant, problems, releases, budget_ns=budget))

    assert [job.index for job, _ in served] == list(range(len(releases)))
    # One draw a release, started or not: the jitter does not depend on the policy.
    assert latency.asked == jitter.asked == len(releases)
    assert fallback_latency.asked == falls_back * len(releases)
    free, answered = 0, False
    for (job, answer), release, service, cheap in zip(
        served, releases, services, fallback_services, strict=True
    ):
        assert isinstance(job.outcome, Outcome)
        assert (job.release_ns, job.deadline_ns) == (release, release + budget)
        total = service + cheap * falls_back
        if on_overrun is OnOverrun.SKIP and free > release:
            assert job.outcome is SKIPPED
        if job.outcome is SKIPPED:
            assert (job.start_ns, job.finish_ns, job.service_ns) == (None, None, None)
            assert on_overrun is not OnOverrun.CONTINUE
        else:
            assert job.start_ns == max(release, free)  # Lindley
            assert job.service_ns == total
            assert job.finish_ns is not None
            end = job.start_ns + total
            if on_overrun is OnOverrun.ABORT and end > job.deadline_ns:
                assert job.outcome in (ABORTED, FAILED)  # a failure shows through the cut
                end = job.deadline_ns
            else:
                assert job.outcome is not ABORTED
            assert job.finish_ns == end
            free = end
        if job.outcome is MET:
            assert job.finish_ns is not None
            assert job.finish_ns <= job.deadline_ns
        if job.outcome is LATE:
            assert job.finish_ns is not None
            assert job.finish_ns > job.deadline_ns
        assert (job.outcome is FAILED) == (job.reason is not None)
        assert (job.outcome is MET) == (job.source is Source.OWN)
        answered = answered or job.source not in (Source.INITIAL, Source.HELD)
        assert (job.source is Source.INITIAL) == (not answered)
        assert (answer == INITIAL) == (not answered)
        if job.source is Source.OWN:
            assert answer.value == job.index + 1
        if job.source is Source.FALLBACK:
            assert answer.value == job.index + 101


@given(races())
def test_skipping_and_cutting_never_delay_the_next_job(
    case: tuple[list[int], list[int], list[int], int, OnOverrun, OnMiss],
) -> None:
    releases, services, _, budget, on_overrun, _ = case
    base = race(services, releases_ns=releases, budget_ns=budget)
    other = race(services, releases_ns=releases, budget_ns=budget, on_overrun=on_overrun)
    for (queued, _), (job, _) in zip(base, other, strict=True):
        assert queued.start_ns is not None
        assert job.start_ns is None or job.start_ns <= queued.start_ns
