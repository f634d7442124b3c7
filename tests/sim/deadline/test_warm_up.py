"""The untimed call after others had the processor."""

from __future__ import annotations

import pytest
from toys import INITIAL, Answer, Climb, Scripted

from sim.deadline import (
    Constant,
    Entrant,
    LatencyModel,
    Measured,
    OnMiss,
    Solver,
    Source,
    run,
)


class Counting(Solver[int, int]):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def solve(self, problem: int) -> int:
        self.seen.append(problem)
        if problem < 0:
            raise ValueError("negative")
        return problem


@pytest.mark.parametrize(("latency", "called"), [(Measured(), [7]), (Constant(5), [])])
def test_only_what_is_measured_is_warmed_up(latency: LatencyModel, called: list[int]) -> None:
    solver, fallback = Counting(), Counting()
    entrant = Entrant(
        solver, 0, latency, on_miss=OnMiss.FALLBACK, fallback=fallback, fallback_latency=latency
    )
    entrant.warm_up(7)
    assert solver.seen == fallback.seen == called


def test_a_solver_that_fails_when_warmed_up_does_no_harm() -> None:
    entrant = Entrant(Counting(), 0)
    entrant.warm_up(-1)
    assert entrant.in_force.answer == 0


def test_the_check_of_answers_is_warmed_up_too() -> None:
    checked = []
    entrant = Entrant(
        Counting(),
        0,
        on_miss=OnMiss.FALLBACK,
        fallback=Counting(),
        check=lambda problem, answer: checked.append((problem, answer)),
    )
    entrant.warm_up(7)
    assert checked == [(7, 7), (7, 7)]


class Climbing(Climb):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def solve(self, problem: int) -> Answer:
        self.seen.append(problem)
        return super().solve(problem)


class MeasuredScript(Scripted):
    measured = True


@pytest.mark.parametrize(("latency", "calls"), [(Scripted, [10]), (MeasuredScript, [10, 10])])
def test_after_a_replay_the_solver_is_warmed_up(latency: type[Scripted], calls: list[int]) -> None:
    solver = Climbing()
    entrant = Entrant(solver, INITIAL, latency([20]), on_miss=OnMiss.BEST_SO_FAR)
    (served,) = run(entrant, [10], [0], budget_ns=10)
    assert (served.job.source, served.answer.value) == (Source.BEST_SO_FAR, 5)
    assert solver.seen == calls
