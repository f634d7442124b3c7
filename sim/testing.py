"""The contract of an allocator, for test suites and `ttirace check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sim.deadline.testing import check_solver
from sim.problem import PowerControlProblem, PowerControlSpec, check_allocation
from sim.registry import make_allocator


def check_allocator(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    links: Iterable[int] = (1, 2, 5, 10),
    subbands: Iterable[int] = (1, 3),
    deterministic: bool = True,
) -> None:
    """Run a registered allocator through the contract, at several sizes.

    Args:
        name: as in a scenario.
        parameters: likewise.
        links: values of K.
        subbands: values of S.
        deterministic: False for allocators that draw random numbers.

    Raises:
        ContractError: the first clause that is broken.
        InputError: the allocator cannot be made.
    """
    for k in links:
        for s in subbands:
            rng = np.random.default_rng([k, s])
            check_solver(
                lambda: make_allocator(name, parameters or {}),
                PowerControlSpec(k, s, rng),
                contract_problems(k, s, rng),
                check_allocation,
                deterministic,
            )


def contract_problems(
    links: int, subbands: int, rng: np.random.Generator
) -> list[PowerControlProblem]:
    """Return ordinary and degenerate problems of one size."""
    shape = (subbands, links, links)

    def fading() -> Any:
        return rng.exponential(size=shape)

    blocked = fading()
    blocked[rng.random(shape) < 0.5] = 0.0
    p_max = rng.uniform(0.1, 2.0, shape[:2])
    weight = rng.uniform(0.0, 2.0, links)
    weight[0] = 0.0
    return [
        PowerControlProblem(fading(), 1.0, 1.0),
        PowerControlProblem(fading(), 1e-2, 1.0),
        PowerControlProblem(1e-9 * fading(), 1e-13, 0.2),
        PowerControlProblem(fading(), rng.uniform(0.1, 2.0, shape[:2]), p_max, weight),
        PowerControlProblem(blocked, 1.0, 1.0),
        PowerControlProblem(np.zeros(shape), 1.0, 1.0),
        PowerControlProblem(fading(), 1.0, 0.0),
        PowerControlProblem(fading(), 1.0, 1.0, np.zeros(links)),
    ]
