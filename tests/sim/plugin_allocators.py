"""Allocators of the tests' own, registered as a user's plug-in would be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sim import registry
from sim.deadline import AnytimeSolver, Solver
from sim.problem import Allocation, PowerControlProblem
from sim.race import Race
from sim.result import ResultFolder, summarize
from sim.scenario import Scenario

PowerSolver = Solver[PowerControlProblem, Allocation]


class Erratic(AnytimeSolver[PowerControlProblem, Allocation]):
    """Takes 0 to 9 units of work, depending on the channel; on one in ten it fails, if told to."""

    def __init__(self, fails: bool = True) -> None:
        self._fails = fails

    def solve(self, problem: PowerControlProblem) -> Allocation:
        return list(self.iterates(problem))[-1]

    def iterates(self, problem: PowerControlProblem) -> Iterator[Allocation]:
        dice = int(problem.gain[0, 0, 0] * 1e6) % 20
        if self._fails and dice == 19:
            raise ArithmeticError("out of luck")
        power = problem.p_max_w * (np.nan if self._fails and dice == 18 else 1.0)
        steps = dice % 10
        for step in range(min(1, steps), steps + 1):
            yield Allocation(power / (10 - step), step)


class Tilted(PowerSolver):
    """Powers in proportion to each link's own gain: a function of the channel, easy by hand."""

    def prepare(self, spec: object) -> None:
        pass

    def solve(self, problem: PowerControlProblem) -> Allocation:
        own = np.diagonal(problem.gain, axis1=1, axis2=2)
        return Allocation(problem.p_max_w * own / own.max())


class Rogue(PowerSolver):
    """Answers like Tilted and then destroys its problem."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        answer = Tilted().solve(problem)
        problem.gain[:] = 0.0
        return answer


class Thrifty(PowerSolver):
    """Answers like Tilted, always in the same memory."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        answer = Tilted().solve(problem).power_w
        if not hasattr(self, "power_w"):
            self.power_w = np.empty_like(answer)
        self.power_w[:] = answer
        return Allocation(self.power_w)


class Greedy(PowerSolver):
    """Raises its own cap."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        problem.p_max_w *= 10.0
        return Allocation(problem.p_max_w.copy())


class Stillborn(PowerSolver):
    """Cannot be prepared."""

    def prepare(self, spec: object) -> None:
        raise RuntimeError("no licence\nfound")

    def solve(self, problem: PowerControlProblem) -> Allocation:
        raise AssertionError


PLUGINS = {
    "erratic": Erratic,
    "tilted": Tilted,
    "rogue": Rogue,
    "thrifty": Thrifty,
    "greedy": Greedy,
    "stillborn": Stillborn,
}


@contextmanager
def registered() -> Iterator[None]:
    """Register the plug-ins while the block runs."""
    for name, cls in PLUGINS.items():
        registry.register(name)(cls)
    try:
        yield
    finally:
        for name in PLUGINS:
            del registry._registered[name]


def scenario(**changes: Any) -> Scenario:
    """Return a small scenario: 3 links, 2 subbands of Rayleigh fading, 100 slots of 1 ms."""
    base: dict[str, Any] = {
        "name": "test",
        "seed": 3,
        "slots": 100,
        "channel": {"model": "rayleigh", "links": 3, "subbands": 2},
        "radio": {"snr_db": 10},
        "compute": {"latency": {"model": "constant", "base_ns": 100_000}},
        "allocators": ["tilted"],
    }
    return Scenario.model_validate(base | changes)


def run_race(loaded: Scenario, folder: Path) -> dict[str, Any]:
    """Run a scenario into a folder, as the command line does; return its summary."""
    race = Race(loaded, folder)
    result = ResultFolder(folder)
    summary = summarize(race, race.run(result.log))
    result.write_summary(summary)
    return summary


def named(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary's allocators by name."""
    return {entry["name"]: entry for entry in summary["allocators"]}
