"""The answers in words: what fits, with whom, what stops it, and who is best there."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report.axis import Axis, slot_names
from sim.report.capacity import Capacity, Fit, Row
from sim.report.cells import Cell
from sim.report.choice import Run, best_runs
from sim.report.results import StudyResults
from sim.report.target import metric_name, metric_text
from sim.report.wording import count, listing, merged, named, number, rate, ratio

_MOST_RUNS = 4


def answer_sentences(results: StudyResults, capacity: Capacity, rows: Sequence[Row]) -> list[str]:
    """Return an answer for every place, what fits and the best allocator; those alike as one."""
    return merged(
        (
            place_words(capacity.rest, row),
            ". ".join(
                filter(None, [_what_fits(results, capacity, row), _best(results, capacity, row)])
            ),
        )
        for row in rows
    )


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
    metric = results.target.conditions[0].metric
    bound = results.target.conditions[0].bound
    near = [
        (abs(v - bound), fit, v)
        for fit in unmet
        if fit.nearest and (v := fit.nearest.metric(metric)) is not None
    ]
    if near:
        _, fit, value = min(near, key=lambda entry: entry[0])
        assert fit.nearest is not None
        at = capacity.axis.phrase(capacity.axis.of(fit.nearest.values))
        text += f"; nearest is {named(fit.allocator)} with a {_figure(metric, value)} at {at}"
    return text


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
    if not any(map(results.target.met, row.cells)):
        return "So there is no best allocator" if row.cells else ""
    # To where it is hardest: up for what is to be large, down for what is to be small.
    runs = best_runs(capacity.axis, row.cells, results.target, not capacity.largest)
    words = []
    for text, run in zip(runs_text(capacity, runs), runs, strict=True):
        cell = run.choice.cell
        interval = cell.interval("in_force_bps_hz")
        spread = f" in {interval[0]:.2f} .. {interval[1]:.2f}" if interval else ""
        there = "there" if run.first == run.last else f"at {number(run.last)}"
        level = [named(label) for label in run.choice.level]
        words.append(
            f"{text} ({rate(cell.rate or 0.0)}{spread}, in force {there}; {misses(cell)}"
            f"{'; level with it: ' + listing(level) if level else ''})"
        )
    return f"Best allocator: {listing(words, _MOST_RUNS)}" if words else ""


def misses(cell: Cell) -> str:
    """Return the miss ratio of a cell as it can be claimed."""
    if cell.missed == 0:
        bound = ratio(min(3.0 / cell.jobs, 1.0))
        return f"no miss in {count(cell.jobs, 'job')}: a miss ratio below {bound}"
    low, high = cell.interval("miss_ratio") or (0.0, 1.0)
    return f"miss ratio {ratio(cell.missed / cell.jobs)} in {ratio(low)} .. {ratio(high)}"


def _figure(metric: str, value: float) -> str:
    return f"{metric_name(metric)} of {metric_text(metric, value)}"
