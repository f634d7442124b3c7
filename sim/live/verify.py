"""Is the simulated race like the live one? Both miss ratios, with intervals, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.channel import Channel
from sim.deadline.cost import fit_cost
from sim.deadline.manifest import machine
from sim.deadline.stats import binomial_interval, replicate_interval
from sim.deadline.summary import integers, missed
from sim.feed import Feed
from sim.host import Conditions, in_own_process
from sim.live.recording import Recording, recordings, verifiable
from sim.live.trial import Heat, Plan, Trial, trials
from sim.problem import FloatArray
from sim.profile import Cell, CellKey, Profile, write_profile
from sim.race import Race
from sim.scenario import AllocatorModel, Scenario
from sim.scenario.latency import CalibratedLatency, MeasuredLatency

IntArray = NDArray[np.int64]

CONFIDENCE = 0.99

#: The simulated race goes through the live slots so often: its own chance then hardly matters.
REPEATS = 5


#: An interval wider than this holds most of what a miss ratio can be.
_WIDEST = 0.5


class Verdict(NamedTuple):
    """One allocator under one budget, live and simulated.

    Attributes:
        label: which allocator.
        wanted: the miss ratio that the budget was sought for; None for the scenario's own budget.
        budget_us: what was left to compute.
        jobs: live jobs.
        missed: those that missed.
        interval: of the live miss ratio, at `CONFIDENCE`: the exact binomial one, widened where
            stretches differ by more than chance.
        simulated_jobs: simulated jobs.
        simulated: their miss ratio.
        live_response_ns: of the jobs that were started.
        simulated_response_ns: likewise.
        lateness_ns: how late the host began the live jobs.
    """

    label: str
    wanted: float | None
    budget_us: float
    jobs: int
    missed: int
    interval: tuple[float, float]
    simulated_jobs: int
    simulated: float
    live_response_ns: IntArray
    simulated_response_ns: IntArray
    lateness_ns: IntArray

    @property
    def live(self) -> float:
        """The live miss ratio."""
        return self.missed / self.jobs

    @property
    def agrees(self) -> bool:
        """Whether the simulated miss ratio lies inside the live interval."""
        return self.interval[0] <= self.simulated <= self.interval[1]


def verify(
    plan: Plan, output: Path, progress: Callable[[int, str], None]
) -> tuple[Conditions, list[Verdict]]:
    """Play a scenario live and simulate it, and compare.

    Simulated time comes from the scenario's latency; where that is `measured`, from a profile of
    calls timed by themselves in the same minutes, written to ``output``. There a call counts from
    its release: where the host is late, its calls are slow, too, and drawn apart both would look
    more frequent than they are. A latency that the scenario gives is completed by the host's
    lateness as `compute.release_jitter`, unless the scenario has one.

    Args:
        plan: scenario and budgets.
        output: folder for the profiles.
        progress: told how many live slots more are over.

    Raises:
        InputError: as `sim.live.trial.trials`.
    """
    conditions, found = in_own_process(trials, (plan,), progress)
    (recording,) = recordings(verifiable(plan.scenario), plan.folder)
    verdicts = []
    for trial, model in zip(found, plan.scenario.allocators, strict=True):
        profile = _profile(recording, model, trial, conditions)
        path, _ = write_profile(profile, output / "profiles" / trial.label)
        for heat in trial.heats:
            scenario = _simulated(plan.scenario, model, heat, path.resolve())
            verdicts.append(_verdict(trial.label, heat, scenario, recording))
    return conditions, verdicts


def doubts(verdicts: Sequence[Verdict]) -> list[str]:
    """Return which verdicts say little, as their intervals hold most miss ratios there are."""
    return [
        f"{verdict.label} at {verdict.budget_us:,.4g} us: the interval of {verdict.jobs} live jobs "
        f"is {verdict.interval[1] - verdict.interval[0]:.0%} wide, which shows little; want more "
        "slots"
        for verdict in verdicts
        if verdict.interval[1] - verdict.interval[0] > _WIDEST
    ]


def live_interval(missed: list[int], jobs: list[int]) -> tuple[float, float]:
    """Return the interval of a live miss ratio at `CONFIDENCE`.

    The hull of the exact binomial interval and of Student's over the stretches: misses that come
    in bursts make the latter the wider one.
    """
    low, high = binomial_interval(sum(missed), sum(jobs), CONFIDENCE)
    ratios = [miss / job for miss, job in zip(missed, jobs, strict=True) if job]
    if len(ratios) > 1:
        left, right = replicate_interval(ratios, CONFIDENCE)
        low, high = min(low, max(left, 0.0)), max(high, min(right, 1.0))
    return low, high


class _Again(Channel):
    """The same slots over and over."""

    def __init__(self, gain: FloatArray) -> None:
        self.subbands, self.links = gain.shape[1], gain.shape[2]
        self._gain = gain
        self._next = 0

    def block(self, slots: int) -> FloatArray:
        places = (self._next + np.arange(slots)) % len(self._gain)
        self._next += slots
        return np.ascontiguousarray(self._gain[places])


def _verdict(label: str, heat: Heat, scenario: Scenario, recording: Recording) -> Verdict:
    own = recording.feed
    slots = scenario.controller(0).slots
    feed = Feed(_Again(recording.problems.gain), own.noise_w, own.p_max_w, own.weight, slots)
    (contestant,) = Race(scenario, recording.folder, [feed]).run(None)
    parts = list(contestant.log.parts(["outcome", "release_ns", "finish_ns"]))
    missing = np.concatenate([missed(part) for part in parts])
    response = np.concatenate([integers(part, "finish_ns", minus="release_ns") for part in parts])
    return Verdict(
        label,
        heat.wanted,
        heat.timing.compute_ns / 1e3,
        sum(heat.jobs),
        sum(heat.missed),
        live_interval(heat.missed, heat.jobs),
        len(missing),
        float(missing.mean()),
        heat.response_ns,
        response,
        heat.lateness_ns,
    )


def _simulated(scenario: Scenario, model: AllocatorModel, heat: Heat, profile: Path) -> Scenario:
    """Return the scenario of one heat: its allocator and budget, its time from a profile."""
    replayed = CalibratedLatency(model="calibrated", profile=str(profile))
    compute = scenario.compute
    latency = model.latency or compute.latency
    if isinstance(latency, MeasuredLatency):
        times: dict[str, object] = {"latency": replayed}
    else:
        times = {"latency": latency, "release_jitter": compute.release_jitter or replayed}
    controller = scenario.controllers[0].model_copy(update={"budget": heat.timing.budget})
    return scenario.model_copy(
        update={
            "slots": scenario.slots * REPEATS,
            "allocators": [model],
            "controllers": [controller],
            "compute": compute.model_copy(update=times),
        }
    )


def _profile(
    recording: Recording, model: AllocatorModel, trial: Trial, conditions: Conditions
) -> Profile:
    """Return the profile of one trial: one cell, of calls from their release."""
    channel = recording.feed.channel
    cell = Cell(
        CellKey.of(model.allocator, model.parameters),
        channel.links,
        channel.subbands,
        fit_cost(trial.lateness_ns + trial.service_ns, trial.work),
        len(trial.service_ns),
        {"p50_us": float(np.median(trial.service_ns)) / 1e3},
    )
    header: dict[str, object] = {
        "name": trial.label,
        "machine": machine(),
        "instances": "the scenario's own",
        "pinned_to_cpu": conditions.cpu,
        "priority": conditions.priority,
        "warnings": [],
    }
    release = fit_cost(trial.lateness_ns, np.zeros(len(trial.lateness_ns), dtype=np.int64))
    return Profile(trial.label, header, [cell], release)
