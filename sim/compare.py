"""Allocators side by side on a file of channels, without a race: rates, and time a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError, Solver
from sim.deadline.call import attempt
from sim.deadline.collector import collector_paused
from sim.deadline.stats import percentile
from sim.named import named_allocator
from sim.problem import (
    Allocation,
    FloatArray,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
    evaluate,
)
from sim.registry import prepare_allocator
from sim.seeding import stream

#: Instances that one allocator answers before the next has its turn.
_TURN = 256


class _Null(Solver[PowerControlProblem, Allocation]):
    """Answers at once: what is left is the cost of the call itself."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        return Allocation(problem.p_max_w)


@dataclass
class Entry:
    """One allocator's results so far."""

    label: str
    solver: Solver[PowerControlProblem, Allocation]
    rates: list[float] = field(default_factory=list)  # of each instance
    answered: list[bool] = field(default_factory=list)  # or failed, its rate then a zero
    reasons: list[str] = field(default_factory=list)
    time_ns: list[int] = field(default_factory=list)

    def answer(self, problem: PowerControlProblem, rates: FloatArray) -> None:
        """Answer one problem and book it."""
        result = attempt(self.solver, problem, check_allocation)
        if result.answer is None:
            self.reasons.append(str(result.reason))
            self.rates.append(0.0)
            self.answered.append(False)
            return
        self.time_ns.append(result.elapsed_ns)
        self.rates.append(evaluate(problem, result.answer.power_w, rates))
        self.answered.append(True)


def compare(
    names: Sequence[str],
    blocks: Iterable[FloatArray],
    noise_w: float,
    p_max_w: float,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    leave_out: bool = False,
) -> dict[str, Any]:
    """Let every allocator answer every instance, one at a time, and return what came of it.

    Allocators take turns of 256 instances, each after an untimed call, so that a machine that
    changes its speed treats them alike.

    Args:
        names: allocators as in `named_allocator`; shares are of the first.
        blocks: linear power gains, ``(N, S, K, K)`` each.
        noise_w: noise of each receiver in each subband.
        p_max_w: power cap of each transmitter in each subband.
        seed: of the allocators that draw random numbers.
        progress: told how many instances more are done.
        leave_out: leave out allocators that do not fit the channels, and say so.

    Raises:
        InputError: an allocator is unknown or does not fit the channels, or rates are not finite.
    """
    entries: list[Entry] = []
    left_out: list[str] = []
    null = Entry("null", _Null())
    instances = 0
    size = (0, 0)
    with collector_paused() as collect:
        for block in blocks:
            if not entries:
                size = block.shape[1], block.shape[2]
                entries, left_out = _entries(names, size, seed, leave_out)
            rates = np.empty(size[1])
            for first in range(0, len(block), _TURN):
                problems = [PowerControlProblem(g, noise_w, p_max_w) for g in block[first:][:_TURN]]
                for entry in [*entries, null]:
                    attempt(entry.solver, problems[0])
                    for problem in problems:
                        entry.answer(problem, rates)
                    collect()
                instances += len(problems)
                if progress is not None:
                    progress(len(problems))
    return {
        "instances": instances,
        "subbands": size[0],
        "links": size[1],
        "noise_w": noise_w,
        "p_max_w": p_max_w,
        "call_us": _time_us(null),
        "left_out": left_out,
        "allocators": [_describe(entry, entries[0]) for entry in entries],
    }


def _entries(
    names: Sequence[str], size: tuple[int, int], seed: int, leave_out: bool
) -> tuple[list[Entry], list[str]]:
    """Return the allocators that fit, and why the others were left out, if they may be."""
    entries: list[Entry] = []
    left_out: list[str] = []
    for name in names:
        spec = PowerControlSpec(size[1], size[0], stream(seed, "allocator", 0))
        try:
            solver = prepare_allocator(*named_allocator(name), spec)
        except InputError as error:
            if not leave_out:
                raise
            left_out.append(str(error))
        else:
            entries.append(Entry(name, solver))
    return entries, left_out


def _describe(entry: Entry, reference: Entry) -> dict[str, Any]:
    """Return an allocator's figures; its share is over the instances that both have answered."""
    rates, answered = np.array(entry.rates), np.array(entry.answered, dtype=bool)
    rate = float(rates[answered].mean()) if answered.any() else None
    both = answered & np.array(reference.answered, dtype=bool)
    compared = float(np.array(reference.rates)[both].sum())
    if rate is not None and not isfinite(rate):
        raise InputError(
            f"{entry.label}: rates are not finite; check the scale of noise, p_max and gains"
        )
    found: dict[str, Any] = {
        "name": entry.label,
        "sum_rate_bps_hz": rate,
        "share": float(rates[both].sum()) / compared if compared else None,
        "time_us": _time_us(entry),
        "failed": len(entry.reasons),
    }
    if entry.reasons:
        found["failure"] = entry.reasons[0]
    return found


def _time_us(entry: Entry) -> dict[str, float | None]:
    ordered: NDArray[np.int64] = np.sort(np.asarray(entry.time_ns, dtype=np.int64))
    times: dict[str, float | None] = {}
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        found = percentile(ordered, q)
        times[name] = None if found is None else found.value / 1e3
    return times
