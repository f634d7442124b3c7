"""Jobs on a timeline, as a figure for a page: of any race."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.html.charts import legend_above, plain, short_names, wheel_zoom
from sim.deadline.job import Outcome
from sim.deadline.plots import OUTCOME_COLOURS
from sim.deadline.summary import missed

if TYPE_CHECKING:
    import pyarrow as pa
    from bokeh.plotting import figure as Figure  # noqa: N812

#: Jobs that a timeline holds at most, of all solvers together: a page is to open at once.
MOST_JOBS = 100_000

#: Of a log, what a timeline reads.
TIMELINE_COLUMNS = [
    "index", "controller", "release_ns", "start_ns", "finish_ns", "deadline_ns", "service_ns",
    "outcome", "source",
]  # fmt: skip

_MOST_DRAWN = 3000  # at a time: a figure is to follow the hand
_AROUND = 3  # jobs before and after a miss that are held with it

#: Puts into the sources what of the jobs is in view.
_SHOW = """
const all = jobs.data;
let seen = [];
for (let i = 0; i < all.row.length; i++) {
  if (all.last_ms[i] >= range.start && all.release_ms[i] <= range.end) seen.push(i);
}
const step = Math.max(1, Math.ceil(seen.length / most));
seen = seen.filter((_, place) => place % step === 0);
const columns = chosen => Object.fromEntries(Object.entries(all).map(
  ([key, values]) => [key, chosen.map(i => key in names ? names[key][values[i]] : values[i])]));
sources.forEach((source, outcome) => {
  source.data = columns(seen.filter(i => all.outcome[i] === outcome));
});
const {row, release_ms, start_ms, deadline_ms} = columns(seen);
due.data = {row, release_ms, start_ms, deadline_ms};
let gaps = range.end > whole_ms
  ? `from ${whole_ms.toFixed(1)} ms on, only jobs about misses are here` : "";
