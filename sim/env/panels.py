"""The panels of a picture that have axes of their own: powers, and rates over time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sim.deadline import Outcome
from sim.deadline.plots import OUTCOME_COLOURS, plain
from sim.env.jobs import INITIAL, OUTCOMES
from sim.env.scene import Scene
from sim.problem import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Where the names of the upright axes stand, left of them: they do not move as numbers get longer.
_NAME_AT = (-0.104, 0.5)

_BLUE, _GREY = "#0072B2", "#555555"
_COLOURS = {outcome.value: shade for outcome, shade in OUTCOME_COLOURS.items()}
_MISSES = (Outcome.LATE.value, Outcome.ABORTED.value, Outcome.SKIPPED.value)

#: Shortest stretch of time shown, in slots; it doubles until the history fits.
_SHORTEST_SPAN = 50


class Panel(Protocol):
    """A part of a picture: what stands still, drawn anew when `base` changes, and what moves.

    Attributes:
        moving: what moves, in the order of drawing.
        ground: what to draw over what stood still when that alone changes; empty if all of the
            figure is to be drawn then.
    """

    moving: list[Artist]
    ground: list[Artist]

    def base(self, scene: Scene) -> Hashable:
        """Return all that what stands still is made of."""

    def settle(self, scene: Scene) -> None:
        """Set what stands still."""

    def update(self, scene: Scene) -> None:
        """Set what moves."""


class RateScale:
    """The colour of a link's rate: the darker, the higher; finer below, where most rates are."""

    top_bps_hz = 8.0  # 256-QAM; more is as dark

    def __init__(self) -> None:
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap, PowerNorm

        shades = colormaps["YlGnBu"](np.linspace(0.2, 1.0, 256))  # none that is nearly white
        norm = PowerNorm(0.5, 0.0, self.top_bps_hz, clip=True)
        self._mappable = ScalarMappable(norm, ListedColormap(shades))

    def colours(self, rate_bps_hz: FloatArray) -> FloatArray:
        """Return a colour with its opacity for each rate, ``(n, 4)``."""
        found: FloatArray = self._mappable.to_rgba(rate_bps_hz)
        return found

    def legend(self, axes: Axes) -> None:
        """Fill axes with the scale."""
        figure: Any = axes.figure
        figure.colorbar(
            self._mappable,
            cax=axes,
            orientation="horizontal",
            extend="max",
            ticks=[0, 0.5, 2, 4, self.top_bps_hz],
            format="%g",
        )
        axes.tick_params(labelsize=8)
        axes.set_xlabel("rate of a link (bit/s/Hz)", fontsize=9)


class Headline:
    """Slot, sum rate and outcome, in words.

    Args:
        figure: whose top it is.
    """

    def __init__(self, figure: Figure) -> None:
        self._text = figure.text(0.08, 0.95, "", fontsize=12)
        self._outcome = figure.text(0.98, 0.95, "", fontsize=12, ha="right", weight="bold")
        self.moving: list[Artist] = [self._text, self._outcome]
        self.ground: list[Artist] = []

    def base(self, scene: Scene) -> Hashable:
        """Nothing stands still."""
        del scene
        return None

    def settle(self, scene: Scene) -> None:
        """Nothing stands still."""

    def update(self, scene: Scene) -> None:
        """Set the words."""
        words = f"slot {scene.slot}: sum rate {scene.sum_rate_bps_hz:.2f} bit/s/Hz"
        if scene.reference_bps_hz is not None:
            words += f", reference {scene.reference_bps_hz:.2f}"
        self._text.set_text(words)
        begun = scene.outcome != OUTCOMES[INITIAL]
        self._outcome.set_text(scene.outcome if begun else "no answer due yet")
        self._outcome.set_color(_COLOURS.get(scene.outcome, _GREY))


