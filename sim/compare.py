"""Allocators side by side on a file of channels, without a race: rates, and time a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError, Solver
from sim.deadline.call import attempt
from sim.deadline.collector import collector_paused
from sim.deadline.stats import percentile, ratio_error
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
TURN = 256


class Ratio(NamedTuple):
    """A ratio of mean rates over the same instances, and its standard error where it has one."""

    value: float
    standard_error: float | None


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

    @property
    def mean_rate(self) -> float | None:
        """Mean sum rate of the instances it answered, bit/s/Hz; None if there are none.

        Raises:
            InputError: it is not finite.
        """
        rates = np.array(self.rates)[np.array(self.answered, dtype=bool)]
        if len(rates) == 0:
            return None
        mean = float(rates.mean())
        if not isfinite(mean):
            raise InputError(
                f"{self.label}: rates are not finite; check the scale of noise, p_max and gains"
            )
        return mean

    def ratio(self, reference: Entry) -> Ratio | None:
        """Return its mean rate over that of the reference, over the instances both answered.

        None where the data carry no ratio.
        """
        both = np.array(self.answered, dtype=bool) & np.array(reference.answered, dtype=bool)
        own, other = np.array(self.rates)[both], np.array(reference.rates)[both]
        compared = float(other.sum())
        if not compared:
            return None
        return Ratio(float(own.sum()) / compared, ratio_error(own, other))

    def time_us(self) -> dict[str, float | None]:
        """Return the percentiles of its times that the data carry: ``p50``, ``p99``."""
        ordered: NDArray[np.int64] = np.sort(np.asarray(self.time_ns, dtype=np.int64))
        times: dict[str, float | None] = {}
        for name, q in (("p50", 0.5), ("p99", 0.99)):
            found = percentile(ordered, q)
            times[name] = None if found is None else found.value / 1e3
        return times


def take_turns(
    entries: Sequence[Entry], problems: Sequence[PowerControlProblem], collect: Callable[[], None]
) -> None:
    """Let every allocator answer the problems of one turn, one at a time, and book the answers.

    Each starts with an untimed call: what ran before it has left its own data in the caches.

    Args:
        entries: the allocators, prepared for problems of this size.
        problems: at most some hundred, or a machine that changes its speed does not treat the
            allocators alike.
        collect: called after each allocator, to clean up (see `collector_paused`).
    """
    rates = np.empty(problems[0].links)
    for entry in entries:
        attempt(entry.solver, problems[0])
        for problem in problems:
            entry.answer(problem, rates)
        collect()


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
            for first in range(0, len(block), TURN):
                problems = [PowerControlProblem(g, noise_w, p_max_w) for g in block[first:][:TURN]]
                take_turns([*entries, null], problems, collect)
                instances += len(problems)
                if progress is not None:
                    progress(len(problems))
    return {
        "instances": instances,
        "subbands": size[0],
        "links": size[1],
        "noise_w": noise_w,
        "p_max_w": p_max_w,
        "call_us": null.time_us(),
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
    mean_rate = entry.mean_rate  # before any ratio: it says so where rates are not finite
    share = entry.ratio(reference)
    found: dict[str, Any] = {
        "name": entry.label,
        "sum_rate_bps_hz": mean_rate,
        "share": None if share is None else share.value,
        "time_us": entry.time_us(),
        "failed": len(entry.reasons),
    }
    if entry.reasons:
        found["failure"] = entry.reasons[0]
    return found
