"""Live trials of an allocator: calls timed by themselves, and heats under several budgets, in turn.

All go through the same slots, a stretch at a time and in an order drawn anew, so that a machine
that changes its speed treats them alike; each has the problems in memory of its own, so that none
finds them in the caches because another had just been there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError, OnOverrun, Outcome, serve
from sim.deadline.collector import collector_paused
from sim.feed import Problems
from sim.host import Conditions, Wait, check_cpu, live_clock, quiet
from sim.ledger import PowerTask
from sim.live.controller import lateness_ns, stream_of
from sim.live.race import LEAD_IN_NS
from sim.live.recording import Recording, recordings, verifiable
from sim.network import PowerEntrant
from sim.registry import load_plugin
from sim.scenario import AllocatorModel, Controller, Scenario
from sim.seeding import stream

IntArray = NDArray[np.int64]

#: Stretches that the slots are cut into: enough for an interval over them.
STRETCHES = 20

_PILOT_SLOTS = 400


class Plan(NamedTuple):
    """What is to be tried.

    Attributes:
        scenario: the scenario.
        folder: what its paths are relative to.
        miss_ratios: budgets are sought that miss so much; none: the scenario's own budget.
        cpu: processor to pin to; the last one permitted if None.
        wait: how it waits for releases.
        plugins: to load in the process.
    """

    scenario: Scenario
    folder: Path
    miss_ratios: tuple[float, ...]
    cpu: int | None = None
    wait: Wait = "poll"
    plugins: tuple[str, ...] = ()


class Heat(NamedTuple):
    """A live race under one budget.

    Attributes:
        wanted: the miss ratio that its budget was sought for; None for the scenario's own.
        timing: slot and budget.
        missed: jobs that missed, of each stretch.
        jobs: jobs, of each stretch.
        response_ns: of the jobs that were started.
        lateness_ns: how late the host began them.
    """

    wanted: float | None
    timing: Controller
    missed: list[int]
    jobs: list[int]
    response_ns: IntArray
    lateness_ns: IntArray


class Trial(NamedTuple):
    """All that was measured of one allocator.

    Attributes:
        label: whose.
        lateness_ns: of calls timed by themselves: how late the host began them.
        service_ns: what they took.
        work: units of work they did.
        heats: one a budget.
    """

    label: str
    lateness_ns: IntArray
    service_ns: IntArray
    work: IntArray
    heats: list[Heat]


def trials(plan: Plan, progress: Callable[[int, str], None]) -> tuple[Conditions, list[Trial]]:
    """Try every allocator, in this process; progress counts slots.

    Raises:
        InputError: the scenario cannot be played live, or no budget gives a wanted miss ratio.
    """
    check_cpu(plan.cpu)
    for plugin in plan.plugins:
        load_plugin(plugin)
    passes = passes_of(plan)
    (recording,) = recordings(verifiable(plan.scenario), plan.folder, passes)
    found = []
    with quiet(plan.cpu, plan.wait) as conditions:
        for model in recording.scenario.allocators:
            found.append(_trial(recording, model, plan, progress))
    return conditions, found


def passes_of(plan: Plan) -> int:
    """Return how often the slots are gone through: as many calls alone as in heats, or twice."""
    heats = max(len(plan.miss_ratios), 1)
    return heats + max(heats, 2)


def planned_slots(plan: Plan) -> int:
    """Return how many slots all trials play, for a progress bar."""
    return passes_of(plan) * plan.scenario.controller(0).slots * len(plan.scenario.allocators)


class _Pass:
    """One way through all slots, a stretch at a time.

    Args:
        entrant: who plays; its answers in force go on from stretch to stretch.
        timing: slot and budget.
        problems: for nobody else.
        wait: how it waits for releases.
    """

    def __init__(
        self, entrant: PowerEntrant, timing: Controller, problems: Problems, wait: Wait
    ) -> None:
        self.timing = timing
        self._wait = wait
        self.stretches: list[list[PowerTask]] = []
        self._entrant = entrant
        self._problems = problems
        self._next = 0

    def play(self, until: int) -> None:
        """Play the next stretch, up to slot ``until``."""
        first, timing = self._next, self.timing
        self._next = until
        self._entrant.warm_up(self._problems.copy(1).at(0))
        clock = live_clock(self._wait, timing.offset_ns + first * timing.slot_ns - LEAD_IN_NS)
        jobs = stream_of(self._entrant, self._problems, timing, first, until)
        tasks = list(serve([jobs], clock))
        for task in tasks:  # times are all that is asked of them
            task.answer = task.fallback_answer = task.best = None
        self.stretches.append(tasks)

    def lateness_ns(self) -> list[int]:
        """Return how late the host began the jobs of all stretches."""
        on_overrun = self._entrant.on_overrun
        return [late for tasks in self.stretches for late in lateness_ns(tasks, on_overrun)]


def _trial(
    recording: Recording,
    model: AllocatorModel,
    plan: Plan,
    progress: Callable[[int, str], None],
) -> Trial:
    timing, rng = recording.timing, stream(recording.scenario.seed, "verify")
    # Alone: nothing is cut or dropped, and nothing queues unless calls are longer than slots.
    free = model.model_copy(update={"on_overrun": OnOverrun.CONTINUE})
    entrant = recording.entrant(free)
    with collector_paused() as collect:
        pilot = _Pass(entrant, timing, recording.problems.copy(), plan.wait)
        pilot.play(min(_PILOT_SLOTS, timing.slots))
        budgets = _budgets(timing, plan.miss_ratios, pilot)
        heats = [
            _Pass(recording.entrant(model, own), own, recording.problems.copy(), plan.wait)
            for _, own in budgets
        ]
        alone = [
            _Pass(entrant, timing, recording.problems.copy(), plan.wait)
            for _ in range(max(len(heats), 2))
        ]
        everyone = [*heats, *alone]
        for part in np.array_split(np.arange(timing.slots), min(STRETCHES, timing.slots)):
            for place in rng.permutation(len(everyone)):
                everyone[place].play(int(part[-1]) + 1)
                collect()
                progress(len(part), model.label)
    lateness, service, work = _times(alone)
    return Trial(
        model.label,
        lateness,
        service,
        work,
        [_heat(wanted, one) for (wanted, _), one in zip(budgets, heats, strict=True)],
    )


def _budgets(
    timing: Controller, miss_ratios: Sequence[float], pilot: _Pass
) -> list[tuple[float | None, Controller]]:
    if not miss_ratios:
        return [(None, timing)]
    late, service, _ = _times([pilot])
    most = timing.compute_ns
    budgets = [(wanted, budget_for(wanted, late + service)) for wanted in miss_ratios]
    return [
        (wanted, with_budget(timing, min(budget, most) if wanted == 0.0 else budget))
        for wanted, budget in budgets
    ]


def budget_for(miss_ratio: float, response_ns: IntArray) -> int:
    """Return a budget that so much of some response times exceeds.

    A ratio of zero stands for twice the longest, of one for half the shortest.
    """
    if miss_ratio <= 0.0:
        return int(2 * response_ns.max())
    if miss_ratio >= 1.0:
        return max(int(response_ns.min() // 2), 1)
    return max(int(np.quantile(response_ns, 1.0 - miss_ratio)), 1)


def with_budget(timing: Controller, compute_ns: int) -> Controller:
    """Return a controller that is given ``compute_ns`` to compute.

    Raises:
        InputError: its slots are too short for that.
    """
    try:
        return replace(timing, budget=timing.budget.model_copy(update={"compute_ns": compute_ns}))
    except ValueError as error:
        raise InputError(
            f"{error}, which one of the miss ratios takes; want longer slots"
        ) from None


def _times(passes: Sequence[_Pass]) -> tuple[IntArray, IntArray, IntArray]:
    """Return lateness, service time and work of calls timed by themselves."""
    late, service, work = [], [], []
    for one in passes:
        late += one.lateness_ns()
        for tasks in one.stretches:
            service += [task.service_ns for task in tasks]
            work += [task.work for task in tasks]
    return np.array(late), np.array(service), np.array(work)


def _heat(wanted: float | None, played: _Pass) -> Heat:
    responses = [task.job().response_ns for part in played.stretches for task in part]
    return Heat(
        wanted,
        played.timing,
        [sum(task.outcome is not Outcome.MET for task in part) for part in played.stretches],
        [len(part) for part in played.stretches],
        np.array([response for response in responses if response is not None], dtype=np.int64),
        np.array(played.lateness_ns(), dtype=np.int64),
    )
