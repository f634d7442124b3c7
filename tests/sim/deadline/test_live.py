"""The live clock, on a host whose time passes only when somebody sleeps or works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from toys import INITIAL, Answer, Echo, FakeTime

from sim.deadline import (
    AnytimeSolver,
    Entrant,
    LiveClock,
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


class Worker(Solver[int, Answer]):
    """Takes its problem for the time it needs."""

    def __init__(self, host: FakeTime) -> None:
        self._host = host

    def solve(self, problem: int) -> Answer:
        self._host.work(problem)
        if problem == 13:
            raise ArithmeticError("unlucky")
        return Answer(problem)


class Steps(AnytimeSolver[int, Answer]):
    """Takes so many steps of 3 ns each; maybe the second one fails."""

    def __init__(self, host: FakeTime, error: BaseException | None = None) -> None:
        self._host = host
        self._error = error
        self.steps_taken = 0

    def solve(self, problem: int) -> Answer:
        return list(self.iterates(problem))[-1]

    def iterates(self, problem: int) -> Iterator[Answer]:
        for step in range(1, problem + 1):
            self._host.work(3)
            self.steps_taken += 1
            if step == 2 and self._error is not None:
                raise self._error
            yield Answer(step, step)


def live(
    entrant: Entrant[int, Answer], host: FakeTime, problems: list[int], budget_ns: int = 10
) -> list[Served[Answer]]:
    clock = LiveClock(spin_ns=0, source=host.source, sleep=host.sleep)
    return list(run(entrant, problems, periodic(10), budget_ns=budget_ns, clock=clock))


def rows(served: list[Served[Answer]]) -> list[tuple[int | None, int | None, Outcome]]:
    return [(job.start_ns, job.finish_ns, job.outcome) for job, _ in served]


def test_a_clock_may_start_later() -> None:
    host = FakeTime()
    clock = LiveClock(spin_ns=0, source=host.source, sleep=host.sleep, start_ns=500)
    assert clock.now_ns() == 500
    assert clock.wait_until(600) == 600
    assert host.slept == [100e-9]


def test_the_clock_starts_at_zero_and_waits_on_an_absolute_grid() -> None:
    host = FakeTime()
    clock = LiveClock(spin_ns=0, source=host.source, sleep=host.sleep)
    assert clock.now_ns() == 0
    assert clock.wait_until(100) == 100
    host.work(30)
    assert clock.wait_until(200) == 200
    assert host.slept == [100e-9, 70e-9]
    assert clock.wait_until(150) == 200  # passed: at once
    assert len(host.slept) == 2


def test_the_clock_sleeps_short_and_spins_the_rest() -> None:
    host = FakeTime()
    looks = 0

    def source() -> int:
        nonlocal looks
        looks += 1
        host.work(10)  # a look at the clock takes 10 ns
        return host.now_ns

    clock = LiveClock(spin_ns=400, source=source, sleep=host.sleep)
    reached = clock.wait_until(1000)
    assert 1000 <= reached < 1010
    assert host.slept == [pytest.approx((1000 - 10 - 400) / 1e9)]
    assert looks > 30
    host.slept.clear()
    clock.wait_until(1300)
    assert host.slept == []


def test_continue() -> None:
    host = FakeTime()
    served = live(Entrant(Worker(host), INITIAL), host, [4, 25, 3, 10, 1])
    assert rows(served) == [
        (0, 4, MET),
        (10, 35, LATE),
        (35, 38, LATE),
        (38, 48, LATE),
        (48, 49, MET),
    ]
    assert [job.service_ns for job, _ in served] == [4, 25, 3, 10, 1]
    assert [answer.value for _, answer in served] == [4, 4, 4, 4, 1]


def test_skip() -> None:
    host = FakeTime()
    entrant = Entrant(Worker(host), INITIAL, on_overrun=OnOverrun.SKIP, on_miss=OnMiss.USE_LATE)
    served = live(entrant, host, [4, 20, 3, 9])
    assert rows(served) == [
        (0, 4, MET),
        (10, 30, LATE),
        (None, None, SKIPPED),
        (30, 39, MET),
    ]
    assert [(job.source, answer.value) for job, answer in served] == [
        (Source.OWN, 4),
        (Source.HELD, 4),
        (Source.LATE, 20),
        (Source.OWN, 9),
    ]


def test_abort_cannot_cut_a_call_and_skips_what_it_outlives() -> None:
    host = FakeTime()
    entrant = Entrant(Worker(host), INITIAL, on_overrun=OnOverrun.ABORT)
    assert rows(live(entrant, host, [4, 25, 3, 10])) == [
        (0, 4, MET),
        (10, 35, ABORTED),  # it held the server until 35, past the third's deadline
        (None, None, SKIPPED),
        (35, 45, ABORTED),
    ]


def test_abort_never_starts_a_job_whose_wait_ended_past_its_deadline() -> None:
    class Sluggish(FakeTime):
        """Every sleep ends 10 ns late."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.work(10)

    host = Sluggish()
    entrant = Entrant(Worker(host), INITIAL, on_overrun=OnOverrun.ABORT)
    served = live(entrant, host, [1, 1])
    assert rows(served)[1] == (None, None, SKIPPED)


