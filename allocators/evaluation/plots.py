"""Heatmaps: blue where WMMSE is beaten, red where it is not reached, white where it is met."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.evaluation.cells import Row
from allocators.evaluation.summary import by_allocator
from sim.deadline.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The same colours in every plot, in percent; what lies beyond has the colour of the end.
_LOW, _HIGH = 60.0, 107.0
_LONGEST_NAME = 60  # of a file: some systems take 255 bytes, and a letter may take four
_PANELS = 4  # beside each other
_LETTERS = 8  # of a title, to the inch
_LOW_FIGURE = 3.3  # inches
_DARK = 0.45  # luminance below which text is white


def plot_evaluation(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw a heatmap for each allocator, a panel for each channel, K over SNR, as PNG files."""
    paths = []
    rows_of = by_allocator(rows)
    for name, (label, own) in zip(file_names(rows_of), rows_of.items(), strict=True):
        path = folder / f"{name}.png"
        channels = list(dict.fromkeys(row["channel"] for row in own))
        columns = min(len(channels), _PANELS)
        lines = -(-len(channels) // columns)
        most = max(len({row["links"] for row in own if row["channel"] == c}) for c in channels)
        size = (1.2 + 3.1 * columns, 1.0 + lines * (0.9 + 0.36 * most))
        with canvas(path, *size) as figure:
            panels = np.ravel(figure.subplots(lines, columns, squeeze=False)).tolist()
            for axes in panels[len(channels) :]:
                axes.set_axis_off()
            for channel, axes in zip(channels, panels, strict=False):
                _panel(axes, [row for row in own if row["channel"] == channel])
                axes.set_title(channel, fontsize=10, parse_math=False)
            most = int(_LETTERS * size[0])
            shown = label if len(label) <= most else f"...{label[3 - most :]}"
            title = fill(f"{shown}: sum rate in % of WMMSE's", most)
            figure.suptitle(title, fontsize=12, parse_math=False)
            _scale(figure, panels[: len(channels)])
        paths.append(path)
    return paths


def plot_matrix(
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    path: Path,
) -> None:
    """Draw shares of WMMSE, models (rows) by tests (columns), as a PNG file."""
    longest = max(len(line) for name in rows for line in name.split("\n"))
    size = (1.6 + 0.075 * longest + 0.95 * len(columns), 1.9 + 0.5 * len(rows))
    with canvas(path, *size) as figure:
        axes = figure.add_subplot()
        _heat(axes, values, rows, columns)
        axes.tick_params(axis="x", labelrotation=30)
        for text in axes.get_xticklabels():
            text.set(ha="left", rotation_mode="anchor")
        axes.xaxis.tick_top()
        figure.suptitle("Trained here (rows), used there: % of WMMSE", fontsize=12)
        _scale(figure, [axes])


def file_names(labels: Iterable[str]) -> list[str]:
    """Return a name for each allocator's file, all different, that any file system takes."""
    names: list[str] = []
    for label in labels:
        plain = re.sub(r"[^\w.=-]+", "_", label.removesuffix(".safetensors")).strip("._")
        name = stem = plain[-_LONGEST_NAME:] or "allocator"
        number = 1
        while name.casefold() in (other.casefold() for other in names):
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    links = sorted({row["links"] for row in rows})
    snrs = list(dict.fromkeys(row["snr_db"] for row in rows))
    if None not in snrs:
        snrs.sort()
    share = {(row["links"], row["snr_db"]): row["share_of_wmmse"] for row in rows}
    values = [[share.get((k, snr)) for snr in snrs] for k in links]
    own = snrs == [None]
    _heat(axes, values, [str(k) for k in links], ["own" if own else f"{snr:g}" for snr in snrs])
    axes.set_xlabel("noise" if own else "SNR (dB)", fontsize=9)
    axes.set_ylabel("K", fontsize=9)


def _heat(
    axes: Axes,
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Draw a matrix of shares with its text; grey where there is none."""
    image, (colours, norm) = _percent(values), _colours()
    axes.pcolormesh(image, cmap=colours, norm=norm, edgecolors="white", linewidth=1.0)
    axes.invert_yaxis()
    axes.set_facecolor("0.88")
    for (i, j), value in np.ndenumerate(image):
        shown = "-" if np.isnan(value) else f"{value:.1f}"
        red, green, blue, _ = (0.88,) * 4 if np.isnan(value) else colours(norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < _DARK
        axes.text(
            j + 0.5,
            i + 0.5,
            shown,
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=8, parse_math=False)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _percent(values: Sequence[Sequence[float | None]]) -> np.ma.MaskedArray[Any, Any]:
    plain = [[np.nan if value is None else 100.0 * value for value in line] for line in values]
    return np.ma.masked_invalid(np.array(plain, dtype=np.float64))


def _colours() -> tuple[Any, Any]:
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

    # Without its darkest ends, in which text drowns.
    shades = colormaps["RdBu"](np.linspace(0.08, 0.92, 256))
    return LinearSegmentedColormap.from_list("share", shades), TwoSlopeNorm(100.0, _LOW, _HIGH)


def share_colour(share: float) -> str:
    """Return the colour of a share of WMMSE, as ``#rrggbb``."""
    from matplotlib.colors import to_hex

    colours, norm = _colours()
    return str(to_hex(colours(norm(100.0 * share))))


def _scale(figure: Figure, panels: Sequence[Axes]) -> None:
    from matplotlib.cm import ScalarMappable

    colours, norm = _colours()
    bar = figure.colorbar(
        ScalarMappable(norm, colours), ax=list(panels), extend="both", shrink=0.9, pad=0.01
    )
    low = figure.get_figheight() < _LOW_FIGURE  # no room for every percent
    bar.set_ticks([60, 80, 100, 103, 107] if low else [60, 70, 80, 90, *range(100, 108)])
    bar.ax.tick_params(labelsize=8)
    bar.set_label("% of WMMSE", fontsize=9)
