"""The answers in words: what fits, with whom, what stops it, and who is best there."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.axis import Axis, slot_names
from sim.report.capacity import Capacity, Fit, Row, best_at
from sim.report.cells import Cell
from sim.report.choice import Run
from sim.report.results import StudyResults
from sim.report.target import metric_name, metric_text
from sim.report.wording import count, interval, listing, merged, named, number, rate, ratio, ratios

_MOST_RUNS = 4
_MOST_VALUES = 3  # of an axis, named each
_MOST_PLACES = 8  # of a sentence on who is best


def answer_sentences(results: StudyResults, capacity: Capacity, rows: Sequence[Row]) -> list[str]:
    """Return an answer for every place, what fits, and who is best of those that meet the target.

    Those alike are one sentence, and so are all places at which nothing meets it. Of one place it
    is also told what the best is worth; of several, the table tells.
    """
    if len(rows) == 1:
        where, fits = place_words(capacity.rest, rows[0]), _what_fits(results, capacity, rows[0])
        best = _best(results, capacity, rows[0])
        return merged([(where, f"{fits}. {best}" if best else fits)])
    hopeless = [row for row in rows if row.hopeless]
    if len(hopeless) < 2:
        hopeless = []
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.hopeless):  # where something fits comes first
        if row not in hopeless:
            groups.setdefault(_what_fits(results, capacity, row), []).append(row)
    said = [f"With {_places(capacity.rest, own)}, {fits}." for fits, own in groups.items()]
    said += [_nowhere(results, capacity, hopeless, len(rows))] if hopeless else []
    return said + _best_anywhere(results, capacity, rows)


def _nowhere(results: StudyResults, capacity: Capacity, rows: Sequence[Row], there: int) -> str:
    """Return one sentence for all places at which nothing meets the target."""
    who = named(rows[0].fits[0].allocator) if len(rows[0].fits) == 1 else "any allocator"
    every = f"all {there}" if len(rows) == there else f"{len(rows)} of {there}"
    where = _places(capacity.rest, rows)
    text = f"Nothing tried meets the target with {who} at {every} places: with {where}."
    near = [(found, row) for row in rows if (found := _nearest(results, row))]
    if not near:
        return text
    (_, fit, value), row = min(near, key=lambda entry: entry[0][0])
    assert fit.nearest is not None
    at = capacity.axis.phrase(capacity.axis.of(fit.nearest.values))
    figure = _figure(results.target.conditions[0].metric, value)
    return (
        f"{text} Nearest is {named(fit.allocator)} with a {figure} at {at} and "
        f"{place_words(capacity.rest, row)}."
    )


def _best_anywhere(results: StudyResults, capacity: Capacity, rows: Sequence[Row]) -> list[str]:
    """Return one sentence on who is best at all places where anybody meets the target."""
    groups: dict[str, list[Row]] = {}
    if all(len(row.fits) == 1 for row in rows):
        return []  # who else?
    for row in rows:
        runs = runs_text(capacity, best_at(results, capacity, row))
        if runs:
            groups.setdefault(listing(runs, _MOST_RUNS), []).append(row)
    words = [
        f"{runs} with {_places(capacity.rest, own, ' or with ')}" for runs, own in groups.items()
    ]
    if not words:
        return []
    more = len(words) - _MOST_PLACES
    if more > 0:
        words = [*words[:_MOST_PLACES], f"the table has {count(more, 'answer')} more"]
    return [f"Best of those that meet it: {'; '.join(words)}."]


def _places(axes: Sequence[Axis], rows: Sequence[Row], between: str = "; with ") -> str:
    """Return places in words, those that differ in the longest axis alone together.

    Args:
        axes: that tell the places apart.
        rows: the places.
        between: what stands between those that differ in others.
    """
    if len(rows) == 1 or not axes:
        return place_words(axes, rows[0])
    last = max(reversed(axes), key=lambda axis: len(axis.values))
    outer = [axis for axis in axes if axis is not last]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        common = listing([axis.phrase(axis.of(row.place)) for axis in outer] or [""])
        groups.setdefault(common, []).append(row)
    return between.join(
        place_words(axes, own[0])
        if len(own) == 1
        else f"{common}{' and ' if common else ''}{_along(last, own)}"
        for common, own in groups.items()
    )


def _along(axis: Axis, rows: Sequence[Row]) -> str:
    """Return some values of an axis under its name: many that follow each other by their ends."""
    places = [axis.values.index(axis.of(row.place)) for row in rows]
    values = [axis.text(axis.of(row.place)) for row in rows]
    plain = bool(axis.fact) and not axis.labelled
    name = axis.fact.removesuffix("_us") if plain else axis.bare
    unit = "us" if plain and axis.fact.endswith("_us") else "" if axis.labelled else axis.unit
    follow = places == list(range(places[0], places[0] + len(places)))
    if len(values) > _MOST_VALUES and follow:
        values = [f"{values[0]} to {values[-1]}"]
    return f"{name} {', '.join(values)} {unit}".rstrip()


def limit(results: StudyResults, fit: Fit) -> str:
    """Return what stops a value from being larger (or smaller); empty if nothing does."""
    if fit.next is None:
        return ""
    if fit.status == "unknown":
        return f"{number(fit.next)} not run yet"
    cell = fit.next_cell
    if cell is None:
        return f"{number(fit.next)} does not"
    at = number(fit.next)
    if cell.refused:
        return f"{at} refused"
    for condition in results.target.conditions:
        value = cell.metric(condition.metric)
        if value is None:
            return f"{at}: no figure"
        if not condition.met(value):
            plain = condition.metric == "miss_ratio"
            shown = metric_text(condition.metric, value)
            return f"{at}: {shown}" if plain else f"{at}: {metric_name(condition.metric)} {shown}"
    return f"{at} does not"


def place_words(axes: Sequence[Axis], row: Row) -> str:
    """Return a place in words, a slot with what 5G calls it: `a slot of 500 us (numerology 1)`."""
    words = []
    for axis in axes:
        value = row.place[axis.name]
        phrase = axis.phrase(value)
        at = axis.numbers.get(value) if axis.fact == "slot_us" else None
        names = slot_names(at) if at is not None else []
        words.append(f"{phrase} ({names[0]})" if names and not axis.labelled else phrase)
    return listing(words) if words else ""


def _what_fits(results: StudyResults, capacity: Capacity, row: Row) -> str:
    groups: dict[tuple[float, str], list[str]] = {}
    for fit in row.fits:
        if fit.answer is not None:
            groups.setdefault((fit.answer, fit.status), []).append(fit.allocator)
    order = sorted(groups.items(), key=lambda item: item[0][0], reverse=capacity.largest)
    words = [
        f"{capacity.axis.number_phrase(at)}{_end(capacity, status)} with "
        f"{listing([named(label) for label in who])}"
        for (at, status), who in order
    ]
    unmet = [fit for fit in row.fits if fit.status == "unmet"]
    gaps = [fit for fit in row.fits if fit.status == "gap" and fit.nearest]
    if not words and not gaps:
        return _nothing(results, capacity, row, unmet)
    end = "most" if capacity.largest else "least"
    text = (
        f"the {end} that meets the target is {listing(words)}"
        if words
        else ("no value meets the target together with all that ask less")
    )
    for fit in gaps:
        assert fit.nearest is not None
        at = capacity.axis.phrase(capacity.axis.of(fit.nearest.values))
        text += f"; with {named(fit.allocator)} it is met at {at}, but not at all that asks less"
    if unmet:
        text += f"; nothing tried meets it with {listing([named(fit.allocator) for fit in unmet])}"
    for status, said in (("refused", "all is refused"), ("unknown", "not enough is run yet")):
        who = [named(f.allocator) for f in row.fits if f.answer is None and f.status == status]
        text += f"; {said} with {listing(who)}" if who else ""
    return text


def _end(capacity: Capacity, status: str) -> str:
    if status == "everywhere":
        return f" (the {'most' if capacity.largest else 'least'} tried)"
    return " (so far; the next is not run yet)" if status == "unknown" else ""


def _nothing(results: StudyResults, capacity: Capacity, row: Row, unmet: Sequence[Fit]) -> str:
    if not unmet:
        if all(fit.status == "refused" for fit in row.fits):
            reasons = [f.next_cell.refused for f in row.fits if f.next_cell and f.next_cell.refused]
            return "every point is refused" + (f": {reasons[0]}" if reasons else "")
        return "nothing is known yet"
    who = named(unmet[0].allocator) if len(row.fits) == 1 else "any allocator"
    text = f"nothing tried meets the target with {who}"
    near = _nearest(results, row)
    if near:
        _, fit, value = near
        assert fit.nearest is not None
        metric = results.target.conditions[0].metric
        at = capacity.axis.phrase(capacity.axis.of(fit.nearest.values))
        text += f"; nearest is {named(fit.allocator)} with a {_figure(metric, value)} at {at}"
    return text


def _nearest(results: StudyResults, row: Row) -> tuple[float, Fit, float] | None:
    """Return how far what comes nearest is from the target, which it is, and its figure."""
    metric, bound = results.target.conditions[0].metric, results.target.conditions[0].bound
    near = [
        (abs(value - bound), fit, value)
        for fit in row.fits
        if fit.nearest and (value := fit.nearest.metric(metric)) is not None
    ]
    return min(near, key=lambda entry: entry[0], default=None)


def runs_text(capacity: Capacity, runs: Sequence[Run]) -> list[str]:
    """Return who is best from where to where: `a` from 5 to 20 links."""
    words = []
    for run in runs:
        low, high = sorted((run.first, run.last))
        start, end = number(low), capacity.axis.number_phrase(high)
        if not end[0].isdigit():
            start = capacity.axis.number_phrase(low)
        where = f"at {end}" if low == high else f"from {start} to {end}"
        words.append(f"{named(run.allocator)} {where}")
    return words


def _best(results: StudyResults, capacity: Capacity, row: Row) -> str:
    runs = best_at(results, capacity, row)
    words = []
    for text, run in zip(runs_text(capacity, runs), runs, strict=True):
        cell = run.choice.cell
        ends = cell.interval("in_force_bps_hz")
        spread = f" in {ends[0]:.2f} .. {ends[1]:.2f}" if ends else ""
        there = "there" if run.first == run.last else f"at {number(run.last)}"
        level = [named(label) for label in run.choice.level]
        words.append(
            f"{text} ({rate(cell.rate or 0.0)}{spread}, in force {there}; "
            f"{misses(cell, results.bursts is not None)}"
            f"{'; level with it: ' + listing(level) if level else ''})"
        )
    return f"Best of those that meet it: {listing(words, _MOST_RUNS)}" if words else ""


def misses(cell: Cell, wider: bool = False) -> str:
    """Return the miss ratio of a cell as it can be claimed.

    Args:
        cell: that could be had.
        wider: whether misses come in bursts, which make the interval too narrow.
    """
    if cell.missed == 0:
        bound = ratio(min(3.0 / cell.jobs, 1.0))
        return f"no miss in {count(cell.jobs, 'job')}: a miss ratio below {bound}"
    low, high = cell.interval("miss_ratio") or (0.0, 1.0)
    shown = ratios(cell.missed / cell.jobs, high)[0]
    return f"miss ratio {shown} in {interval(low, high, wider)}"


def _figure(metric: str, value: float) -> str:
    return f"{metric_name(metric)} of {metric_text(metric, value)}"
