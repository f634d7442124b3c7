"""One call over several problems answers each as a call of its own does: subbands are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from power_problems import problems, rayleigh

from sim.problem import PowerControlProblem, PowerControlSpec, stacked, sum_rate
from sim.registry import make_allocator

DETERMINISTIC: list[tuple[str, dict[str, Any]]] = [
    ("max_power", {}),
    ("best_link", {}),
    ("exhaustive", {}),
    ("fp", {}),
    ("wmmse", {}),
    ("wmmse", {"backend": "numpy"}),
    ("wmmse", {"backend": "python"}),
    ("dnn", {"model": "dnn_k10"}),
    ("unfolded", {}),
    ("multistart", {}),
]


@pytest.mark.parametrize(("name", "parameters"), DETERMINISTIC)
def test_answers_of_a_shared_call_are_those_of_separate_calls(
    name: str, parameters: dict[str, Any]
) -> None:
    rng = np.random.default_rng(17)
    links = 10 if name == "dnn" else 4
    weight = np.ones(links) if name == "dnn" else rng.uniform(0.1, 2.0, links)
    parts = []
    for _ in range(3):
        part = rayleigh(rng, links, subbands=2, snr_db=10.0)
        parts.append(PowerControlProblem(part.gain, part.noise_w, part.p_max_w, weight))
    separate = make_allocator(name, parameters)
    separate.prepare(PowerControlSpec(links, 2, np.random.default_rng(1)))
    shared = make_allocator(name, parameters)
    shared.prepare(PowerControlSpec(links, 6, np.random.default_rng(1)))
    answers = [separate.solve(part) for part in parts]
    together = shared.solve(stacked(parts))
    power_w = np.concatenate([answer.power_w for answer in answers])
    np.testing.assert_allclose(together.power_w, power_w, rtol=1e-6, atol=1e-9)
    assert together.work == sum(answer.work for answer in answers)


@given(problems())
def test_a_stack_is_its_parts_in_memory_of_its_own(problem: PowerControlProblem) -> None:
    both = stacked([problem, problem])
    assert both.subbands == 2 * problem.subbands
    assert sum_rate(both, np.concatenate([problem.p_max_w] * 2)) == pytest.approx(
        sum_rate(problem, problem.p_max_w)
    )
    for name in ("gain", "noise_w", "p_max_w", "weight"):
        assert not np.shares_memory(getattr(both, name), getattr(problem, name))
