"""One call: what is timed, counted and said of it, and what an entrant makes of its answer."""

from __future__ import annotations

import pytest
from toys import INITIAL, Answer, Climb, Echo, FakeTime, Picky, Scripted, race

from sim.deadline import (
    Constant,
    Entrant,
    LatencyModel,
    Measured,
    OnMiss,
    OnOverrun,
    Solver,
    Source,
    run,
)
from sim.deadline.call import Attempt, attempt


class Plain(Solver[int, int]):
    """Works for as long as it is told, and counts nothing; 13 is unlucky."""

    def __init__(self, host: FakeTime) -> None:
        self._host = host

    def solve(self, problem: int) -> int:
        self._host.work(problem)
        if problem == 13:
            raise ArithmeticError("unlucky")
        return problem


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (5, Attempt(5, 5, 0, None, 7_000)),
        (6, Attempt(None, 6, 0, "6 will not do", 7_000)),
        (13, Attempt(None, 13, 0, "ArithmeticError: unlucky", 7_000)),
    ],
)
def test_a_call_says_what_it_took_and_when_it_began(problem: int, expected: Attempt[int]) -> None:
    host = FakeTime()

    def check(_: int, answer: int) -> str | None:
        host.work(100)  # is not timed
        return "6 will not do" if answer == 6 else None

    assert attempt(Plain(host), problem, check, host.source) == expected


def test_a_fallback_is_checked_too() -> None:
    entrant = Entrant(
        Picky([0, 1]),
        INITIAL,
        Scripted([2, 2]),
        on_miss=OnMiss.FALLBACK,
        fallback=Echo(100),
        fallback_latency=Scripted([1, 1]),
        check=lambda problem, answer: "no" if answer.value == 101 else None,
    )
    served = list(run(entrant, [0, 1], [0, 10], budget_ns=10))
    assert [(job.source, answer.value) for job, answer in served] == [
        (Source.FALLBACK, 100),
        (Source.HELD, 100),
    ]


def test_answers_are_kept_as_they_are_told_to_be() -> None:
    entrant = Entrant(
        Picky([1]),
        INITIAL,
        Scripted([2, 2]),
        on_miss=OnMiss.FALLBACK,
        fallback=Echo(100),
        fallback_latency=Scripted([1, 1]),
        keep=lambda answer: Answer(answer.value, 99),
    )
    served = list(run(entrant, [0, 1], [0, 10], budget_ns=10))
    assert [answer for _, answer in served] == [Answer(0, 99), Answer(101, 99)]


def test_what_was_cut_never_comes_late() -> None:
    jobs = race([25, 25, 4], on_overrun=OnOverrun.ABORT, on_miss=OnMiss.USE_LATE)
    assert [(job.source, answer.value) for job, answer in jobs] == [
        (Source.INITIAL, -1),
        (Source.INITIAL, -1),
        (Source.OWN, 2),
    ]


@pytest.mark.parametrize(("jitter", "start_ns"), [(Measured(), 0), (Constant(3.0, 5.0), 3)])
def test_a_host_wakes_up_at_no_cost_of_a_call(jitter: LatencyModel, start_ns: int) -> None:
    entrant = Entrant(Climb(), INITIAL, Scripted([4]), release_jitter=jitter)
    ((job, _),) = run(entrant, [3], [0], budget_ns=10)
    assert job.start_ns == start_ns
