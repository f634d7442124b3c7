"""Live against simulated, in pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.deadline.plots import canvas, colour
from sim.live.verify import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Quantiles that are compared: the body evenly, then on into the tail as far as the data carry.
_BODY = np.linspace(0.005, 0.995, 199)


def plot_verdicts(verdicts: Sequence[Verdict], folder: Path) -> list[Path]:
    """Draw the Q-Q plots of response times and the miss ratios; return the files."""
    by_label: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_label.setdefault(verdict.label, []).append(verdict)
    columns = min(len(by_label), 4)
    rows = -(-len(by_label) // columns)
    with canvas(folder / "qq.png", 3.6 * columns, 3.7 * rows) as figure:
        for number, (label, own) in enumerate(by_label.items()):
            axes = figure.add_subplot(rows, columns, number + 1)
            # Of the largest budget: under abort, it has cut the fewest.
            most = max(own, key=lambda verdict: verdict.budget_us)
            quantile_quantile(axes, most.live_response_ns, most.simulated_response_ns)
            axes.set_title(label, parse_math=False, fontsize=11)
    with canvas(folder / "miss_ratios.png", 7.0, 1.6 + 0.34 * len(verdicts)) as figure:
        miss_ratios(figure.add_subplot(), by_label)
    return [folder / "qq.png", folder / "miss_ratios.png"]


def quantile_quantile(
    axes: Axes, live_ns: NDArray[np.int64], simulated_ns: NDArray[np.int64]
) -> None:
    """Draw quantiles of simulated response times over those of live ones, both in us."""
    if not len(live_ns) or not len(simulated_ns):
        axes.text(0.5, 0.5, "no job was started", ha="center", transform=axes.transAxes)
        return
    fewest = min(len(live_ns), len(simulated_ns))
    tail = 1.0 - np.geomspace(0.005, 1.0 / fewest, 40) if fewest > 200 else np.empty(0)
    chances = np.concatenate([_BODY, tail])
    live, simulated = np.quantile(live_ns, chances) / 1e3, np.quantile(simulated_ns, chances) / 1e3
    low, high = min(live[0], simulated[0]), max(live[-1], simulated[-1])
    axes.plot([low, high], [low, high], color="black", linewidth=0.8, linestyle=":")
    body = len(_BODY)
    axes.plot(live[:body], simulated[:body], ".", color=colour(0), markersize=5, label="to p99.5")
    axes.plot(live[body:], simulated[body:], ".", color=colour(3), markersize=5, label="beyond")
    if low > 0.0 and high / low > 5.0:
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel="live response (us)", ylabel="simulated response (us)")
    axes.legend(fontsize=8, loc="upper left")


def miss_ratios(axes: Axes, by_label: Mapping[str, Sequence[Verdict]]) -> None:
    """Draw each live miss ratio with its interval, and the simulated one on it."""
    names, row = [], 0
    for number, (label, verdicts) in enumerate(by_label.items()):
        for verdict in verdicts:
            low, high = verdict.interval
            axes.plot([low, high], [row, row], color=colour(number), linewidth=5, alpha=0.4)
            axes.plot(verdict.live, row, "|", color=colour(number), markersize=12)
            marker = "o" if verdict.agrees else "X"
            axes.plot(verdict.simulated, row, marker, color="black", markersize=5)
            names.append(f"{label}, {verdict.budget_us:,.4g} us")
            row += 1
    axes.plot([], [], color="grey", linewidth=5, alpha=0.4, label="live, 99% interval")
    axes.plot([], [], "o", color="black", markersize=5, label="simulated, inside")
    axes.plot([], [], "X", color="black", markersize=5, label="simulated, outside")
    axes.set_yticks(range(row), names, fontsize=8, parse_math=False)
    axes.set(ylim=(row - 0.5, -0.5), xlim=(-0.02, 1.02), xlabel="miss ratio")
    axes.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
