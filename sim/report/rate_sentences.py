"""Who has the most rate where, and where that changes, in words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.axis import Axis
from sim.report.cells import FEWEST
from sim.report.crossover import LEVEL, Crossover, Curve, crossovers, leaders
from sim.report.curves import ordered
from sim.report.results import StudyResults
from sim.report.slices import Slice
from sim.report.wording import listing, merged, named, number

_WHOLE = ("links", "subbands", "controllers", "servers", "batch", "lead")  # nothing between


def rate_sentences(
    results: StudyResults, axis: Axis, parts: Sequence[tuple[Slice, Sequence[Curve]]]
) -> list[str]:
    """Say who has the most rate where, and where that changes; the same change as one sentence."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    whole: list[tuple[str, str]] = []
    for part, curves in parts:
        changes = crossovers(curves, axis.log)
        for change in changes:
            entry = (part.title, _where(results, axis, part, change), _sure(results, axis, change))
            groups.setdefault(_head(change), []).append(entry)
        if not changes:
            # Of one allocator there is the same to say everywhere.
            title = part.title if len(curves) > 1 else ""
            whole.append((title, _all_the_way(axis, curves)))
    return [_changes(head, entries) for head, entries in groups.items()] + merged(whole)


def _head(change: Crossover) -> str:
    before, after = named(change.before), named(change.after)
    if change.doubtful:
        return (
            f"Over these replicates the rates in force of {before} and {after} cannot be told "
            "apart: the means cross"
        )
    return f"Target or not, the most rate in force changes from {before} to {after}"


def _changes(head: str, entries: Sequence[tuple[str, str, str]]) -> str:
    """Return one change at one or several places; how sure it is once, where that is the same."""
    sure = {note for _, _, note in entries if note}
    if len(entries) == 1:
        title, where, note = entries[0]
        place = f", with {title}" if title else ""
        end = f"; {note})" if note and where.endswith(")") else f" ({note})" if note else ""
        return f"{head}{place} {where.removesuffix(')') if end[:1] == ';' else where}{end}."
    common = next(iter(sure)) if len(sure) == 1 else ""
    words = [
        f"with {title} {where if common or not note else where.removesuffix(')') + f'; {note})'}"
        for title, where, note in entries
    ]
    return f"{head}: {'; '.join(words)}{f'; {common}' if common else ''}."


def _all_the_way(axis: Axis, curves: Sequence[Curve]) -> str:
    """Say who has the most rate in a slice in which that does not change."""
    order = leaders(curves)
    if not order:
        if any(curve.rates for curve in curves):
            return "no value was run with every allocator, so that who is best is not known"
        return "no allocator has a rate"
    best = order[0][1]
    first, last = (axis.number_phrase(order[i][0]) for i in (0, -1))
    if len(order) == 1:
        return f"the most rate in force is {named(best)}'s, at {first}{_level(curves, best)}"
    if len(curves) == 1:
        return f"{named(best)} is the only allocator, so none overtakes it"
    return (
        f"target or not, {named(best)} has the most rate in force all the way from {first} to "
        f"{last}{_level(curves, best)}: no crossover"
    )


def _level(curves: Sequence[Curve], best: str) -> str:
    """Return who is as good as the best wherever both are."""
    own = next(curve for curve in curves if curve.label == best)
    level = []
    for curve in curves:
        pairs = [(curve.at(x), own.at(x)) for x in own.rates]
        if (
            curve is not own
            and pairs
            and all(
                a is not None and b is not None and abs(a - b) <= LEVEL * abs(b) for a, b in pairs
            )
        ):
            level.append(named(curve.label))
    return f" (level with it, within {100 * LEVEL:g}%: {listing(level)})" if level else ""


def _where(results: StudyResults, axis: Axis, part: Slice, change: Crossover) -> str:
    """Return where a change is, between which values that were run, and who misses the target."""
    low, high = change.between
    between = f"between {number(low)} and {axis.number_phrase(high)}"
    missing = [
        label
        for label in (change.before, change.after)
        if not any(
            results.target.met(cell)
            for at, cell in ordered(axis, part.of(label))
            if at in change.between
        )
    ]
    notes = (
        []
        if not missing
        else [
            f"there {named(missing[0])} misses the target"
            if len(missing) == 1
            else "there both miss the target"
        ]
    )
    if change.at is None:
        notes.insert(0, "the curve of one of them ends there")
        return f"{between} ({'; '.join(notes)})"
    if axis.fact in _WHOLE:
        return f"{between} ({'; '.join(notes)})" if notes else between
    notes.insert(0, f"interpolated between {number(low)} and {number(high)}")
    return f"at {axis.number_phrase(change.at)} ({'; '.join(notes)})"


def _sure(results: StudyResults, axis: Axis, change: Crossover) -> str:
    """Return how far the place of a change can be trusted; empty where it is none on a line."""
    if change.at is None or axis.fact in _WHOLE or change.doubtful:
        return ""
    if change.interval is None:
        if results.replicates == 1:
            return "one replicate gives no interval"
        return f"{min(results.replicates, FEWEST - 1)} replicates are too few for an interval"
    low, high = change.interval
    if low is None:
        return f"95% over replicates: at most {number(high or 0.0)}, no lower bound in the study"
    if high is None:
        return f"95% over replicates: at least {number(low)}, no upper bound in the study"
    return f"95% over replicates: {number(low)} .. {number(high)}"
