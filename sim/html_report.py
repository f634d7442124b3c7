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
)
from sim.deadline.html.page import Page, Section, Table, reproduction
from sim.deadline.html.timeline import timeline
from sim.deadline.manifest import read_manifest
from sim.deadline.plots import responses
from sim.deadline.tables import number
from sim.plots import stretch_ns, stretches
from sim.race import Race
from sim.result import Raced
from sim.table import verdict

if TYPE_CHECKING:
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
    page.sections.append(
        Section(
            "Allocators",
            "missed: share of slots whose answer was not there in time, with its 95% interval. "
            "genie: the sum rate its answers would give if they took no time; ageing loss: what "
            "their age takes; miss loss: what missing takes; in force: what is left, in bit/s/Hz. "
            "Click a heading to sort.",
            table=_table(summary),
        )
    )
    page.sections.append(
        Section(
            "Slots and jobs",
            "Each bar is a job, from start to finish, beside its deadline. Drag to move, scroll to "
            "zoom, hover for times.",
            figures=[
                timeline(
                    {label: log.parts() for label, log in logs.items()},
                    [timing.name for timing in race.timings],
                )
            ],
        )
    )
    page.sections.append(
        Section(
            "Response times",
            "How often a response, from the intended release, takes as long or longer; dashed: the "
            "deadline. Click a name to hide its curve.",
            figures=[
                response_times(
                    {label: responses(log) for label, log in logs.items()},
                    [timing.compute_ns for timing in race.timings],
                )
            ],
        )
    )
    page.sections.append(
        Section(
            "Rate in force and misses over time",
            "Above, the sum rate in force; below, the share of deadlines missed.",
            figures=[_over_time(race, contestants)],
        )
    )
    page.sections.append(
        Section(
            "Where the rate goes",
            "What is in force, and on top of it what the answers' age and what misses take. A loss "
            "below zero, where an older answer happened to do better, is in the table alone.",
            figures=[_losses(summary["allocators"])],
        )
    )
    page.sections.append(reproduction(read_manifest(manifest), scenario=name))
    return page


def _table(summary: Mapping[str, Any]) -> Table:
    headings = (
        "allocator", "missed", "95% interval", "response p50, us", "p99, us", "max, us", "genie",
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
                *(number(value, 1) for value in numbers[:3]),
                *(number(value, 2) for value in numbers[3:]),
            ]
        )
        values.append([None, ratio, high, *numbers])
    return Table(headings, rows, values)


def _over_time(race: Race, contestants: Sequence[Raced]) -> Figure:
    from bokeh.models import LinearAxis, Range1d

    made = plain(
        tools="xpan,xwheel_zoom,xbox_zoom,reset,save",
        active_scroll="xwheel_zoom",
        x_axis_label="time (s)",
        y_axis_label="sum rate in force (bit/s/Hz)",
    )
    columns = ["controller", "deadline_ns", "outcome", "in_force_bps_hz"]
    length = stretch_ns(race)
    curves, highest, lowest = [], 0.0, np.inf
    missed: list[tuple[int, str, Any, Any]] = []
    for place, contestant in enumerate(contestants):
        time_s, rate, share = stretches(contestant.log.parts(columns), length)
        highest = max(highest, float(np.nanmax(rate, initial=0.0)))
        lowest = min(lowest, float(np.nanmin(rate, initial=np.inf)))
        curves.append(
            made.line(
                time_s,
                rate,
                color=shade(place),
                line_width=2,
                legend_label=contestant.label,
                name=contestant.label,
            )
        )
        if share.any():
            missed.append((place, contestant.label, time_s, share))
    if missed:
        # The lower third is for misses, on an axis of their own.
        room = max(highest - min(lowest, highest), 0.1 * highest, 1e-9)
        made.y_range = Range1d(highest - 1.6 * room, highest + 0.05 * room)
        made.extra_y_ranges = {"missed": Range1d(0.0, 3.2)}
        axis = LinearAxis(
            y_range_name="missed", axis_label="missed", axis_label_text_font_style="normal"
        )
        axis.ticker = [0.0, 0.5, 1.0]
        made.add_layout(axis, "right")
        for place, label, time_s, share in missed:
            curves.append(
                made.line(
                    time_s,
                    share,
                    color=shade(place),
                    line_width=1.5,
                    line_dash="dotted",
                    y_range_name="missed",
                    legend_label=label,
                    name=f"{label}, missed",
                )
            )
    hover_curves(made, curves, ("time", "@x{0.000} s"), ("", "@y{0.000}"))
    legend_above(made)
    return made


def _losses(allocators: Sequence[Mapping[str, Any]]) -> Figure:
    from bokeh.models import ColumnDataSource, FactorRange, HoverTool

    rated = [entry for entry in allocators if entry["sum_rate_bps_hz"]["genie"] is not None]
    names = [entry["name"] for entry in rated]
    parts = {
        "in force": [entry["sum_rate_bps_hz"]["in_force"] for entry in rated],
        "ageing loss": [max(entry["loss_bps_hz"]["ageing"], 0.0) for entry in rated],
        "miss loss": [max(entry["loss_bps_hz"]["miss"], 0.0) for entry in rated],
    }
    made = plain(
        130 + 34 * len(rated),
        y_range=FactorRange(*reversed(names)),
        tools="save",
        x_axis_label="sum rate (bit/s/Hz)",
    )
    source = ColumnDataSource({"name": names, **parts})
    bars = made.hbar_stack(
        list(parts), y="name", height=0.6, source=source, color=["#0072B2", "#E69F00", "#D55E00"],
        legend_label=list(parts),
    )  # fmt: skip
    made.x_range.start = 0.0
    made.ygrid.visible = False
    made.add_tools(
        HoverTool(renderers=bars, tooltips=[("", "@name"), ("$name", "@$name{0.000} bit/s/Hz")])
    )
    legend_above(made)
    return made
