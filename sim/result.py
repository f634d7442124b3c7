"""What a run leaves behind: manifest, resolved scenario, log, summary, plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.deadline import InputError
from sim.deadline.folder import RunFolder
from sim.deadline.log import Jobs
from sim.deadline.manifest import content_hash, git_state, versions, write_json, write_manifest
from sim.deadline.stats import drift
from sim.deadline.summary import SUMMARY_COLUMNS, integers, summarize_jobs
from sim.ledger import Tally
from sim.problem import FloatArray
from sim.profile.provenance import profiles_of
from sim.race import Race
from sim.scenario import Scenario, dump_scenario
from sim.scenario.latency import MeasuredLatency

#: Whose versions a manifest holds.
DISTRIBUTIONS = ("ttirace", "numpy", "scipy", "numba", "simpy", "pydantic", "pyarrow", "h5py")

#: Medians of successive eighths of a measured cost per unit of work that differ by more than this
#: are not one timing: the machine was busy, or changed its clock.
_UNSTABLE = 0.5

#: Where a call takes no longer, the clock's own grain and the caches make such differences.
_TOO_SHORT_US = 2.0


class ResultFolder(RunFolder):
    """The folder of one run, with its scenario."""

    _OWN = (*RunFolder._OWN, "scenario.yaml")

    def write_scenario(self, scenario: Scenario, folder: Path) -> None:
        """Write the scenario as it was resolved; it runs as it stands."""
        text = dump_scenario(scenario, folder)
        (self.path / "scenario.yaml").write_text(text, encoding="utf-8")

    def write_manifest(self, status: str, scenario: Scenario, folder: Path) -> None:
        """Write the manifest: ``running`` before the first slot, then how the run ended.

        Args:
            status: ``running``, ``complete`` or ``interrupted``.
            scenario: what was run.
            folder: what its paths are relative to.
        """
        write_manifest(
            self.path / "manifest.json",
            status,
            {
                "scenario": scenario.name,
                "scenario_sha256": content_hash(scenario.model_dump(mode="json")),
                "seed": scenario.seed,
                "profiles": profiles_of(scenario, folder),
                "versions": versions(DISTRIBUTIONS),
                "git": git_state(Path(__file__).parent),
            },
        )

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the summary.

        Raises:
            InputError: a figure in it is not finite.
        """
        try:
            write_json(self.path / "summary.json", summary)
        except ValueError:
            raise InputError(
                f"{summary['scenario']}: rates are not finite; check the scale of p_max, noise and "
                "gains"
            ) from None


class Raced(Protocol):
    """Who has raced, in simulated time or live: what a summary and plots need."""

    @property
    def label(self) -> str:
        """Its name in results."""

    @property
    def tallies(self) -> list[Tally]:
        """The sums over slots, of each controller."""

    @property
    def log(self) -> Jobs:
        """Its jobs."""


def summarize(race: Race, contestants: Sequence[Raced]) -> dict[str, Any]:
    """Return the summary of a finished race.

    Rates are means over the slots that were served, then over controllers, and losses their
    differences; per-user figures are of each link's mean rate in force. Several controllers have
    their figures in ``controllers``, too.
    """
    allocators = []
    warnings = race.warnings
    for model, contestant in zip(race.scenario.allocators, contestants, strict=True):
        jobs = summarize_jobs(contestant.log.parts(SUMMARY_COLUMNS))
        entry = {"name": contestant.label, **jobs, **_rates(contestant.tallies)}
        if len(race.timings) > 1:
            entry["controllers"] = _controllers(race, contestant.tallies)
        allocators.append(entry)
        if jobs["failed"]:
            reason = next(iter(jobs["failures"]))
            warnings.append(
                f"{contestant.label}: {jobs['failed']} jobs failed, most often: {reason}"
            )
        measured = isinstance(model.latency or race.scenario.compute.latency, MeasuredLatency)
        measured &= (jobs["service_us"]["p50"] or 0.0) > _TOO_SHORT_US
        moved = drift(_cost_ns(contestant.log)) if measured else 0.0
        if moved > _UNSTABLE:
            warnings.append(
                f"{contestant.label}: its service time drifted by {moved:.0%} during the run; "
                "the machine was not quiet"
            )
    return {
        "scenario": race.scenario.name,
        "budget_us": race.budget_us,
        "warnings": warnings,
        "allocators": allocators,
    }


def jain(rates: FloatArray) -> float | None:
    """Return Jain's fairness index of rates, 1/K .. 1; None where all are zero.

    Source: Jain, Chiu and Hawe, DEC TR-301, 1984.
    """
    squares = float(np.square(rates).sum())
    return float(rates.sum()) ** 2 / (len(rates) * squares) if squares > 0 else None


def user_rates(tallies: list[Tally]) -> FloatArray:
    """Return the mean rate in force of each link of each controller, bit/s/Hz."""
    served = [tally.user / tally.slots for tally in tallies if tally.slots]
    return np.concatenate(served) if served else np.empty(0)


def _cost_ns(log: Jobs) -> NDArray[np.float64]:
    """Return the service time a unit of work, as some channels take more iterations than others."""
    parts = log.parts(["service_ns", "work"])
    started = [part.filter(part["service_ns"].is_valid()) for part in parts]
    return np.concatenate(
        [integers(part, "service_ns") / np.maximum(integers(part, "work"), 1) for part in started]
    )


def _rates(tallies: list[Tally]) -> dict[str, Any]:
    """Return mean rates over time: controllers count alike, however short their slots are."""
    served = [tally for tally in tallies if tally.slots]
    mean = {
        name: float(np.mean([getattr(tally, name) / tally.slots for tally in served]))
        if served
        else None
        for name in ("genie", "aged", "in_force")
    }
    users = user_rates(tallies)
    return {
        "sum_rate_bps_hz": mean,
        "loss_bps_hz": {
            "ageing": _difference(mean["genie"], mean["aged"]),
            "miss": _difference(mean["aged"], mean["in_force"]),
        },
        "per_user_p5_bps_hz": float(np.percentile(users, 5, method="inverted_cdf"))
        if served
        else None,
        "jain": jain(users) if served else None,
    }


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _controllers(race: Race, tallies: list[Tally]) -> list[dict[str, Any]]:
    """Return who missed, and the rates, controller by controller."""
    return [
        {
            "name": timing.name,
            "jobs": tally.jobs,
            "miss_ratio": 1.0 - tally.met / tally.jobs if tally.jobs else None,
            "sum_rate_bps_hz": _rates([tally])["sum_rate_bps_hz"],
        }
        for timing, tally in zip(race.timings, tallies, strict=True)
    ]