class Powers:
    """A bar for each link: power in force over p_max, in the colour of the link's rate.

    Args:
        axes: where.
        scale: of the rates.
    """

    def __init__(self, axes: Axes, scale: RateScale) -> None:
        from matplotlib.collections import PolyCollection

        self._axes, self._scale = axes, scale
        plain(axes)
        axes.grid(visible=False, axis="x")
        axes.tick_params(labelsize=8)
        axes.set_ylim(0, 105)
        axes.set_ylabel("power in force (% of p_max)", fontsize=9)
        axes.yaxis.set_label_coords(*_NAME_AT)
        self._bars: Any = PolyCollection([], edgecolors=_GREY, linewidths=0.5)
        axes.add_collection(self._bars, autolim=False)
        (self._subbands,) = axes.plot([], [], "_", color="black", markersize=5, markeredgewidth=1)
        self.moving: list[Artist] = [self._bars, self._subbands]
        self.ground: list[Artist] = []

    def base(self, scene: Scene) -> Hashable:
        """Return how many subbands and links there are."""
        return scene.power_w.shape

    def settle(self, scene: Scene) -> None:
        """Number the links."""
        subbands, links = scene.power_w.shape
        self._axes.set_xlim(-0.7, links - 0.3)
        self._axes.set_xticks(range(0, links, -(-links // 20)))
        dashes = "; dashes: in each subband" if subbands > 1 else ""
        self._axes.set_xlabel(f"link{dashes}", fontsize=9)

    def update(self, scene: Scene) -> None:
        """Set the bars."""
        subbands, links = scene.power_w.shape
        height = _percent(scene.power_w.sum(axis=0), scene.p_max_w.sum(axis=0))
        number = np.arange(links)
        corners = np.zeros((links, 4, 2))
        corners[:, :, 0] = number[:, None] + np.array([-0.35, -0.35, 0.35, 0.35])
        corners[:, 1:3, 1] = height[:, None]
        self._bars.set_verts(corners)
        self._bars.set_facecolor(self._scale.colours(scene.link_rate_bps_hz))
        if subbands > 1:
            each = _percent(scene.power_w, scene.p_max_w)
            self._subbands.set_data(np.tile(number, subbands), each.reshape(-1))


class Rates:
    """The sum rate over time, the reference's beside it, and below it a tick for each miss.

    Args:
        axes: where.
        cover: hides axes and labels, and nothing else.
    """

    def __init__(self, axes: Axes, cover: Artist) -> None:
        from matplotlib.collections import LineCollection

        self._axes = axes
        self.ground: list[Artist] = [cover, axes]
        plain(axes)
        axes.tick_params(labelsize=8)
        axes.set_xlabel("slots from now", fontsize=9)
        axes.set_ylabel("sum rate (bit/s/Hz)", fontsize=9)
        axes.yaxis.set_label_coords(*_NAME_AT)
        (self._reference,) = axes.plot([], [], color=_GREY, linewidth=1.0, label="reference")
        (self._rate,) = axes.plot([], [], color=_BLUE, linewidth=1.6, label="in force")
        (self._now,) = axes.plot([], [], "o", color=_BLUE, markersize=4, clip_on=False)
        self._ticks: Any = LineCollection([], linewidths=1.5, transform=axes.get_xaxis_transform())
        axes.add_collection(self._ticks, autolim=False)
        self._counts = [
            axes.text(right, 1.03, "", fontsize=9, ha="right", transform=axes.transAxes)
            for right in (1.0, 0.77, 0.54)
        ]
        self.moving: list[Artist] = [
            self._reference, self._rate, self._now, self._ticks, *self._counts,
        ]  # fmt: skip

    def base(self, scene: Scene) -> tuple[int, float, bool]:
        """Return how long and how high the axes are, and whether there is a reference."""
        rates: list[FloatArray | float] = [scene.history_bps_hz, scene.sum_rate_bps_hz]
        if scene.history_reference_bps_hz is not None:
            rates.append(scene.history_reference_bps_hz)
        span = _SHORTEST_SPAN
        while span < len(scene.history_bps_hz):
            span *= 2
        highest = float(np.hstack(rates).max())
        return span, round_above(highest), scene.history_reference_bps_hz is not None

    def settle(self, scene: Scene) -> None:
        """Set the limits and the legend."""
        span, top, referred = self.base(scene)
        self._axes.set_xlim(-span, 0)
        # Room for the ticks of the misses below zero.
        self._axes.set_ylim(-0.1 * top, top)
        self._axes.set_yticks(np.linspace(0.0, top, 6))
        lines = [self._rate]
        if referred:
            lines.append(self._reference)
        legend = self._axes.get_legend()
        if legend is not None and len(legend.get_lines()) == len(lines):
            return  # a new one takes as long as all the rest
        self._axes.legend(
            handles=lines, loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2, frameon=False,
            fontsize=9, columnspacing=1.2, handlelength=1.4,
        )  # fmt: skip

    def update(self, scene: Scene) -> None:
        """Set lines, ticks and counts."""
        ago = np.arange(len(scene.history_bps_hz)) - len(scene.history_bps_hz) + 1
        self._rate.set_data(ago, scene.history_bps_hz)
        self._now.set_data(ago[-1:], scene.history_bps_hz[-1:])
        reference = scene.history_reference_bps_hz
        if reference is None:
            self._reference.set_data([], [])
        else:
            self._reference.set_data(ago, reference)
        missed = [(x, how) for x, how in zip(ago, scene.history_outcome, strict=True)
                  if how in _MISSES]  # fmt: skip
        self._ticks.set_segments([[(x, 0.01), (x, 0.08)] for x, _ in missed])
        self._ticks.set_color([_COLOURS[how] for _, how in missed])
        counts = [(scene.history_outcome.count(outcome), outcome) for outcome in _MISSES]
        counts = [(count, outcome) for count, outcome in counts if count]
        counts += [(0, "")] * (len(self._counts) - len(counts))
        for text, (count, outcome) in zip(self._counts, counts, strict=True):
            text.set_text(f"{count} {outcome}" if count else "")
            text.set_color(_COLOURS.get(outcome, _GREY))


def round_above(value: float) -> float:
    """Return a round number above ``value`` whose fifths are round as well; 0.01 at least."""
    value = max(value, 0.0098)
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15)
                      if value <= 0.98 * step * power))  # fmt: skip


def _percent(power_w: FloatArray, cap_w: FloatArray) -> FloatArray:
    """Return powers in percent of their caps; zero where there is no cap."""
    return 100.0 * np.divide(power_w, cap_w, out=np.zeros_like(power_w), where=cap_w > 0)
