"""The compiled race is `sim.deadline.run`, job by job to the nanosecond."""

from __future__ import annotations

from typing import Any

import numpy as np
from environments import changed
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.deadline import Entrant, OnMiss, OnOverrun, Outcome, Solver, periodic, run
from sim.env.core import Core
from sim.env.jobs import OUTCOMES, Jobs
from sim.env.settings import Settings
from sim.problem import FloatArray

SEED = 11

# Slots of a few nanoseconds: ties, zero service and overload are the rule, not the exception.
LATENCIES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda base: {"model": "constant", "base_ns": base}, st.integers(0, 40)),
    st.builds(lambda mean: {"model": "exponential", "mean_ns": mean}, st.integers(1, 30)),
    st.builds(lambda high: {"model": "uniform", "low_ns": 0, "high_ns": high}, st.integers(1, 40)),
    st.builds(lambda low: {"model": "pareto", "minimum_ns": low, "shape": 1.1}, st.integers(1, 10)),
)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    slot, lead = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    budget, left = {"lead": lead}, lead * slot - 1
    for item in ("csi_ns", "fronthaul_ns", "control_ns"):
        budget[item] = draw(st.integers(0, left) | st.just(0))
        left -= budget[item]
    return changed(
        slot_ns=slot,
        slots=draw(st.integers(1, 150)),
        budget=budget,
        channel={"rayleigh": {"links": 2}},
        radio={"snr_db": 0},
        compute={
            "latency": draw(LATENCIES),
            "speed": draw(st.sampled_from([1.0, 0.7, 3.0])),
            "release_jitter": draw(st.none() | LATENCIES),
        },
        controllers=[{"offset_ns": draw(st.integers(0, 20))}],
        on_overrun=draw(st.sampled_from(OnOverrun)).value,
        on_miss=draw(st.sampled_from(["hold", "use_late"])),
    )


class Scripted(Solver[int, Any]):
    """Answers problem n with the n-th of its answers."""

    def __init__(self, answers: FloatArray) -> None:
        self._answers = answers

    def solve(self, problem: int) -> Any:
        return self._answers[problem]


def by_run(known: Settings, powers: FloatArray) -> list[tuple[Any, ...]]:
    """Return start, finish, outcome and the answer in force of each job, by the harness."""
    deadlines = known.deadlines
    assert deadlines is not None
    whose = SEED, known.links, known.subbands, known.folder
    entrant = Entrant(
        Scripted(powers),
        known.p_max_w,
        deadlines.service(*whose)[0],
        on_overrun=deadlines.on_overrun,
        on_miss=OnMiss.USE_LATE if deadlines.use_late else OnMiss.HOLD,
        release_jitter=deadlines.wake_up(*whose),
    )
    timing = known.timing
    releases = periodic(timing.slot_ns, timing.offset_ns + timing.release_after_ns)
    served = run(entrant, range(len(powers)), releases, budget_ns=timing.compute_ns)
    return [(job.start_ns, job.finish_ns, job.outcome, answer.tolist()) for job, answer in served]


def dropped_ns(known: Settings, slot: int) -> int:
    """Return when a job that never started was dropped: at its release, or cut at its deadline."""
    timing, deadlines = known.timing, known.deadlines
    assert deadlines is not None
    release_ns = timing.offset_ns + slot * timing.slot_ns + timing.release_after_ns
    cut = deadlines.on_overrun is OnOverrun.ABORT
    return release_ns + timing.compute_ns * cut


def by_core(known: Settings, actions: FloatArray, size: int) -> list[list[tuple[Any, ...]]]:
    """Return the same of each of several environments side by side."""
    core, active = Core(known, size), np.ones(size, np.bool_)
    for i in range(size):
        core.start(i, SEED)
    jobs = core._jobs
    assert isinstance(jobs, Jobs)
    found: list[list[Any]] = [[] for _ in range(size)]
    ends: list[int] = []
    for slot in range(known.steps):
        core.step(np.broadcast_to(actions[slot], (size, known.links)).copy(), active)
        place = slot % jobs.end_ns.shape[1]
        for i in range(size):
            outcome = Outcome(OUTCOMES[jobs.ended[i, place]])
            started = outcome is not Outcome.SKIPPED
            start = int(jobs.start_ns[i, place]) if started else None
            end = int(jobs.end_ns[i, place]) if started else None
            found[i].append([start, end, outcome])
            if i == 0:
                ends.append(end if end is not None else dropped_ns(known, slot))
            now_ns = known.timing.offset_ns + (slot + 1) * known.timing.slot_ns
            assert jobs.backlog[i] == sum(end_ns > now_ns for end_ns in ends)
            if slot + 1 >= known.lead:
                due = found[i][slot + 1 - known.lead]
                assert OUTCOMES[core.outcome[i]] == due[2]
                due.append(core.power_w[i].tolist())
    return [[tuple(job) for job in jobs] for jobs in found]


@given(scenarios())
@settings(max_examples=300)
def test_the_compiled_race_is_the_recursion(description: dict[str, Any]) -> None:
    known = Settings.of(description, latency="scenario")
    actions = np.linspace(-1.0, 1.0, known.steps * 2).reshape(known.steps, 2)
    powers = (actions[:, None, :] + 1.0) / 2.0 * known.p_max_w
    expected = by_run(known, powers)
    served = max(known.steps + 1 - known.lead, 0)
    for found in by_core(known, actions, 2):
        assert found[:served] == expected[:served]
        assert found[served:] == [job[:3] for job in expected[served:]]


def test_a_queue_may_grow_as_long_as_the_episode() -> None:
    """Each job takes ten slots: the places for jobs are doubled again and again."""
    description = changed(
        slots=600,
        channel={"rayleigh": {"links": 2}},
        radio={"snr_db": 0},
        on_overrun="continue",
        on_miss="use_late",
    )
    known = Settings.of(description, latency={"exponential": {"mean": "10 ms"}})
    actions = np.linspace(-1.0, 1.0, known.steps * 2).reshape(known.steps, 2)
    powers = (actions[:, None, :] + 1.0) / 2.0 * known.p_max_w
    expected = by_run(known, powers)
    (found,) = by_core(known, actions, 1)
    served = known.steps + 1 - known.lead
    assert found[:served] == expected[:served]
    assert len({tuple(job[3][0]) for job in expected}) > 30  # late answers did serve
