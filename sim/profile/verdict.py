"""Whether a calibration is to be trusted, in words."""

from __future__ import annotations

from collections.abc import Iterator

from sim.profile.measure import Measurement
from sim.profile.plan import samples_for
from sim.profile.profile import Profile

#: Medians of the eighths that lie further apart than this are not one timing.
UNSTABLE = 0.10

#: Processors busy with something else: caches and memory are shared, and boost clocks.
_BUSY = 0.2

#: Calls shorter than this drift by the clock's own grain.
_GRAIN_US = 1.0

#: The same instance may be faster, as its data lie in the caches; by so much only a memory of
#: answers makes it.
_REMEMBERED = 3.0


def warnings_of(measured: Measurement, quantile: float) -> list[str]:
    """Return what is wrong with a calibration, the gravest first.

    Args:
        measured: what was measured.
        quantile: the percentile that was asked for.
    """
    return [*_unstable(measured), *_suspicious(measured), *_thin(measured, quantile)]


def _unstable(measured: Measurement) -> Iterator[str]:
    moved = {
        f"{cell.key} K = {cell.links} S = {cell.subbands}": cell.facts["drift"] or 0.0
        for cell in measured.cells
        if (cell.facts["p50_us"] or 0.0) > _GRAIN_US
    }
    unsteady = {name: drift for name, drift in moved.items() if drift > UNSTABLE}
    if unsteady:
        worst = max(unsteady, key=lambda name: unsteady[name])
        yield (
            f"the machine was unstable: over its eighths, the medians of {len(unsteady)} of "
            f"{len(moved)} cells of more than {_GRAIN_US:g} us moved by more than {UNSTABLE:.0%}; "
            f"{worst} by {unsteady[worst]:.0%}"
        )
    if measured.others > _BUSY:
        yield f"the machine was busy: {measured.others:.1f} processors with something else"
    for refused in measured.conditions.refused:
        yield f"not permitted here: {refused}"


def _suspicious(measured: Measurement) -> Iterator[str]:
    for cell in measured.cells:
        ratio = cell.facts["varied_over_same"] or 0.0
        if ratio > _REMEMBERED and (cell.facts["p50_us"] or 0.0) > _GRAIN_US:
            yield (
                f"{cell.key} K = {cell.links} S = {cell.subbands}: {ratio:.1f} times slower on "
                "varied instances than on the same one over and over; does it remember answers?"
            )


def _thin(measured: Measurement, quantile: float) -> Iterator[str]:
    wanted = samples_for(quantile)
    thin = [cell for cell in measured.cells if cell.samples < wanted]
    if thin:
        fewest = min(thin, key=lambda cell: cell.samples)
        yield (
            f"{len(thin)} of {len(measured.cells)} cells have fewer than the {wanted} samples that "
            f"p{100 * quantile:g} takes; the fewest: {fewest.key} K = {fewest.links} S = "
            f"{fewest.subbands} with {fewest.samples} (--longest gives slow cells more time)"
        )


def compared(new: Profile, old: Profile) -> str:
    """Return how far the medians of two profiles lie apart, in one sentence."""
    before = {(cell.key, cell.links, cell.subbands): cell.facts.get("p50_us") for cell in old.cells}
    apart = {}
    for cell in new.cells:
        then, now = before.get((cell.key, cell.links, cell.subbands)), cell.facts.get("p50_us")
        if then and now:
            apart[f"{cell.key} K = {cell.links} S = {cell.subbands}"] = now / then - 1.0
    if not apart:
        return f"has no cell in common with {old.name}"
    worst = max(apart, key=lambda name: abs(apart[name]))
    within = sum(abs(value) <= UNSTABLE for value in apart.values())
    return (
        f"{within} of {len(apart)} medians lie within {UNSTABLE:.0%} of those of {old.name}; "
        f"furthest: {worst}, {apart[worst]:+.1%}"
    )
