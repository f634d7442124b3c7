"""The contract tests catch each way to break the contract, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.deadline import AnytimeSolver, Solver
from sim.deadline.testing import ContractError, check_solver, same

Array = NDArray[np.float64]


class Halves(NamedTuple):
    value: Array
    work: object = 0


class Half(AnytimeSolver[Array, Halves]):
    """Keeps every clause."""

    def solve(self, problem: Array) -> Halves:
        return Halves(problem / 2, 3)

    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield Halves(problem / 8, 1)
        yield Halves(problem / 4, 1)
        yield Halves(problem / 2, 3)


def positive(problem: Array, answer: Halves) -> str | None:
    return None if np.all(answer.value > 0) else "not positive"


def problems() -> list[Array]:
    return [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])]


def check(make: Callable[[], Solver[Any, Any]], **options: Any) -> None:
    check_solver(make, None, problems(), positive, **options)


class Mutating(Half):
    def solve(self, problem: Array) -> Halves:
        problem /= 2
        return Halves(problem.copy())


class MutatingOnTheWay(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        problem /= 2
        yield Halves(problem.copy(), 3)


class Reusing(Half):
    def prepare(self, spec: object) -> None:
        self._buffer = np.empty(2)

    def solve(self, problem: Array) -> Halves:
        return Halves(np.divide(problem, 2, out=self._buffer), 3)


class ReusingOnTheWay(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        buffer = problem / 4
        yield Halves(buffer, 1)
        buffer *= 2
        yield Halves(buffer, 3)


class Remembering(Half):
    _last = 0.0

    def solve(self, problem: Array) -> Halves:
        value = problem / 2 + 0.1 * self._last
        self._last = float(problem[0])
        return Halves(value, 3)


class Falling(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield Halves(problem / 4, 4)
        yield Halves(problem / 2, 3)


class StoppingShort(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield Halves(problem / 4, 3)


class Undercounting(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield Halves(problem / 2, 2)


class Silent(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield from ()


class Unusable(Half):
    def solve(self, problem: Array) -> Halves:
        return Halves(-problem)


class UnusableOnTheWay(Half):
    def iterates(self, problem: Array) -> Iterator[Halves]:
        yield Halves(-problem, 1)
        yield Halves(problem / 2, 3)


class Uncounted(Half):
    def solve(self, problem: Array) -> Halves:
        return Halves(problem / 2, 2.5)


@pytest.mark.parametrize(
    ("solver", "clause"),
    [
        (Mutating, "solve changed problem 0"),
        (MutatingOnTheWay, "iterates changed the problem"),
        (Reusing, "a later solve overwrote the answer to problem 0"),
        (ReusingOnTheWay, "a later iterate overwrote iterate 1"),
        (
            Remembering,
            "problem 2 got another answer the second time; pass deterministic=False if the solver "
            "draws random numbers",
        ),
        (Falling, "the work of the iterates falls"),
        (StoppingShort, "the last iterate is not the answer of solve"),
        (Undercounting, "the last iterate is not the answer of solve"),
        (Silent, "iterates yielded nothing"),
        (Unusable, "the answer to problem 0 is not usable: not positive"),
        (UnusableOnTheWay, "iterate 1 is not usable: not positive"),
        (Uncounted, "the answer to problem 0 is not usable: work is 2.5, not a count"),
    ],
)
def test_a_broken_clause_is_named(solver: type[Half], clause: str) -> None:
    with pytest.raises(ContractError) as told:
        check(solver)
    assert str(told.value) == clause


def test_a_solver_that_keeps_its_contract_passes() -> None:
    check(Half)


def test_a_solver_that_draws_may_change_its_answers() -> None:
    class Drawing(Solver[Array, Halves]):
        def prepare(self, spec: object) -> None:
            self._rng = np.random.default_rng(1)

        def solve(self, problem: Array) -> Halves:
            return Halves(self._rng.random(problem.shape) + 1e-9)

    check(Drawing, deterministic=False)
    with pytest.raises(ContractError, match="deterministic=False"):
        check(Drawing)


def test_an_anytime_solver_that_draws_need_not_end_where_solve_does() -> None:
    class Drawing(Half):
        def prepare(self, spec: object) -> None:
            self._rng = np.random.default_rng(1)

        def solve(self, problem: Array) -> Halves:
            return Halves(self._rng.random(problem.shape) + 1e-9, 3)

        def iterates(self, problem: Array) -> Iterator[Halves]:
            yield self.solve(problem)

    check(Drawing, deterministic=False)


def test_it_prepares_for_the_spec_twice() -> None:
    seen = []

    class Preparing(Half):
        def prepare(self, spec: object) -> None:
            seen.append(spec)

    check_solver(Preparing, "three links", problems())
    assert seen == ["three links"] * 2


@pytest.mark.parametrize("on_the_way", [False, True])
def test_a_change_deep_inside_a_problem_is_seen(on_the_way: bool) -> None:
    class Deep(AnytimeSolver[dict[str, Array], Halves]):
        def solve(self, problem: dict[str, Array]) -> Halves:
            if not on_the_way:
                problem["gain"] += 1
            return Halves(np.ones(2))

        def iterates(self, problem: dict[str, Array]) -> Iterator[Halves]:
            problem["gain"] += 1
            yield Halves(np.ones(2))

    with pytest.raises(
        ContractError, match="iterates changed the problem" if on_the_way else "solve changed"
    ):
        check_solver(Deep, None, [{"gain": array} for array in problems()])


@pytest.mark.parametrize("solver", [Unusable, UnusableOnTheWay])
def test_an_answer_is_checked_against_its_problem(solver: type[Half]) -> None:
    def same_sign(problem: Array, answer: Halves) -> str | None:
        return None if np.all(np.sign(answer.value) == np.sign(problem)) else "turned round"

    check_solver(Half, None, problems(), same_sign)
    with pytest.raises(ContractError, match="turned round"):
        check_solver(solver, None, problems(), same_sign)


def test_answers_need_not_count_their_work() -> None:
    class Plainly(AnytimeSolver[float, float]):
        def solve(self, problem: float) -> float:
            return problem / 2

        def iterates(self, problem: float) -> Iterator[float]:
            yield problem
            yield problem / 2

    check_solver(Plainly, None, [1.0, 2.0])


def test_one_problem_shows_nothing() -> None:
    with pytest.raises(ValueError, match=r"^check_solver wants at least two problems$"):
        check_solver(Half, None, problems()[:1])


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


@dataclass
class Data:
    value: object


@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: [x], lambda x: {"a": x}, Plain, Slotted, Data]
)
def test_same_looks_inside(wrap: Callable[[object], object]) -> None:
    array = np.array([1.0, np.nan, 0.0])
    assert same(wrap(array), wrap(array.copy()))
    assert not same(wrap(array), wrap(array[:2]))
    assert not same(wrap(array), wrap(array + 1))
    assert not same(wrap(array), wrap(array.astype(np.float32)))
    assert same(wrap(float("nan")), wrap(float("nan")))
    assert not same(wrap(1), wrap(1.0))
    assert not same(wrap((1, 2)), wrap((1, 2, 3)))
    assert not same(wrap(float("nan")), wrap(1.0))
    assert not same(wrap(1.0), wrap(float("nan")))
    assert same(wrap("text"), wrap("text"))


class Cached:
    """Equal to another of the same key, whatever each has computed already."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.computed: float | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cached) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]


def test_who_defines_what_is_equal_is_asked() -> None:
    one, other = Cached(1), Cached(1)
    other.computed = 2.0
    assert same(one, other)
    assert not same(one, Cached(2))


def test_a_plain_object_is_a_problem_like_any_other() -> None:
    class Doubling(Solver[Plain, float]):
        def solve(self, problem: Plain) -> float:
            return 2.0 * problem.value  # type: ignore[operator]

    check_solver(Doubling, None, [Plain(1.0), Plain(2.0)])