if (range.end >= more_ms) gaps += `, and from ${more_ms.toFixed(1)} ms on not all misses`;
const [at, , miss] = range.tags;
const said = at >= range.start && at <= range.end ? miss : gaps;
title.text = step > 1 ? `one job in ${step} is drawn: zoom in for all` : said;
"""

#: Brings the next miss, or the one before, into the middle; ``range.tags`` holds when it was due,
#: which of all jobs it is, and what is said of it.
_SEEK = """
const all = jobs.data, half = (range.end - range.start) / 2;
const before = (i, j) => all.deadline_ms[i] - all.deadline_ms[j] || i - j;
const [seen_ms, last] = range.tags;
const goes_on = seen_ms >= range.start && seen_ms <= range.end;
let found = -1;
for (let i = 0; i < all.row.length; i++) {
  if (names.outcome[all.outcome[i]] === "met" || passed.includes(all.row[i])) continue;
  const from = goes_on ? before(i, last) : all.deadline_ms[i] - (ahead ? range.start : range.end);
  if (ahead ? from <= 0 : from >= 0) continue;
  if (found < 0 || (before(i, found) < 0) === ahead) found = i;
}
const at = goes_on ? seen_ms : ahead ? range.start : range.end;
if (found < 0) {
  title.text = (!ahead ? "no miss before this" : more_ms === Infinity ? "no miss after this"
    : `no miss after this is held here, but from ${more_ms.toFixed(1)} ms on there are more`) + but;
} else {
  const due = all.deadline_ms[found];
  const start = Math.max(0, due - half);
  const [row, outcome] = [names.row[all.row[found]], names.outcome[all.outcome[found]]];
  // Between two misses beyond there, one may be left out.
  const next = Math.max(at, due) > more_ms ? `, the ${ahead ? "next" : "last"} held here` : "";
  title.text = `job ${all.index[found]} of ${row}: ${outcome}${next}${but}`;
  range.tags = [due, found, title.text];
  range.setv({start, end: start + 2 * half});
}
"""

_FIRST_SLOTS = 12  # in view to begin with
_TALLEST = 1400  # pixels that rows share, and what each has at least and at most
_ROW = 14, 36


def timeline(logs: Mapping[str, Iterable[pa.Table]], controllers: Sequence[str] = ()) -> Figure:
    """Draw when jobs ran, how they ended and when they were due; with buttons to go to misses.

    What is in view is drawn; where that is too much, every so many-th job of it.

    Args:
        logs: each solver's log, part by part, with `TIMELINE_COLUMNS`; of long ones the figure has
            the first jobs and those about later misses, at most `MOST_JOBS` of all together. Where
            there are more misses than that, it says from when on.
        controllers: their names; numbers if not given.
    """
    from bokeh.models import ColumnDataSource, CustomJS, FactorRange, HoverTool, Range1d, Title

    rows: list[str] = []
    columns: list[dict[str, NDArray[Any]]] = []
    whole_ms = more_ms = np.inf
    for name, parts in logs.items():
        table, until, left_ns = _chosen(parts, MOST_JOBS // max(len(logs), 1))
        found = _columns(table)
        if until is not None:
            whole_ms = min(whole_ms, float(found["release_ms"][until - 1]))
        if left_ns is not None:
            more_ms = min(more_ms, left_ns / 1e6)
        numbers, owners = np.unique(found["controller"], return_inverse=True)
        titles = [
            controllers[number] if number < len(controllers) else str(number) for number in numbers
        ]
        columns.append({**found, "row": len(rows) + owners})
        rows += [name] if len(titles) <= 1 else [f"{name} / {title}" for title in titles]
    rows = list(short_names(rows).values())
    jobs = {key: np.concatenate([each[key] for each in columns]) for key in columns[0]}
    names = {"row": np.array(rows, dtype=object)}
    for key in ("outcome", "source"):
        names[key], jobs[key] = np.unique(jobs[key], return_inverse=True)
    for key in names:
        jobs[key] = jobs[key].astype(np.int32)
    jobs["last_ms"] = np.fmax(jobs["finish_ms"], jobs["deadline_ms"])
    ends = jobs["deadline_ms"]
    view = float(np.sort(ends)[min(len(ends), _FIRST_SLOTS * len(rows)) - 1]) if len(ends) else 1.0
    tall = min(_ROW[1], max(_ROW[0], _TALLEST // max(len(rows), 1)))
    made = plain(
        150 + tall * len(rows),
        y_range=FactorRange(*reversed(rows)),
        x_range=Range1d(0.0, 1.02 * view, bounds=(0.0, None)),
        tools="xpan,xbox_zoom,reset,save",
        active_drag="xpan",
        x_axis_label="time (ms)",
    )
    wheel_zoom(made, "width")
    # Bokeh leaves no room for a title that begins empty: the page shows it above the figure.
    made.title = Title(visible=False, tags=["said"])
    due = ColumnDataSource({key: [] for key in ("row", "release_ms", "start_ms", "deadline_ms")})
    made.segment(
        "release_ms", "row", "start_ms", "row", source=due, color="#888888", line_width=1.5,
        line_dash="dotted", legend_label="waits",
    )  # fmt: skip
    bars, sources = [], []
    for outcome in names["outcome"]:
        sources.append(ColumnDataSource({key: [] for key in jobs}))
        bars.append(_bars(made, Outcome(outcome), sources[-1], rows[0]))
    made.scatter(
        "deadline_ms", "row", marker="dash", angle=np.pi / 2, size=0.72 * tall, line_width=2,
        source=due, color="black", legend_label="deadline", tags=["front"],
    )  # fmt: skip
    made.add_tools(
        HoverTool(
            renderers=bars,
            tooltips=[
                ("job", "@index of @row"),
                ("release", "@release_ms{0.0000} ms"),
                ("start", "@start_ms{0.0000} ms"),
                ("finish", "@finish_ms{0.0000} ms"),
                ("deadline", "@deadline_ms{0.0000} ms"),
                ("service", "@service_us{0,0.0} us"),
                ("outcome", "@outcome, in force: @source"),
            ],
        )
    )
    made.ygrid.visible = False
    legend_above(made)
    held = {
        "jobs": ColumnDataSource(jobs), "names": {k: list(v) for k, v in names.items()},
        "range": made.x_range, "title": made.title, "more_ms": more_ms,
    }  # fmt: skip
    show = CustomJS(
        args={**held, "sources": sources, "due": due, "most": _MOST_DRAWN, "whole_ms": whole_ms},
        code=_SHOW,
        tags=["start"],
    )
    made.x_range.js_on_change("start", show)
    made.x_range.js_on_change("end", show)
    if Outcome.MET in names["outcome"] and len(names["outcome"]) == 1:
        return made
    passed = _mostly_missed(jobs["row"], names["outcome"][jobs["outcome"]] != Outcome.MET)
    others = ", ".join(rows[row] for row in passed)
    but = f"; passed over, as most of it is missed: {others}" if passed else ""
    for ahead, caption in ((False, "previous miss"), (True, "next miss")):
        # Nothing in the figure calls for it: the page makes a button of it.
        seek = CustomJS(
            args={**held, "ahead": ahead, "passed": passed, "but": but},
            code=_SEEK,
            tags=["button", caption],
        )
        made.tags.append(seek)
    return made


def _mostly_missed(row: NDArray[np.int32], missed: NDArray[np.bool_]) -> list[int]:
    """Return the rows of whose jobs more than half are misses, if others have misses, too."""
    misses = np.bincount(row[missed], minlength=int(row.max(initial=0)) + 1)
    mostly = misses > np.bincount(row, minlength=len(misses)) / 2
    return np.flatnonzero(mostly).tolist() if np.any(misses[~mostly]) else []


def _bars(made: Figure, outcome: Outcome, source: Any, row: str) -> Any:
    """Draw the jobs of a source, all of one outcome; what never started is a cross."""
    look = "#9467BD" if outcome is Outcome.FAILED else OUTCOME_COLOURS[outcome]
    mark = "x" if outcome is Outcome.SKIPPED else "square"
    # A legend shows the look of a job; of those in view there may be none.
    made.scatter(
        [np.nan], [row], marker=mark, size=9, line_width=2, color=look, legend_label=str(outcome)
    )
    if outcome is Outcome.SKIPPED:
        return made.scatter(
            "release_ms", "row", marker=mark, size=9, line_width=2, source=source, color=look,
            legend_label=str(outcome),
        )  # fmt: skip
    return made.hbar(
        y="row", left="start_ms", right="finish_ms", height=0.55, source=source, fill_color=look,
        fill_alpha=0.75, line_color=look, legend_label=str(outcome),
    )  # fmt: skip


def _chosen(parts: Iterable[pa.Table], most: int) -> tuple[pa.Table, int | None, int | None]:
    """Return jobs of a log: the first, and those about later misses, as long as there is room.

    Later misses may take half of the room; what they leave is for the first jobs.

    Returns:
        At most so many jobs; how many of them are the first ones, None where they are all of the
        log; when the first miss that is left out was due, ns, None where none is.
    """
    import pyarrow as pa

    half = most // 2
    head: list[pa.Table] = []
    about: list[pa.Table] = []
    marks: list[NDArray[np.bool_]] = []
    taken = kept = 0
    beyond = False
    for part, near in _marked(parts):
        first = part.slice(0, most - taken)
        taken += len(first)
        head.append(first)
        marks.append(near[: len(first)])
        beyond |= len(part) > len(first)
        about.append(part.slice(len(first)).filter(pa.array(near[len(first) :])))
        kept += len(about[-1])
        if kept > half + 2 * _AROUND:  # of so many in a row, one is a miss: it is left out
            break
    table = pa.concat_tables(head)
    if not beyond:
        return table, None, None
    near = np.concatenate(marks)
    # Of so many first jobs, how many are held with those about later misses among the head.
    counts = np.arange(most + 1) + np.append(np.cumsum(near[::-1])[::-1], 0)
    whole = max([most - half, *np.flatnonzero(counts <= most - kept)])
    later = pa.concat_tables(
        [table.slice(whole).filter(pa.array(near[whole:], pa.bool_())), *about]
    )
    left = later.slice(most - whole)
    dues = left["deadline_ns"].to_numpy()[missed(left)]
    held = pa.concat_tables([table.slice(0, whole), later.slice(0, most - whole)])
    return held, int(whole), int(dues.min()) if len(dues) else None


def _marked(parts: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, NDArray[np.bool_]]]:
    """Yield a log's jobs in order, with which of them are about a miss, be it in another part."""
    import pyarrow as pa

    window = np.ones(2 * _AROUND + 1)

    def near(table: pa.Table) -> NDArray[np.bool_]:
        # "same" would be as long as the window where there are fewer jobs than that.
        marks: NDArray[np.bool_] = np.convolve(missed(table), window)[_AROUND:-_AROUND] > 0
        return marks

    last: pa.Table | None = None
    done = 0  # of the last jobs, those that were yielded, and are about to be seen with the next
    for part in parts:
        joined = part if last is None else pa.concat_tables([last, part])
        sure = max(len(joined) - _AROUND, done)  # the others may be about what comes next
        if sure > done:
            yield joined.slice(done, sure - done), near(joined)[done:sure]
        kept = max(sure - _AROUND, 0)
        last, done = joined.slice(kept), sure - kept
    if last is not None:
        yield last.slice(done), near(last)[done:] if len(last) else np.zeros(0, dtype=bool)


def _columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    """Return a log as columns, times in ms; NaN where there is none."""
    found: dict[str, NDArray[Any]] = {
        f"{name}_ms": table[f"{name}_ns"].to_numpy().astype(np.float64) / 1e6
        for name in ("release", "start", "finish", "deadline")
    }
    found["service_us"] = table["service_ns"].to_numpy().astype(np.float64) / 1e3
    for name in ("index", "controller"):
        found[name] = table[name].to_numpy()
    for name in ("outcome", "source"):
        found[name] = np.array(table[name].to_pylist(), dtype=object)
    return found
