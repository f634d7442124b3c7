"""The untimed call after others had the processor."""

from __future__ import annotations

import pytest

from sim.deadline import Constant, Entrant, LatencyModel, Measured, OnMiss, Solver


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
