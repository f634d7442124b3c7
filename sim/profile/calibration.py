"""From a measurement to a profile: the costs, and under what conditions they were taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sim.deadline.manifest import git_state, machine, versions
from sim.profile.measure import Measurement
from sim.profile.plan import Plan
from sim.profile.profile import Profile
from sim.profile.verdict import warnings_of

_DISTRIBUTIONS = ("ttirace", "numpy", "scipy", "numba")


def profile_of(name: str, plan: Plan, measured: Measurement, quantile: float) -> Profile:
    """Return the profile of a measurement.

    Args:
        name: of the profile.
        plan: what was asked for.
        measured: what came of it.
        quantile: which percentile the samples were to carry.
    """
    conditions = measured.conditions
    warnings = warnings_of(measured, quantile)
    header = {
        "name": name,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(_DISTRIBUTIONS),
        "git": git_state(Path(__file__).parent),
        "instances": "Rayleigh fading, 0 and 10 dB in turn",
        "seed": plan.seed,
        "rounds": plan.rounds,
        "period_us": plan.period_ns / 1e3,
        **conditions.facts(),
        "garbage_collector": "at rest during the calls, run between rounds",
        "threads": 1,
        "timer_us": measured.timer_ns / 1e3,
        "call_us": measured.call_ns / 1e3,
        "call_drift": round(measured.null_drift, 4),
        "release_us": {key: round(value / 1e3, 3) for key, value in measured.release_ns.items()},
        "other_processors_busy": round(measured.others, 2),
        "left_out": measured.left_out,
        "warnings": warnings,
    }
    return Profile(name, header, measured.cells, measured.release)
