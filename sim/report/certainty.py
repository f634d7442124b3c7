"""What the figures of a study rest on, and how far they carry."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sim.deadline.manifest import machine
from sim.profile.provenance import same_machine
from sim.report.cells import FEWEST, dispersion
from sim.report.results import StudyResults
from sim.report.wording import count, listing, named, ratio, rough

_MOST_REASONS = 5


def asked(results: StudyResults) -> list[str]:
    """Say what was asked, of what."""
    axes = [
        f"{axis.bare} ({axis.text(axis.values[0])} .. {axis.text(axis.values[-1])}"
        f"{' ' + axis.unit if axis.unit and not axis.labelled else ''}, {len(axis.values)} values)"
        for axis in results.axes
    ]
    over = f" over {listing(axes)}" if axes else ""
    lines = [
        f"The study asks for {results.target}"
        + ("." if results.target_given else " (it names no target: this is the usual one).")
    ]
    runs = count(len(results.facts["point"]), "point")
    who = count(len(results.allocators), "allocator")
    lines.append(f"It has {runs}: {who}{over}, {count(results.replicates, 'replicate')} each.")
    fixed = [axis.phrase(axis.values[0]) for axis in results.every_axis if len(axis.values) == 1]
    if fixed:
        lines.append(f"Everywhere: {listing(fixed)}.")
    return lines


def unfinished(results: StudyResults) -> list[str]:
    """Say if the study did not come to its end."""
    status = results.manifest.get("status")
    if status in (None, "complete"):
        return []
    return [
        f"**The study is not finished** (its manifest says {str(status)!r}): this is what is there "
        "so far; `ttirace study` goes on with it."
    ]


def refusals(results: StudyResults) -> list[str]:
    """Say how many points were refused, and why."""
    refused = [cell for cell in results.cells if cell.refused]
    if not refused:
        return ["No point was refused."]
    total, verb = len(results.cells), "was" if len(refused) == 1 else "were"
    many = f"{len(refused)} of {count(total, 'point')}" if total > 1 else "The only point"
    lines = [f"{many} {verb} refused (replicates counted as one):"]
    reasons = Counter(" ".join(cell.refused.split()) for cell in refused).most_common()
    for reason, n in reasons[:_MOST_REASONS]:
        own = [c for c in refused if " ".join(c.refused.split()) == reason]
        who = dict.fromkeys(cell.allocator for cell in own)
        lines.append(f"- {n} of {listing(list(map(named, who)), 6)}: {reason}")
    if len(reasons) > _MOST_REASONS:
        left = sum(n for _, n in reasons[_MOST_REASONS:])
        lines.append(f"- {left} for {count(len(reasons) - _MOST_REASONS, 'other reason')}")
    return lines


def carries(results: StudyResults) -> list[str]:
    """Say how certain the verdicts are."""
    served = results.served
    if not served:
        return []
    lines = []
    straddled = [cell for cell in served if results.target.straddled(cell)]
    if straddled:
        verb = "is" if len(straddled) == 1 else "are"
        least = "at least " if results.bursts is not None else ""
        lines.append(
            f"Of {count(len(served), 'point')}, {least}{len(straddled)} {verb} uncertain: the 95% "
            "interval holds values on both sides of the target (`~` in the figures). More slots or "
            "replicates would decide."
        )
    else:
        lines.append("No point's 95% interval straddles the target.")
    clean = [cell for cell in served if cell.jobs and cell.missed == 0]
    if clean:
        few, many = min(c.jobs for c in clean), max(c.jobs for c in clean)
        bound = ratio(min(3.0 / few, 1.0))
        jobs = count(few, "job") if few == many else f"{few:,} to {many:,} jobs"
        verb, of = ("shows", "1 point") if len(clean) == 1 else ("show", count(len(clean), "point"))
        lines.append(
            f"{of} {verb} no miss: in {jobs} that means a miss ratio below {bound}"
            f"{'' if few == many else ' or less'} (3/n, 95%), not zero."
        )
        allowed = results.target.miss_ratio
        if allowed and 3.0 / few > allowed:
            needed = count(math.ceil(3.0 / allowed - 1e-6), "job")
            lines.append(
                f"So few jobs cannot show a miss ratio of {ratio(allowed)}: that takes {needed} "
                "without a miss."
            )
    lines += _bursts(results)
    if 1 < results.replicates < FEWEST:
        lines.append(
            f"{count(results.replicates, 'replicate')} are too few for an interval of a rate or of "
            f"a crossover; that takes {FEWEST}."
        )
    return lines


def _bursts(results: StudyResults) -> list[str]:
    plain = "Intervals of miss ratios are exact for independent misses."
    found = dispersion(results.served)
    if found is None:
        if not any(cell.missed for cell in results.served):
            return [plain]
        return [
            f"{plain} Misses may come in bursts, and this study has too few replicates or misses "
            "to tell; the true intervals may be wider."
        ]
    if results.bursts is not None:
        factor = results.bursts
        return [
            f"{plain} Here misses come in bursts: between replicates they scatter about "
            f"{rough(factor)} times as much, so the true intervals are about "
            f"{rough(factor**0.5)} times as wide. Those printed here say `or wider`."
        ]
    return [f"{plain} Between replicates they scatter no more than that."]


def rests_on(results: StudyResults) -> list[str]:
    """Say which times, which machine, which versions the figures rest on."""
    lines = []
    models = [str(model) for model in results.facts["latency"]]
    ran = results.manifest.get("machine")
    own = machine()
    where = _machine(ran) if isinstance(ran, dict) else ""
    if "measured" in models:
        there = f" on {where}" if where else ""
        lines.append(
            f"Compute times were measured while the study ran{there}; they hold for that machine."
        )
    if "calibrated" in models:
        lines += _profiles(results.manifest, own)
    modelled = [model for model in models if model not in ("measured", "calibrated")]
    if modelled:
        lines.append(
            f"Compute times are assumed, not measured (latency: {listing(modelled)}): the answers "
            "hold as far as these do."
        )
    if not models:
        lines.append("The table does not say which latency model its times are of.")
    if results.facts["slots"]:
        slots = [int(n) for n in results.facts["slots"]]
        low, high = min(slots), max(slots)
        span = count(low, "slot") if low == high else f"{low:,} to {high:,} slots"
        lines.append(f"Each point is {span}.")
    lines += _versions(results.manifest, where)
    return lines


def _profiles(manifest: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    found = manifest.get("profiles")
    profiles = [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []
    if not profiles:
        return [
            "Compute times are replayed from a recorded profile (latency: calibrated); the "
            "manifest does not say on which machine it was recorded."
        ]
    lines = []
    for profile in profiles:
        name = str(profile.get("file") or profile.get("name") or "a profile")
        recorded = profile.get("machine")
        if not isinstance(recorded, dict):
            lines.append(
                f"Compute times are replayed from {named(name)}, which does not say where it was "
                "recorded."
            )
            continue
        same = same_machine(recorded, own)
        other = "a machine like this one" if same else "**another machine than this one**"
        lines.append(
            f"Compute times are replayed from {named(name)}, recorded on {other}: "
            f"{_machine(recorded)}."
        )
    return lines


def _versions(manifest: Mapping[str, Any], where: str) -> list[str]:
    facts = []
    versions = manifest.get("versions")
    if isinstance(versions, dict):
        facts.append(
            listing(
                [f"{name} {found}" for name, found in versions.items() if found]
                or ["unknown versions"]
            )
        )
    engine = manifest.get("engine")
    if isinstance(engine, dict):
        engine = engine.get("name")
    facts += [f"engine {engine}"] if engine else []
    git = manifest.get("git")
    if isinstance(git, dict) and git.get("commit"):
        facts.append(
            f"commit {str(git['commit'])[:12]}{' with changes' if git.get('dirty') else ''}"
        )
    if where:
        facts.append(f"on {where}")
    if not facts:
        return ["There is no manifest to tell versions and engine."]
    return [f"Made with {'; '.join(facts)}."]


def _machine(facts: Mapping[str, Any]) -> str:
    cores = facts.get("cores")
    words = [str(facts.get("processor") or "an unknown processor")]
    if isinstance(cores, int):
        words.append(count(cores, "core"))
    return ", ".join(words)
