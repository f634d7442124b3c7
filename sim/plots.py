"""Plots of a race: what a paper would print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline import read_log
from sim.deadline.plots import colour, figure, legend, line_width, response_times, timeline
from sim.deadline.summary import integers
from sim.problem import FloatArray
from sim.race import Contestant, Race
from sim.result import user_rates

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

_MOST_POINTS = 400
_FIRST_SLOTS = 10


def plot_race(
    race: Race, contestants: list[Contestant], summary: Mapping[str, Any], folder: Path, log: Path
) -> list[Path]:
    """Draw the plots of a finished race as PNG files and return their paths."""
    labels = [contestant.label for contestant in contestants]
    timeline_columns = ["index", "controller", "release_ns", "start_ns", "finish_ns"]
    timeline_columns += ["deadline_ns", "outcome"]
    with figure(folder / "response_time.png", width=8.0) as axes:
        responses = {
            label: integers(
                read_log(log, ["release_ns", "finish_ns"], label), "finish_ns", minus="release_ns"
            )
            for label in labels
        }
        response_times(axes, responses, [timing.compute_ns for timing in race.timings])
        axes.set_title(f"{race.scenario.name}: does it make its slot?", parse_math=False)
    with figure(folder / "rate_over_time.png", width=9.0) as axes:
        columns = ["controller", "deadline_ns", "outcome", "in_force_bps_hz"]
        rate_over_time(axes, {label: read_log(log, columns, label) for label in labels})
        axes.set_title(f"{race.scenario.name}: rate in force", parse_math=False)
        legend(axes)
    with figure(folder / "user_rates.png", width=8.0) as axes:
        rates = {contestant.label: user_rates(contestant.tallies) for contestant in contestants}
        user_rate_cdf(axes, rates)
        axes.set_title(f"{race.scenario.name}: mean rate of each link", parse_math=False)
    with figure(folder / "loss.png", height=1.4 + 0.45 * len(labels)) as axes:
        loss_bars(axes, summary["allocators"])
        axes.set_title(f"{race.scenario.name}: where the rate goes", parse_math=False)
    rows = len(labels) * len(race.timings)
    with figure(folder / "timeline.png", width=9.0, height=1.6 + 0.42 * rows) as axes:
        first = {label: read_log(log, timeline_columns, label) for label in labels}
        timeline(axes, first, _FIRST_SLOTS, [timing.name for timing in race.timings])
        axes.set_title(
            f"{race.scenario.name}: the first slots", parse_math=False, fontsize=11, pad=24
        )
    return sorted(folder.glob("*.png"))


def rate_over_time(axes: Axes, logs: Mapping[str, pa.Table]) -> None:
    """Draw the sum rate in force, averaged over stretches, and below where jobs missed.

    Args:
        axes: where.
        logs: columns ``controller``, ``deadline_ns``, ``outcome``, ``in_force_bps_hz``, by
            allocator.
    """
    misses = {}
    for number, (label, log) in enumerate(logs.items()):
        time_s, rate = log["deadline_ns"].to_numpy() / 1e9, log["in_force_bps_hz"].to_numpy()
        missed = log["outcome"].cast("string").to_numpy() != "met"
        if missed.any():
            # Ticks that would fall on one another are drawn once.
            misses[number] = np.unique(np.round(time_s[missed] / time_s[-1], 3)) * time_s[-1]
        served = np.isfinite(rate)
        if served.any():
            axes.plot(
                *_stretches(time_s[served], rate[served], log["controller"].to_numpy()[served]),
                color=colour(number),
                linewidth=0.6 * line_width(number),
                label=label,
            )
    low, high = axes.get_ylim()
    step = 0.05 * (high - low)
    for row, (number, times) in enumerate(misses.items()):
        where = np.full(len(times), low - (row + 0.5) * step)
        axes.plot(times, where, "|", color=colour(number), markersize=6)
    axes.set_ylim(low - (len(misses) + 0.5) * step, high)
    axes.set(
        xlabel="time (s)" + ("; ticks: missed deadlines" if misses else ""),
        ylabel="sum rate in force (bit/s/Hz)",
    )


def _stretches(
    time_s: FloatArray, rate: FloatArray, controller: NDArray[np.int32]
) -> tuple[FloatArray, FloatArray]:
    """Return the middles of stretches of time and the rate there, the mean over controllers."""
    slot_s = max(
        float(np.ptp(own)) / max(len(own) - 1, 1)
        for own in (time_s[controller == c] for c in np.unique(controller))
    )
    if slot_s == 0.0:
        return time_s[:1], rate.mean(keepdims=True)
    # Whole slots of the slowest controller, or every other stretch would hold one of its more.
    slots = np.ceil(np.ptp(time_s) / slot_s / _MOST_POINTS)
    start_s = time_s.min() - slot_s / 2
    stretch = ((time_s - start_s) / (slots * slot_s)).astype(np.int64)
    size = int(controller.max()) + 1, int(stretch.max()) + 1
    cell = np.ravel_multi_index((controller, stretch), size)
    count = np.bincount(cell, minlength=size[0] * size[1]).reshape(size)
    total = np.bincount(cell, rate, minlength=size[0] * size[1]).reshape(size)
    mean = np.divide(total, count, out=np.zeros(size), where=count > 0)
    present = (count > 0).sum(axis=0)
    middle = start_s + (np.arange(size[1]) + 0.5) * slots * slot_s
    kept = present == present.max()  # not the ends, where some controllers have no slots
    return middle[kept], mean.sum(axis=0)[kept] / present[kept]


def user_rate_cdf(axes: Axes, rates: Mapping[str, FloatArray]) -> None:
    """Draw the distribution of the links' mean rates in force.

    Args:
        axes: where.
        rates: mean rate of each link, by allocator, bit/s/Hz.
    """
    for number, (label, values) in enumerate(rates.items()):
        if len(values):
            ordered = np.sort(values)
            share = np.arange(len(ordered) + 1) / len(ordered)
            axes.step(
                np.r_[ordered[0], ordered],
                share,
                where="post",
                color=colour(number),
                linewidth=line_width(number),
                label=label,
            )
    axes.axhline(0.05, color="black", linewidth=0.8, linestyle=":")
    axes.text(0.99, 0.06, "5%", fontsize=8, ha="right", transform=axes.get_yaxis_transform())
    axes.set(xlabel="mean rate in force (bit/s/Hz)", ylabel="share of links", ylim=(0, 1.02))
    legend(axes)


def loss_bars(axes: Axes, allocators: list[Mapping[str, Any]]) -> None:
    """Draw each genie rate as a bar: what is in force, what age and misses took.

    Args:
        axes: where.
        allocators: entries of the summary.
    """
    parts = (("in force", "#0072B2"), ("ageing loss", "#E69F00"), ("miss loss", "#D55E00"))
    for row, entry in enumerate(allocators):
        rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
        if rate["genie"] is None:
            continue
        values = (rate["in_force"], loss["ageing"], loss["miss"])
        left = 0.0
        for (label, shade), value in zip(parts, values, strict=True):
            # A loss may come out below zero, where an older answer happened to do better.
            width = max(value, 0.0)
            axes.barh(
                row, width, left=left, color=shade, height=0.6, label=label if row == 0 else None
            )
            left += width
        lost = loss["ageing"] + loss["miss"]
        text = f" {rate['in_force']:.2f}" + (f" (-{lost:.2f})" if lost > 0.005 else "")
        axes.text(left, row, text, va="center", fontsize=8)
    axes.set_yticks(range(len(allocators)), [entry["name"] for entry in allocators])
    axes.set(ylim=(len(allocators) - 0.4, -0.6), xlabel="sum rate (bit/s/Hz)")
    axes.set_xlim(0, 1.25 * axes.get_xlim()[1])
    legend(axes)
