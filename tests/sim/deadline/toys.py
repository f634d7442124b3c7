"""Toys to race: the harness knows no radio, so problems and answers are small integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sim.deadline import (
    AnytimeSolver,
    Clock,
    Entrant,
    Job,
    LatencyModel,
    OnMiss,
    OnOverrun,
    Outcome,
    Served,
    Solver,
    Source,
    run,
)
from sim.deadline.log import JobMemory


class Answer(NamedTuple):
    value: int
    work: int = 0


INITIAL = Answer(-1)


class Echo(Solver[int, Answer]):
    """Answers with the problem, plus a constant that tells solvers apart."""

    def __init__(self, plus: int = 0) -> None:
        self._plus = plus

    def solve(self, problem: int) -> Answer:
        return Answer(problem + self._plus)


class Climb(AnytimeSolver[int, Answer]):
    """Climbs to the problem one step, and one unit of work, at a time."""

    def solve(self, problem: int) -> Answer:
        return Answer(problem, problem)

    def iterates(self, problem: int) -> Iterator[Answer]:
        for step in range(1, problem + 1):
            yield Answer(step, step)


class Picky(Solver[int, Answer]):
    """Raises on the problems it is told to, and echoes the others."""

    def __init__(self, raises_on: Iterable[int]) -> None:
        self._raises_on = set(raises_on)

    def solve(self, problem: int) -> Answer:
        if problem in self._raises_on:
            raise ArithmeticError(f"no answer\nto {problem}")
        return Answer(problem)


class Scripted(LatencyModel):
    """Draws the given times, one a release, and charges them."""

    def __init__(self, services_ns: Iterable[int]) -> None:
        self._services = iter(services_ns)
        self.asked = 0

    def draw(self) -> float:
        self.asked += 1
        return next(self._services)

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:
        return int(chance)


class FakeTime:
    """A host whose time passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_ns = 7_000  # no clock starts at zero
        self.slept: list[float] = []

    def source(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1e9)

    def work(self, duration_ns: int) -> None:
        self.now_ns += duration_ns


def race(
    services_ns: list[int],
    *,
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
    on_miss: OnMiss = OnMiss.HOLD,
    budget_ns: int = 10,
    releases_ns: list[int] | None = None,
    solver: Solver[int, Answer] | None = None,
    problems: list[int] | None = None,
    fallback: Solver[int, Answer] | None = None,
    fallback_services_ns: list[int] | None = None,
    clock: Clock | None = None,
) -> list[Served[Answer]]:
    """Race `Echo` (or another) on problems 0, 1, 2, ..., released every 10 ns."""
    count = len(services_ns)
    entrant = Entrant(
        solver or Echo(),
        INITIAL,
        Scripted(services_ns),
        on_overrun,
        on_miss,
        fallback,
        Scripted(fallback_services_ns) if fallback_services_ns is not None else None,
    )
    return list(
        run(
            entrant,
            problems if problems is not None else list(range(count)),
            releases_ns if releases_ns is not None else [10 * n for n in range(count)],
            budget_ns=budget_ns,
            clock=clock,
        )
    )


def log_of(*outcomes: Outcome) -> JobMemory:
    """Return a log of so many jobs, one a microsecond, each due after half of it."""
    with JobMemory("solver") as log:
        for index, outcome in enumerate(outcomes):
            release = index * 1000
            started = outcome is not Outcome.SKIPPED
            log.append(
                Job(
                    index, release, release + 10 if started else None,
                    release + 700 if started else None, release + 500, outcome, Source.HELD,
                    690 if started else None,
                )
            )  # fmt: skip
    return log
