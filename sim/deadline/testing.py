"""The contract of a solver, as checks that any solver can be run through, also a user's own.

In a test suite::

    from sim.deadline.testing import check_solver

    def test_my_solver():
        check_solver(MySolver, spec, problems, check=check_allocation)
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim.deadline.call import Check, fault
from sim.deadline.solver import Answer, AnytimeSolver, Problem, Solver


class ContractError(AssertionError):
    """A solver does not keep its contract; the message says which clause and how."""


def check_solver(
    make: Callable[[], Solver[Problem, Answer]],
    spec: object,
    problems: Sequence[Problem],
    check: Check[Problem, Answer] | None = None,
    deterministic: bool = True,
) -> None:
    """Run a solver through its contract.

    It prepares (twice, harmlessly), answers every problem usably, leaves the problems as they
    were, hands out answers that later calls do not overwrite, and, if it is deterministic, gives
    the same answer to the same problem whatever it solved before. An anytime solver's iterates
    are usable, later ones do not overwrite them, their work never falls, and the last one is the
    answer of `solve`.

    Args:
        make: makes a fresh solver.
        spec: what `prepare` is given.
        problems: at least two.
        check: says what is wrong with an answer, or None.
        deterministic: False for solvers that draw random numbers.

    Raises:
        ContractError: the first clause that is broken.
    """
    if len(problems) < 2:
        raise ValueError("check_solver wants at least two problems")
    solver = make()
    solver.prepare(spec)
    solver.prepare(spec)
    answers, copies = [], []
    for number, problem in enumerate(problems):
        before = copy.deepcopy(problem)
        answer = solver.solve(problem)
        _require(same(problem, before), f"solve changed problem {number}")
        _usable(check, problem, answer, f"the answer to problem {number}")
        answers.append(answer)
        copies.append(copy.deepcopy(answer))
    for number, (answer, kept) in enumerate(zip(answers, copies, strict=True)):
        _require(same(answer, kept), f"a later solve overwrote the answer to problem {number}")
    if deterministic:
        for number in reversed(range(len(problems))):
            _require(
                same(solver.solve(problems[number]), answers[number]),
                f"problem {number} got another answer the second time; pass deterministic=False "
                "if the solver draws random numbers",
            )
    if isinstance(solver, AnytimeSolver):
        for number, problem in enumerate(problems):
            _check_iterates(solver, problem, check, answers[number] if deterministic else None)


def _check_iterates(
    solver: AnytimeSolver[Problem, Answer],
    problem: Problem,
    check: Check[Problem, Answer] | None,
    answer: Answer | None,
) -> None:
    before = copy.deepcopy(problem)
    kept = [(iterate, copy.deepcopy(iterate)) for iterate in solver.iterates(problem)]
    iterates = [iterate for iterate, _ in kept]
    _require(bool(iterates), "iterates yielded nothing")
    _require(same(problem, before), "iterates changed the problem")
    for count, (iterate, now) in enumerate(kept, 1):
        _require(same(iterate, now), f"a later iterate overwrote iterate {count}")
    work = [getattr(iterate, "work", 0) for iterate in iterates]
    _require(work == sorted(work), "the work of the iterates falls")
    for count, iterate in enumerate(iterates, 1):
        _usable(check, problem, iterate, f"iterate {count}")
    if answer is not None:
        _require(same(iterates[-1], answer), "the last iterate is not the answer of solve")


def _usable(
    check: Check[Problem, Answer] | None, problem: Problem, answer: Answer, what: str
) -> None:
    reason = fault(problem, answer, check)
    _require(reason is None, f"{what} is not usable: {reason}")


def _require(kept: bool, message: str) -> None:
    if not kept:
        raise ContractError(message)


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal to the bit, through containers and objects' attributes.

    An object that defines its own ``==`` is asked, unless it is a dataclass or has slots.
    """
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, float | np.floating):
        return a == b or bool(a != a and b != b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if dataclasses.is_dataclass(a):
        names = [field.name for field in dataclasses.fields(a)]
        return all(same(getattr(a, name), getattr(b, name)) for name in names)
    if slots := getattr(type(a), "__slots__", None):
        return all(same(getattr(a, name), getattr(b, name)) for name in slots)
    kind: Any = type(a)
    if kind.__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        return same(vars(a), vars(b))
    return bool(a == b)
