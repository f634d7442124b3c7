"""Learning curves: share of WMMSE over environment steps, beside allocators that do not learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline.plots import canvas, colour, plain


def plot_curve(training: Mapping[str, Any], title: str, path: Path) -> None:
    """Draw a panel for each K: the policy, mean over its SNRs, and the baselines as lines.

    Args:
        training: from a card; see `allocators.policy.training.card`.
        title: of the figure.
        path: of the PNG or SVG file.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.ticker import EngFormatter

    curve, baselines = training["curve"], training["baselines"]
    cells: dict[str, list[str]] = {}
    for cell in baselines:
        cells.setdefault(cell.partition("@")[0], []).append(cell)
    steps = [point["environment_steps"] for point in curve]
    with canvas(path, 1.5 + 4.2 * len(cells), 4.2) as figure:
        panels = np.ravel(figure.subplots(1, len(cells), sharey=True, squeeze=False))
        for axes, (links, own) in zip(panels, cells.items(), strict=True):
            plain(axes)
            shares = [100.0 * np.mean([point["shares"][cell] for cell in own]) for point in curve]
            ends: list[tuple[float, str, str]] = [(float(shares[-1]), "policy", colour(0))]
            for number, name in enumerate(baselines[own[0]], 1):
                found = [baselines[cell][name] for cell in own]
                if None not in found:
                    level = 100.0 * float(np.mean(found))
                    axes.axhline(level, color=colour(number), linewidth=1.2, linestyle="--")
                    ends.append((level, name, colour(number)))
            axes.plot(steps, shares, color=colour(0), linewidth=2.0)
            axes.set_title(panel_title(links, own), fontsize=10)
            axes.set_xlabel("environment steps")
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.margins(x=0.0)
            for height, text, shade in _apart(ends, *axes.get_ylim()):
                axes.annotate(
                    text, (1.01, height), xycoords=("axes fraction", "data"), color=shade,
                    fontsize=8, va="center",
                )  # fmt: skip
        panels[0].set_ylabel("sum rate, % of WMMSE")
        figure.suptitle(title, fontsize=12, parse_math=False)


def panel_title(links: str, cells: Sequence[str]) -> str:
    """Return what a panel is of, from `k10` and its cells, `k10@0` and so on."""
    snrs = [cell.partition("@")[2] for cell in cells]
    where = f"at {snrs[0]}" if len(snrs) == 1 else f"mean over {', '.join(snrs)}"
    return f"K = {links.removeprefix('k')}, {where} dB"


def _apart(
    labels: list[tuple[float, str, str]], low: float, high: float
) -> list[tuple[float, str, str]]:
    """Return labels at heights that leave room for each, the lowest first."""
    room = 0.045 * (high - low)
    placed: list[tuple[float, str, str]] = []
    for height, text, shade in sorted(labels):
        at = height if not placed else max(height, placed[-1][0] + room)
        placed.append((at, text, shade))
    return placed
