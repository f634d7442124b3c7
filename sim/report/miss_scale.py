"""Colours of a miss ratio: blue below what is asked, red above, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.report.cells import Cell
from sim.report.wording import ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_USUAL = 1e-3
_TICK = 0.17  # inches


@dataclass(frozen=True)
class MissScale:
    """Colours over the decimal logarithm of a miss ratio.

    Attributes:
        colours: the colour map.
        norm: from the logarithm to the map.
        centre: what is white, the miss ratio asked for.
        floor: the power of ten that is bluest, which zero misses fall on.
    """

    colours: Any
    norm: Any
    centre: float
    floor: float

    def level(self, missed: float) -> float:
        """Return where a miss ratio stands on the scale."""
        return math.log10(max(missed, self.floor))

    def colour(self, missed: float) -> tuple[float, float, float, float]:
        """Return the colour of a miss ratio: red, green, blue, alpha from 0 to 1."""
        red, green, blue, alpha = self.colours(self.norm(self.level(missed)))
        return red, green, blue, alpha


def miss_scale(cells: Iterable[Cell], asked: float | None) -> MissScale:
    """Return the colours for some cells.

    Args:
        cells: that could be had.
        asked: the miss ratio in the middle; the usual one if none or none that has a logarithm.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

    centre = asked if asked is not None and 1e-9 <= asked < 0.5 else _USUAL
    seen = [cell.metric("miss_ratio") or 1.0 / max(cell.jobs, 1) for cell in cells]
    floor = 10.0 ** math.floor(math.log10(min([*seen, centre / 10.0])) + 1e-9)
    # Without its darkest ends, in which text drowns.
    shades = [colormaps["RdBu_r"](0.08 + 0.84 * i / 255) for i in range(256)]
    colours = LinearSegmentedColormap.from_list("missed", shades)
    return MissScale(
        colours, TwoSlopeNorm(math.log10(centre), math.log10(floor), 0.0), centre, floor
    )


def colour_bar(figure: Figure, places: Sequence[Axes], scale: MissScale, tall: float) -> None:
    """Draw the scale beside panels that are so many inches tall together."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.colours), ax=list(places), pad=0.02, aspect=25
    )
    low, centre = round(math.log10(scale.floor)), math.log10(scale.centre)
    ticks = [float(low), centre, 0.0]
    # Each half of the bar has its own pace.
    for start, end in ((low, centre), (centre, 0)):
        between = [float(e) for e in range(math.ceil(start + 1e-9), math.ceil(end - 1e-9))]
        between = [e for e in between if start + 0.3 < e < end - 0.3]
        step = math.ceil((len(between) + 1) * _TICK / (0.5 * tall))
        ticks += between[step - 1 :: step] if step <= len(between) else []
    ticks = sorted(set(ticks))
    bar.set_ticks(ticks, labels=[_tick(tick, low) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=8)
    bar.ax.axhline(centre, color="black", linewidth=2.2)
    bar.set_label("miss ratio", fontsize=9)


def _tick(exponent: float, low: int) -> str:
    text = ratio(10.0**exponent)
    return f"{text}, 0" if exponent == low else text