@pytest.mark.parametrize("look_ns", [1, 2, 3])
@pytest.mark.parametrize("on_overrun", OnOverrun)
def test_a_clock_that_moves_at_every_look_never_tears_a_job(
    look_ns: int, on_overrun: OnOverrun
) -> None:
    host = FakeTime()

    def source() -> int:
        host.work(look_ns)
        return host.now_ns

    clock = LiveClock(spin_ns=0, source=source, sleep=host.sleep)
    entrant = Entrant(Worker(host), INITIAL, on_overrun=on_overrun)
    problems = [1, 14, 5, 2, 30, 4, 1, 9] * 4
    outcomes = set()
    for job, _ in run(entrant, problems, periodic(20), budget_ns=20, clock=clock):
        outcomes.add(job.outcome)
        assert (job.outcome is SKIPPED) == (job.start_ns is None) == (job.finish_ns is None)
        if job.outcome is MET:
            assert job.finish_ns is not None
            assert job.finish_ns <= job.deadline_ns
    assert len(outcomes) > 1


def test_fallback_runs_first() -> None:
    host = FakeTime()

    class Cheap(Solver[int, Answer]):
        def solve(self, problem: int) -> Answer:
            host.work(2)
            return Answer(100 + problem)

    entrant = Entrant(Worker(host), INITIAL, on_miss=OnMiss.FALLBACK, fallback=Cheap())
    served = live(entrant, host, [8, 9])
    assert rows(served) == [(0, 10, MET), (10, 21, LATE)]
    assert [(job.source, answer.value) for job, answer in served] == [
        (Source.OWN, 8),
        (Source.FALLBACK, 109),
    ]


def test_failures_do_not_end_the_run() -> None:
    host = FakeTime()
    served = live(Entrant(Worker(host), INITIAL), host, [4, 13, 3])
    assert [job.outcome for job, _ in served] == [MET, FAILED, MET]
    assert served[1].job.reason == "ArithmeticError: unlucky"


def refusing(
    value: int, solver: Solver[int, Answer], fallback: Solver[int, Answer] | None = None
) -> Entrant[int, Answer]:
    """Return an entrant whose check refuses one value."""
    return Entrant(
        solver,
        INITIAL,
        on_miss=OnMiss.BEST_SO_FAR if fallback is None else OnMiss.FALLBACK,
        fallback=fallback,
        check=lambda problem, answer: f"{value} for {problem}" if answer.value == value else None,
    )


def test_answers_are_checked_on_a_live_clock_too() -> None:
    host = FakeTime()
    served = live(refusing(2, Worker(host), Echo(100)), host, [1, 2, 13, 3])
    assert [(job.outcome, job.reason, job.source) for job, _ in served] == [
        (MET, None, Source.OWN),
        (FAILED, "2 for 2", Source.FALLBACK),
        (FAILED, "ArithmeticError: unlucky", Source.FALLBACK),
        (MET, None, Source.OWN),
    ]
    host = FakeTime()
    (failed,) = live(refusing(113, Worker(host), Echo(100)), host, [13])
    assert failed.job.source is Source.INITIAL


@pytest.mark.parametrize("on_overrun", OnOverrun)
def test_best_so_far_stops_at_the_first_iterate_past_the_deadline(on_overrun: OnOverrun) -> None:
    host = FakeTime()
    solver = Steps(host)
    entrant = Entrant(solver, INITIAL, on_overrun=on_overrun, on_miss=OnMiss.BEST_SO_FAR)
    served = live(entrant, host, [3, 100, 3], budget_ns=9)
    missed = ABORTED if on_overrun is OnOverrun.ABORT else LATE
    # Three steps of 3 ns end at the deadline, a tie; the fourth ends past it, and the solver stops.
    assert rows(served) == [(0, 9, MET), (10, 22, missed), rows(served)[2]]
    assert served[1].job.source is Source.BEST_SO_FAR
    assert served[1].answer.value == 3
    assert solver.steps_taken <= 3 + 4 + 3


