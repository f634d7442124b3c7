"""What is left of a call that is cut, by the work that its iterates report, or their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from toys import INITIAL, Answer, Climb, Scripted

from sim.deadline import AnytimeSolver, Entrant, OnMiss, Source, run
from sim.deadline.call import fault, truncated


class Played(AnytimeSolver[int, Any]):
    """Yields what it is told."""

    def __init__(self, iterates: Sequence[object]) -> None:
        self._iterates = iterates

    def solve(self, problem: int) -> Any:
        return self._iterates[-1]

    def iterates(self, problem: int) -> Iterator[Any]:
        yield from self._iterates


PLAIN = ["a", "b", "c", "d"]  # no count of work at all
UNCOUNTED = [Answer(value) for value in range(4)]
COUNTED = [Answer(0, 1), Answer(1, 2), Answer(2, 10)]
FREE_FIRST = [Answer(0, 0), Answer(1, 4), Answer(2, 10)]  # what has no count goes by its number


@pytest.mark.parametrize(
    ("iterates", "work", "available_ns", "left"),
    [
        (PLAIN, 0, 24, None),
        (PLAIN, 0, 25, 0),
        (PLAIN, 0, 74, 1),
        (PLAIN, 0, 75, 2),
        (PLAIN, 0, 100, 3),
        (UNCOUNTED, 0, 49, 0),
        (UNCOUNTED, 0, 50, 1),
        (COUNTED, 0, 9, None),
        (COUNTED, 0, 10, 0),
        (COUNTED, 0, 20, 1),
        (COUNTED, 0, 99, 1),
        (COUNTED, 0, 100, 2),
        (COUNTED, 20, 10, 1),  # the solve did twice as much: each unit took half as long
        (COUNTED, 20, 49, 1),
        (COUNTED, 20, 50, 2),
        (FREE_FIRST, 0, 9, None),
        (FREE_FIRST, 0, 10, 0),
        (FREE_FIRST, 0, 40, 1),
        (PLAIN[:1], 0, 99, None),
        (PLAIN[:1], 0, 100, 0),
        ([], 0, 100, None),
    ],
)
def test_the_last_iterate_done_by_then_is_left(
    iterates: list[object], work: int, available_ns: int, left: int | None
) -> None:
    found = truncated(Played(iterates), 0, available_ns, 100, work)
    assert found == (None if left is None else iterates[left])
    if not work:
        assert truncated(Played(iterates), 0, available_ns, 100) == found


@pytest.mark.parametrize("error", [ArithmeticError, SystemExit])
@pytest.mark.parametrize("work", [0, 2])
def test_nothing_is_left_of_what_fails_on_the_way(error: type[BaseException], work: int) -> None:
    class Failing(Played):
        def iterates(self, problem: int) -> Iterator[Any]:
            yield Answer(0, 1)
            raise error

    assert truncated(Failing(PLAIN), 0, 100, 100, work) is None


def odd(problem: int, answer: Answer) -> str | None:
    return "odd" if (problem + answer.value) % 2 else None


@pytest.mark.parametrize(
    ("problem", "available_ns", "left"),
    [(0, 25, UNCOUNTED[0]), (0, 50, None), (1, 50, UNCOUNTED[1]), (0, 10, None)],
)
def test_what_is_left_is_checked_against_its_problem(
    problem: int, available_ns: int, left: Answer | None
) -> None:
    assert truncated(Played(UNCOUNTED), problem, available_ns, 100, check=odd) == left


def test_a_race_checks_what_is_left_of_a_cut_solve() -> None:
    for refused, source in ((4, Source.BEST_SO_FAR), (5, Source.INITIAL)):
        entrant = Entrant(
            Climb(), INITIAL, Scripted([20]), on_miss=OnMiss.BEST_SO_FAR,
            check=lambda problem, answer, no=refused: "no" if answer.value == no else None,
        )  # fmt: skip
        (served,) = run(entrant, [10], [0], budget_ns=10)
        assert served.job.source is source


def test_a_count_of_work_has_to_fit() -> None:
    most = (1 << 40) - 1
    assert fault(0, Answer(0, most)) is None
    assert fault(0, Answer(0, most + 1)) == f"work is {most + 1}, not a count"
    assert fault(0, Answer(0, -1)) == "work is -1, not a count"
    assert fault(0, "no count") is None
