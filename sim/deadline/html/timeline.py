"""Jobs on a timeline, as a figure for a page: of any race."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.html.charts import legend_above, plain
from sim.deadline.job import Outcome
from sim.deadline.plots import OUTCOME_COLOURS

if TYPE_CHECKING:
    import pyarrow as pa
    from bokeh.plotting import figure as Figure  # noqa: N812

#: Jobs that a timeline holds at most, of all solvers together: a page is to open at once.
MOST_JOBS = 100_000

_MOST_DRAWN = 3000  # at a time: a figure is to follow the hand

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
const {row, deadline_ms} = columns(seen);
due.data = {row, deadline_ms};
title.text = step > 1 ? `one job in ${step} is drawn: zoom in for all` : "";
"""

_FIRST_SLOTS = 12  # in view to begin with
_TOOLS = "xpan,xwheel_zoom,xbox_zoom,reset,save"


def timeline(logs: Mapping[str, Iterable[pa.Table]], controllers: Sequence[str] = ()) -> Figure:
    """Draw when jobs ran, how they ended and when they were due.

    What is in view is drawn; where that is too much, every so many-th job of it.

    Args:
        logs: each solver's log, part by part; of long ones the figure has the first jobs, so many
            of each that all are at most `MOST_JOBS`.
        controllers: their names; numbers if not given.
    """
    from bokeh.models import ColumnDataSource, CustomJS, FactorRange, HoverTool, Range1d

    rows: list[str] = []
    columns: list[dict[str, NDArray[Any]]] = []
    for name, parts in logs.items():
        found = _first(parts, MOST_JOBS // max(len(logs), 1))
        numbers, owners = np.unique(found["controller"], return_inverse=True)
        titles = [
            controllers[number] if number < len(controllers) else str(number) for number in numbers
        ]
        columns.append({**found, "row": len(rows) + owners})
        rows += [name] if len(titles) <= 1 else [f"{name} / {title}" for title in titles]
    jobs = {key: np.concatenate([each[key] for each in columns]) for key in columns[0]}
    names = {"row": np.array(rows, dtype=object)}
    for key in ("outcome", "source"):
        names[key], jobs[key] = np.unique(jobs[key], return_inverse=True)
    for key in names:
        jobs[key] = jobs[key].astype(np.int32)
    jobs["last_ms"] = np.fmax(jobs["finish_ms"], jobs["deadline_ms"])
    ends = jobs["deadline_ms"]
    view = float(np.sort(ends)[min(len(ends), _FIRST_SLOTS * len(rows)) - 1]) if len(ends) else 1.0
    made = plain(
        150 + 36 * len(rows),
        y_range=FactorRange(*reversed(rows)),
        x_range=Range1d(0.0, 1.02 * view, bounds=(0.0, None)),
        tools=_TOOLS,
        active_drag="xpan",
        active_scroll="xwheel_zoom",
        x_axis_label="time (ms)",
        title="",
    )
    bars, sources = [], []
    for outcome in names["outcome"]:
        look = OUTCOME_COLOURS[Outcome(outcome)]
        sources.append(ColumnDataSource({key: [] for key in jobs}))
        if outcome == Outcome.SKIPPED:
            bar = made.scatter(
                "release_ms", "row", marker="x", size=9, line_width=2, source=sources[-1],
                color=look, legend_label=outcome,
            )  # fmt: skip
        else:
            bar = made.hbar(
                y="row", left="start_ms", right="finish_ms", height=0.55, source=sources[-1],
                fill_color=look, line_color=look, legend_label=outcome,
            )  # fmt: skip
        bars.append(bar)
    due = ColumnDataSource({"row": [], "deadline_ms": []})
    made.scatter(
        "deadline_ms", "row", marker="dash", angle=np.pi / 2, size=26, line_width=2, source=due,
        color="black", legend_label="deadline", tags=["front"],
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
    show = CustomJS(
        args={
            "jobs": ColumnDataSource(jobs), "names": {k: list(v) for k, v in names.items()},
            "sources": sources, "due": due, "range": made.x_range, "title": made.title,
            "most": _MOST_DRAWN,
        },
        code=_SHOW,
        tags=["start"],
    )  # fmt: skip
    made.x_range.js_on_change("start", show)
    made.x_range.js_on_change("end", show)
    return made


def _first(parts: Iterable[pa.Table], most: int) -> dict[str, NDArray[Any]]:
    """Return the first jobs of a log as columns, times in ms; NaN where there is none."""
    import pyarrow as pa

    kept: list[pa.Table] = []
    for part in parts:
        kept.append(part.slice(0, most - sum(map(len, kept))))
        if sum(map(len, kept)) >= most:
            break
    table = pa.concat_tables(kept)
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