def test_best_so_far_without_a_first_iterate_holds() -> None:
    host = FakeTime()
    entrant = Entrant(Steps(host), INITIAL, on_miss=OnMiss.BEST_SO_FAR)
    served = live(entrant, host, [5], budget_ns=2)
    assert served[0].job.source is Source.INITIAL
    assert served[0].job.outcome is LATE


def test_best_so_far_is_checked_like_any_answer() -> None:
    host = FakeTime()
    served = live(refusing(3, Steps(host)), host, [2, 100], budget_ns=9)
    assert [(job.source, answer.value) for job, answer in served] == [
        (Source.OWN, 2),
        (Source.HELD, 2),
    ]


def test_best_so_far_is_checked_where_it_is_done_in_time() -> None:
    host = FakeTime()
    served = live(refusing(2, Steps(host)), host, [1, 2], budget_ns=9)
    assert [(job.outcome, job.reason, job.source) for job, _ in served] == [
        (MET, None, Source.OWN),
        (FAILED, "2 for 2", Source.HELD),
    ]


@pytest.mark.parametrize("on_miss", [OnMiss.HOLD, OnMiss.BEST_SO_FAR])
def test_checks_take_none_of_a_solvers_time(on_miss: OnMiss) -> None:
    host = FakeTime()

    def slow(problem: int, answer: Answer) -> None:
        host.work(100)

    entrant = Entrant(Steps(host), INITIAL, on_miss=on_miss, check=slow)
    (served,) = live(entrant, host, [3])
    assert rows([served]) == [(0, 9, MET)]


def test_checking_what_is_left_at_the_deadline_takes_none_of_a_solvers_time() -> None:
    host = FakeTime()
    entrant = Entrant(
        Steps(host), INITIAL, on_miss=OnMiss.BEST_SO_FAR, check=lambda *_: host.work(100)
    )
    (served,) = live(entrant, host, [100])
    assert rows([served]) == [(0, 12, LATE)]
    assert served.answer.value == 3


def test_what_is_left_at_the_deadline_is_checked_against_its_problem() -> None:
    host = FakeTime()
    entrant = Entrant(
        Steps(host),
        INITIAL,
        on_miss=OnMiss.BEST_SO_FAR,
        check=lambda problem, answer: None if (problem, answer.value) == (100, 3) else "other",
    )
    (served,) = live(entrant, host, [100], budget_ns=9)
    assert (served.job.source, served.answer.value) == (Source.BEST_SO_FAR, 3)


def test_best_so_far_reports_the_work_of_its_last_iterate() -> None:
    host = FakeTime()

    class Plain(AnytimeSolver[int, int]):
        def solve(self, problem: int) -> int:
            raise NotImplementedError

        def iterates(self, problem: int) -> Iterator[int]:
            yield problem  # an answer that counts nothing

    (served,) = live(Entrant(Steps(host), INITIAL, on_miss=OnMiss.BEST_SO_FAR), host, [3])
    assert served.job.work == 3
    clock = LiveClock(spin_ns=0, source=host.source, sleep=host.sleep)
    plain = Entrant(Plain(), -1, on_miss=OnMiss.BEST_SO_FAR)
    (counted,) = run(plain, [3], periodic(10), budget_ns=10, clock=clock)
    assert (counted.answer, counted.job.work) == (3, 0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ArithmeticError("stumbled"), "ArithmeticError: stumbled"), (SystemExit(3), "SystemExit: 3")],
)
def test_best_so_far_fails_with_its_solver(error: BaseException, reason: str) -> None:
    host = FakeTime()
    entrant = Entrant(Steps(host, error), INITIAL, on_miss=OnMiss.BEST_SO_FAR)
    served = live(entrant, host, [3, 0], budget_ns=9)
    assert [(job.outcome, job.reason) for job, _ in served] == [
        (FAILED, reason),
        (FAILED, "iterates() yielded nothing"),
    ]


def test_the_default_clock_is_virtual_and_takes_no_wall_time() -> None:
    year_ns = 365 * 86_400 * 10**9
    served = list(run(Entrant(Echo(), INITIAL), [1], [year_ns], budget_ns=10**9))
    assert served[0].job.start_ns == year_ns
