"""`report.html` of a run: what a newcomer is to understand of it in a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline.html.charts import (
    hover_curves,
    legend_above,
    plain,
    response_times,
    shade,
    short_names,
    stroke,
    thickness,
    wheel_zoom,
)
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.html.timeline import TIMELINE_COLUMNS, timeline
from sim.deadline.manifest import read_manifest
from sim.deadline.responses import responses
from sim.deadline.tables import number, response_cells
from sim.describe import race_facts
from sim.plots import stretch_ns, stretches
from sim.race import Race
from sim.result import Raced, user_rates
from sim.table import verdict

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM
    from bokeh.plotting import figure as Figure  # noqa: N812


def race_page(
    race: Race, contestants: Sequence[Raced], summary: Mapping[str, Any], manifest: Path
) -> Page:
    """Return the page of a finished race.

    Args:
        race: it.
        contestants: who took part.
        summary: from `sim.result.summarize`.
        manifest: the run's file.
    """
    name = race.scenario.name
    page = Page(f"{name}: who makes the slot?", verdict(summary), summary["warnings"])
    logs = {contestant.label: contestant.log for contestant in contestants}
    page.sections += [
        Section(
            "Allocators",
            "missed: share of slots whose answer was not there in time, with its 95% interval. "
            "response: from release to answer; >: longer, as the job was cut; a dash: too few jobs "
            "to tell. genie: the sum rate its answers would give if they took no time; ageing "
            "loss: what their age takes; miss loss: what missing takes; in force: what is left, in "
            "bit/s/Hz. Click a heading to sort.",
            table=_table(summary),
        ),
        *_by_controller(summary),
        Section("What was raced", facts=race_facts(race)),
        Section(
            "Slots and jobs",
            "Each bar is a job, from start to finish, beside its deadline. Drag to move, Ctrl and "
            "scroll to zoom, hover for times.",
            figures=[
                timeline(
                    {label: log.parts(TIMELINE_COLUMNS) for label, log in logs.items()},
                    [timing.name for timing in race.timings],
                )
            ],
        ),
        Section(
            "Response times",
            "Of the jobs that ran, how many take as long or longer, from the intended release; "
            f"{_deadlines(race)}. A curve ends in an open circle where the jobs that were left "
            "were cut. Click a name to hide its curve.",
            figures=[
                response_times(
                    {label: responses(log) for label, log in logs.items()},
                    [timing.compute_ns for timing in race.timings],
                )
            ],
        ),
    ]
    rated = [e for e in summary["allocators"] if e["sum_rate_bps_hz"]["genie"] is not None]
    if rated:
        page.sections += [
            Section(
                "Rate in force and misses over time",
                "Above, the sum rate in force; below, the share of deadlines missed, a curve for "
                "whoever missed any.",
                figures=[_over_time(race, contestants)],
            ),
            Section(
                "Where the rate goes",
                "What is in force, and on top of it what the answers' age and what misses take. A "
                "loss below zero, where an older answer happened to do better, is in the table "
                "alone.",
                figures=[_losses(rated)],
            ),
            Section(
                "Who gets the rate",
                "The mean rate in force of each link: how many of the links have it or less. The "
                "table has what 5% of the links stay below, and Jain's index of fairness: 1 if all "
                "have the same, 1/K if one has all.",
                figures=[_shares(contestants)],
                table=_fairness(rated),
            ),
        ]
    last = reproduction(read_manifest(manifest), scenario=name)
    resolved = manifest.with_name("scenario.yaml").read_text("utf-8")
    last.more = "The scenario, with everything resolved", resolved
    page.sections.append(last)
    return page


def _deadlines(race: Race) -> str:
    if len({timing.compute_ns for timing in race.timings}) == 1:
        return "dashed: the deadline. Jobs that were skipped are missed, too, but in no curve"
    return (
        "dashed: the deadlines. A curve holds the jobs of all controllers, so where it crosses "
        "one stands no miss ratio; skipped jobs are in no curve"
    )


def _table(summary: Mapping[str, Any]) -> Table:
    headings = (
        "allocator", "missed", "95% interval", "response\np50, us", "response\np99, us",
        "response\nmax, us", "genie",
        "ageing loss", "miss loss", "in force",
    )  # fmt: skip
    rows, values = [], []
    for entry in summary["allocators"]:
        response, rate, loss = entry["response_us"], entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
        low, high = entry["miss_ratio_ci95"]
        ratio = entry["miss_ratio"]
        numbers = (
            response["p50"], response["p99"], response["max"], rate["genie"], loss["ageing"],
            loss["miss"], rate["in_force"],
        )  # fmt: skip
        rows.append(
            [
                entry["name"],
                "-" if ratio is None else f"{ratio:.2%}",
                f"{low:.2%} .. {high:.2%}",
                *response_cells(entry),
                *(number(value, 2) for value in numbers[3:]),
            ]
        )
        values.append([None, ratio, high, *numbers])
    return Table(headings, rows, values)


def _by_controller(summary: Mapping[str, Any]) -> list[Section]:
    """Return who missed how much, controller by controller; nothing if there is but one."""
    entries = summary["allocators"]
    if "controllers" not in entries[0]:
        return []
    rows, values = [], []
    for place, controller in enumerate(entries[0]["controllers"]):
        ratios = [entry["controllers"][place]["miss_ratio"] for entry in entries]
        rows.append([controller["name"], *("-" if r is None else f"{r:.2%}" for r in ratios)])
        values.append([None, *ratios])
    headings = ["controller", *(entry["name"] for entry in entries)]
    return [Section("Missed, by controller", table=Table(headings, rows, values))]


def _over_time(race: Race, contestants: Sequence[Raced]) -> LayoutDOM:
    """Draw rates over time and, if there are any, misses below them on the same axis."""
    from bokeh.layouts import column
    from bokeh.models import NumeralTickFormatter, Range1d

    made = _over_seconds(320, "sum rate in force (bit/s/Hz)", "time (s)")
    names = short_names(contestant.label for contestant in contestants)
    columns = ["controller", "deadline_ns", "outcome", "in_force_bps_hz"]
    length = stretch_ns(race)
    curves, values, missed = [], [], []
    for place, contestant in enumerate(contestants):
        time_s, rate, share = stretches(contestant.log.parts(columns), length)
        look = {"color": shade(place), "line_dash": stroke(place), "name": contestant.label}
        width = max(0.7 * thickness(place), 1.5)
        label = names[contestant.label]
        curves.append(made.line(time_s, rate, line_width=width, legend_label=label, **look))
        values.append(rate)
        if share.any():
            missed.append((curves[-1], time_s, share, look, width))
    known = np.concatenate(values)
    known = known[np.isfinite(known)]
    low, high = float(known.min()), float(known.max())
    # Rates that are level to many digits are shown level.
    room = 0.06 * max(high - low, 0.1 * abs(high), 1e-6)
    made.y_range = Range1d(max(low - room, min(low, 0.0)), high + room)
    hover_curves(made, curves, ("time", "@x{0.000} s"), ("in force", "@y{0.000} bit/s/Hz"))
    legend_above(made)
    if not missed:
        return made
    below = _over_seconds(170, "missed", "time (s)", x_range=made.x_range, y_range=(-0.05, 1.05))
    below.yaxis.ticker = [0.0, 0.5, 1.0]
    below.yaxis.formatter = NumeralTickFormatter(format="0%")
    below.toolbar_location = None
    shares = []
    for curve, time_s, share, look, width in missed:
        shares.append(below.line(time_s, share, line_width=width, **look))
        curve.js_link("visible", shares[-1], "visible")
    hover_curves(below, shares, ("time", "@x{0.000} s"), ("missed", "@y{0.0%}"))
    made.xaxis.visible = False
    return column(made, below, sizing_mode="stretch_width")


def _over_seconds(height: int, y_label: str, x_label: str, **how: Any) -> Figure:
    made = plain(
        height,
        tools="xpan,xbox_zoom,reset,save",
        x_axis_label=x_label,
        y_axis_label=y_label,
        min_border_left=75,  # so that both of a pair begin at the same place
        **how,
    )
    wheel_zoom(made, "width")
    return made


def _losses(allocators: Sequence[Mapping[str, Any]]) -> Figure:
    from bokeh.models import ColumnDataSource, FactorRange, HoverTool

    names = short_names(entry["name"] for entry in allocators)
    parts = {
        "in force": [entry["sum_rate_bps_hz"]["in_force"] for entry in allocators],
        "ageing loss": [max(entry["loss_bps_hz"]["ageing"], 0.0) for entry in allocators],
        "miss loss": [max(entry["loss_bps_hz"]["miss"], 0.0) for entry in allocators],
    }
    made = plain(
        130 + 34 * len(allocators),
        y_range=FactorRange(*reversed(names.values())),
        tools="save",
        x_axis_label="sum rate (bit/s/Hz)",
    )
    source = ColumnDataSource({"row": list(names.values()), "name": list(names), **parts})
    bars = made.hbar_stack(
        list(parts), y="row", height=0.6, source=source, color=["#0072B2", "#E69F00", "#D55E00"],
        line_color=None, legend_label=list(parts),
    )  # fmt: skip
    made.x_range.start = 0.0
    made.ygrid.visible = False
    for bar, part in zip(bars, parts, strict=True):
        told = [("", "@name"), (part, f"@{{{part}}}{{0.000}} bit/s/Hz")]
        made.add_tools(HoverTool(renderers=[bar], tooltips=told))
    legend_above(made)
    return made


def _shares(contestants: Sequence[Raced]) -> Figure:
    made = plain(
        320,
        tools="pan,box_zoom,reset,save",
        x_axis_label="mean rate in force of a link (bit/s/Hz)",
        y_axis_label="share of links",
    )
    wheel_zoom(made)
    names = short_names(contestant.label for contestant in contestants)
    curves = []
    for place, contestant in enumerate(contestants):
        ordered = np.sort(user_rates(contestant.tallies))
        if len(ordered):
            curves.append(
                made.step(
                    np.r_[ordered[0], ordered],
                    np.arange(len(ordered) + 1) / len(ordered),
                    mode="after",
                    color=shade(place),
                    line_dash=stroke(place),
                    line_width=max(0.7 * thickness(place), 1.5),
                    legend_label=names[contestant.label],
                    name=contestant.label,
                )
            )
    hover_curves(made, curves, ("rate", "@x{0.000} bit/s/Hz"), ("links", "@y{0%} have it or less"))
    legend_above(made)
    return made


def _fairness(allocators: Sequence[Mapping[str, Any]]) -> Table:
    values = [[None, entry["per_user_p5_bps_hz"], entry["jain"]] for entry in allocators]
    rows = [
        [entry["name"], number(p5, 3), number(jain, 3)]
        for entry, (_, p5, jain) in zip(allocators, values, strict=True)
    ]
    return Table(("allocator", "5% of links, bit/s/Hz", "Jain's index"), rows, values)
