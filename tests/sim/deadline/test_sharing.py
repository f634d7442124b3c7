"""One call over several problems: what it takes, and what each job is charged."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from toys import INITIAL, Answer, Climb, Echo, FakeTime, Picky

from sim.deadline import Constant, Entrant, Joined, LatencyModel, Measured, OnMiss, Solver, Task


class Warming(Solver[int, Answer]):
    """Takes 50 ns longer than its problem if the processor has forgotten it."""

    def __init__(self, host: FakeTime) -> None:
        self._host = host
        self.cold = True
        self.seen: list[int] = []

    def solve(self, problem: int) -> Answer:
        self._host.work(problem + 50 * self.cold)
        self.cold = False
        self.seen.append(problem)
        return Answer(problem)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime()
    monkeypatch.setattr("sim.deadline.call.time", SimpleNamespace(perf_counter_ns=made.source))
    return made


def test_a_joined_call_is_timed_warm_by_the_solver_of_its_size(host: FakeTime) -> None:
    pair, triple = Warming(host), Warming(host)
    joined = Joined(sum, {2: pair, 3: triple})
    assert joined.elapsed_ns([3, 4]) == 7
    assert pair.seen == [7, 7]
    assert joined.elapsed_ns([5, 6]) == 11
    assert pair.seen == [7, 7, 11]
    assert triple.seen == []
    assert joined.elapsed_ns([1, 2, 3]) == 6
    pair.cold = True
    joined.cool()
    assert joined.elapsed_ns([3, 4]) == 7
    assert pair.seen[3:] == [7, 7]


class Counted(LatencyModel):
    """Charges what it is told, and notes it."""

    def __init__(self, chance: float) -> None:
        self._chance = chance
        self.told: list[tuple[float, int, int, int]] = []

    def draw(self) -> float:
        return self._chance

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:
        self.told.append((chance, elapsed_ns if batch > 1 else -1, work, batch))
        return 100 * batch + work


def solved(entrant: Entrant[int, Answer], problems: Sequence[int]) -> list[Task[int, Answer]]:
    tasks = [Task[int, Answer](index, problem, 0, 1000) for index, problem in enumerate(problems)]
    for task in tasks:
        entrant.solve(task)
    return tasks


def test_jobs_that_share_a_call_share_its_time_and_keep_their_answers() -> None:
    entrant = Entrant(Climb(), INITIAL, Constant(100.0, 10.0), release_jitter=Constant(7.0))
    tasks = solved(entrant, [1, 2, 3])
    assert [task.service_ns for task in tasks] == [110, 120, 130]
    tasks[1].wake_up_ns = 9  # of the call there is one wake-up, the first's
    entrant.share(tasks)
    assert [task.service_ns for task in tasks] == [160] * 3  # the base once, all the work
    assert [task.left_ns for task in tasks] == [160] * 3
    assert [task.fallback_ns for task in tasks] == [0] * 3
    assert [task.wake_up_ns for task in tasks] == [7] * 3
    assert [task.answer for task in tasks] == [Answer(1, 1), Answer(2, 2), Answer(3, 3)]


def test_the_fallbacks_share_a_call_before() -> None:
    main, cheap = Counted(0.25), Counted(0.75)
    entrant = Entrant(
        Climb(), INITIAL, main, on_miss=OnMiss.FALLBACK, fallback=Climb(), fallback_latency=cheap
    )
    tasks = solved(entrant, [4, 5])
    entrant.share(tasks)
    assert main.told[2:] == [(0.25, 0, 9, 2)]
    assert cheap.told[2:] == [(0.75, 0, 9, 2)]
    assert [task.fallback_ns for task in tasks] == [209] * 2
    assert [task.service_ns for task in tasks] == [418] * 2


def test_where_time_is_measured_the_joined_calls_are(host: FakeTime) -> None:
    slow, quick = Warming(host), Warming(host)
    entrant = Entrant(
        Echo(),
        INITIAL,
        Measured(),
        on_miss=OnMiss.FALLBACK,
        fallback=Echo(),
        fallback_latency=Measured(),
        joined=Joined(sum, {2: slow}),
        fallback_joined=Joined(max, {2: quick}),
    )
    tasks = solved(entrant, [30, 40])
    entrant.share(tasks)
    assert [task.fallback_ns for task in tasks] == [40] * 2
    assert [task.service_ns for task in tasks] == [110] * 2
    for solver in (slow, quick):
        solver.cold = True
    entrant.warm_up(1)
    entrant.share(tasks)
    assert [task.service_ns for task in tasks] == [110] * 2


def test_an_answer_for_nothing_is_kept_safe_and_none_if_it_fails() -> None:
    entrant = Entrant(
        Picky({3}),
        INITIAL,
        check=lambda problem, answer: "four" if answer.value == 4 else None,
        keep=lambda answer: answer._replace(work=99),
    )
    assert entrant.answer(2) == Answer(2, 99)
    assert entrant.answer(3) is None
    assert entrant.answer(4) is None
