"""The front of time against rate in words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.axis import Axis
from sim.report.cells import Cell
from sim.report.front import on_front, place_of, placed
from sim.report.slices import Slice
from sim.report.wording import capital, count, listing, named, number, rate, ratio

_MOST_NAMED = 5  # points of a front


def front_sentences(
    x: str, part: Slice, free: Sequence[Axis], allocators: Sequence[str]
) -> list[str]:
    """Say which points of a slice are on the front; of many, the ends."""
    found = placed(x, part, allocators)
    kept = on_front(found)
    best = sorted(
        (entry for entry, on in zip(found, kept, strict=True) if on), key=lambda e: (e[1], -e[2])
    )
    labels = [label for label in allocators if label in {cell.allocator for cell, _, _ in best}]
    if len(found) == 1:
        return [capital(f"{part.lead_in}there is one point with a rate, so it is the front.")]
    verb = "is" if len(best) == 1 else "are"
    shown = best if len(best) <= _MOST_NAMED else [best[0], best[-1]]
    words = [
        f"{named(cell.allocator)}{_where(cell, free)} ({time_text(x, at)}, {rate(value)})"
        for cell, at, value in shown
    ]
    points = count(len(found), "point")
    if len(best) <= _MOST_NAMED:
        return [
            capital(f"{part.lead_in}{len(best)} of {points} {verb} on the front: {listing(words)}.")
        ]
    who = listing([named(label) for label in labels], 6)
    return [
        capital(
            f"{part.lead_in}{len(best)} of {points} are on the front, of {who}; from "
            f"{words[0]} to {words[1]}."
        )
    ]


def _where(cell: Cell, free: Sequence[Axis]) -> str:
    return f" at {', '.join(axis.phrase(axis.of(cell.values)) for axis in free)}" if free else ""


def time_text(x: str, at: float) -> str:
    """Return a time, or a miss ratio, with its unit."""
    return f"miss ratio {ratio(at)}" if x == "miss_ratio" else f"{number(at)} us"


def alone_sentences(slices: int) -> list[str]:
    """Say how many slices hold a single point, which is no front."""
    if not slices:
        return []
    verb = "holds" if slices == 1 else "hold"
    return [f"{count(slices, 'slice')} {verb} one point each, with nothing to compare it to."]


def left_out_sentences(
    x: str, title: str, parts: Sequence[Slice], allocators: Sequence[str]
) -> list[str]:
    """Say how many points have no place in the figure, whose ``x`` is called so."""
    without = [
        cell
        for part in parts
        for cell in part.cells
        if cell.allocator in allocators and not cell.refused and place_of(x, cell) is None
    ]
    cut = sum(cell.is_cut(x) for cell in without)
    reasons = (
        (cut, f"of their jobs so many were cut that their {title} is not known, but for the cut"),
        (len(without) - cut, f"too few jobs were answered for {title}, or no slot was served"),
    )
    return [
        f"{count(missing, 'point')} {'is' if missing == 1 else 'are'} not drawn: {reason}."
        for missing, reason in reasons
        if missing
    ]
