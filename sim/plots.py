"""Plots of a race: what a paper would print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline.plots import (
    MOST_ROWS,
    colour,
    dash,
    figure,
    legend,
    line_width,
    response_times,
    room,
    timeline,
)
from sim.deadline.responses import responses
from sim.deadline.summary import missed
from sim.problem import FloatArray
from sim.race import Race
from sim.result import Raced, user_rates

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

_STRETCHES = 200
_FIRST_SLOTS = 10


def plot_race(
    race: Race, contestants: Sequence[Raced], summary: Mapping[str, Any], folder: Path
) -> list[Path]:
    """Draw the plots of a finished race as PNG files and return their paths."""
    logs = {contestant.label: contestant.log for contestant in contestants}
    with figure(folder / "response_time.png", *room(logs, 8.0, 4.2)) as axes:
        found = {label: responses(log) for label, log in logs.items()}
        response_times(axes, found, [timing.compute_ns for timing in race.timings])
        axes.set_title(f"{race.scenario.name}: does it make its slot?", parse_math=False)
    with figure(folder / "rate_over_time.png", *room(logs, 9.0, 4.2)) as axes:
        columns = ["controller", "deadline_ns", "outcome", "in_force_bps_hz"]
        parts = {label: log.parts(columns) for label, log in logs.items()}
        rate_over_time(axes, parts, stretch_ns(race))
        axes.set_title(f"{race.scenario.name}: rate in force", parse_math=False)
        legend(axes)
    with figure(folder / "user_rates.png", *room(logs, 8.0, 4.2)) as axes:
        rates = {contestant.label: user_rates(contestant.tallies) for contestant in contestants}
        user_rate_cdf(axes, rates)
        axes.set_title(f"{race.scenario.name}: mean rate of each link", parse_math=False)
    with figure(folder / "loss.png", room(logs, 7.0, 0.0)[0], 1.4 + 0.45 * len(logs)) as axes:
        loss_bars(axes, summary["allocators"])
        axes.set_title(f"{race.scenario.name}: where the rate goes", parse_math=False)
    owners = [timing.name for timing in race.timings]
    rows = [f"{label} / {owner}" if owners[1:] else label for label in logs for owner in owners]
    width, height = room(rows, 9.0, 0.0)[0], 1.6 + 0.42 * min(len(rows), MOST_ROWS)
    with figure(folder / "timeline.png", width, height) as axes:
        first = {label: next(log.parts()) for label, log in logs.items()}
        timeline(axes, first, _FIRST_SLOTS, owners)
        axes.set_title(
            f"{race.scenario.name}: the first slots", parse_math=False, fontsize=11, pad=24
        )
    return sorted(folder.glob("*.png"))


def stretch_ns(race: Race) -> int:
    """Return the length of the stretches that rates are averaged over.

    Whole slots of the slowest controller, or every other stretch would hold one of its more.
    """
    slot_ns = max(timing.slot_ns for timing in race.timings)
    end_ns = max(timing.offset_ns + timing.slots * timing.slot_ns for timing in race.timings)
    return slot_ns * -(-end_ns // (slot_ns * _STRETCHES))


def rate_over_time(axes: Axes, logs: Mapping[str, Iterable[pa.Table]], stretch_ns: int) -> None:
    """Draw the sum rate in force over time, and below it the share of jobs that missed.

    Args:
        axes: where.
        logs: each allocator's log in parts: ``controller``, ``deadline_ns``, ``outcome``,
            ``in_force_bps_hz``.
        stretch_ns: what each point averages over; controllers count alike in it.
    """
    shares = {}
    names = list(logs)
    for number, (label, parts) in enumerate(logs.items()):
        time_s, rate, share = stretches(parts, stretch_ns)
        axes.plot(
            time_s,
            rate,
            color=colour(number),
            linestyle=dash(number),
            linewidth=0.6 * line_width(number),
            label=label,
        )
        if share.any():
            shares[number] = time_s, share
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    step = min(0.05, 0.8 / max(len(shares), 1)) * (high - low)
    half_s = stretch_ns / 2e9
    for row, (number, (time_s, share)) in enumerate(shares.items()):
        bottom = low - (row + 1) * step
        strip = [((start - half_s), 2 * half_s) for start in time_s]
        shades = [(colour(number), _shade(float(part))) for part in share]
        axes.broken_barh(strip, (bottom + 0.2 * step, 0.7 * step), facecolors=shades, linewidth=0)
        axes.text(
            time_s[0] - half_s, bottom + 0.5 * step, f" {names[number]}: missed", fontsize=6,
            va="center", parse_math=False,
        )  # fmt: skip
    axes.set_ylim(low - (len(shares) + 0.3) * step, high)
    axes.set(
        xlabel="time (s)" + ("; strips: the darker, the more deadlines missed" if shares else ""),
        ylabel="sum rate in force (bit/s/Hz)",
    )


def _shade(share: float) -> float:
    """Return the opacity of a share that missed: none is empty, and one in a thousand is seen."""
    return 0.15 + 0.85 * share if share > 0 else 0.0


def stretches(
    parts: Iterable[pa.Table], stretch_ns: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the middles of stretches in s, the mean rate there, and the share missed."""
    sums: dict[
        tuple[int, int], FloatArray
    ] = {}  # (stretch, controller): jobs, missed, served, rate
    for part in parts:
        place = np.stack(
            [part["deadline_ns"].to_numpy() // stretch_ns, part["controller"].to_numpy()]
        )
        rate = part["in_force_bps_hz"].to_numpy()
        served = np.isfinite(rate)
        values = np.stack([np.ones(len(rate)), missed(part), served, np.where(served, rate, 0.0)])
        cells, cell = np.unique(place, axis=1, return_inverse=True)
        for i, key in enumerate(map(tuple, cells.T.tolist())):
            sums[key] = sums.get(key, 0.0) + values[:, cell == i].sum(axis=1)
    kept = sorted({stretch for stretch, _ in sums})
    rows = []
    for stretch in kept:
        own = np.array([total for (at, _), total in sums.items() if at == stretch])
        rated = own[own[:, 2] > 0]
        rate = float(np.mean(rated[:, 3] / rated[:, 2])) if len(rated) else np.nan
        rows.append(((stretch + 0.5) * stretch_ns / 1e9, rate, own[:, 1].sum() / own[:, 0].sum()))
    time_s, rate, share = np.array(rows).T
    return time_s, rate, share


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
                linestyle=dash(number),
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
