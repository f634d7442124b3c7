"""Links on the map: who sends to whom, at what rate, and who disturbs whom."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.env.observation import IntArray
from sim.env.panels import RateScale
from sim.env.scene import Scene
from sim.problem import FloatArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_RED = np.array([0.70, 0.09, 0.17])

#: Of interference over noise in dB: where its line is thinnest and where it is thickest, in points.
_RANGE_DB = (-10.0, 50.0)
_WIDTHS = (0.4, 5.0)
_OPACITIES = (0.15, 0.45)
#: From the end of a link to the middle of its number, in points.
_ASIDE = 9.0

#: Lines of interference, the strongest: so many a link, and at most; more would hide the links.
_LINES_A_LINK = 2
_MOST_LINES = 30


class LinkMap:
    """A line from each transmitter to its receiver, and red ones to those that it disturbs most.

    Args:
        axes: where.
        scale: of the links' rates.
    """

    def __init__(self, axes: Axes, scale: RateScale) -> None:
        from matplotlib.collections import LineCollection, PathCollection
        from matplotlib.transforms import Affine2D

        self._axes, self._scale = axes, scale
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.1)
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
        self._interference: Any = LineCollection([], capstyle="round")
        self._links: Any = LineCollection([], linewidths=2.5, capstyle="round")
        for lines in (self._interference, self._links):
            axes.add_collection(lines, autolim=False)
        self._rx = axes.scatter([], [], s=26, marker="o", facecolor="white", edgecolor="black")
        self._tx: Any = axes.scatter([], [], s=30, marker="^", edgecolor="black", linewidths=1.0)
        # Outlines, as texts proper take a millisecond each; in points, with a white rim.
        points = Affine2D().scale(1.0 / 72.0) + axes.figure.dpi_scale_trans
        rim = PathCollection([], facecolor="white", edgecolor="white", linewidth=2.0)
        black = PathCollection([], facecolor="black", linewidth=0.0)
        self._numbers = (rim, black)
        for numbers in self._numbers:
            axes.add_collection(numbers, autolim=False)
            numbers.set_transform(points)
            numbers.set_offset_transform(axes.transData)
            numbers.set_clip_on(False)
        self.moving: list[Artist] = [
            self._interference, self._links, *self._numbers, self._rx, self._tx,
        ]  # fmt: skip
        self.ground: list[Artist] = []
        self._explain()

    def base(self, scene: Scene) -> Hashable:
        """Return where everybody is."""
        return scene.rx_m.tobytes(), scene.tx_m.tobytes(), scene.placed

    def settle(self, scene: Scene) -> None:
        """Set everybody's place."""
        ends = np.concatenate((scene.rx_m, scene.tx_m))
        self._axes.dataLim.set_points(np.stack((ends.min(axis=0), ends.max(axis=0))))
        self._axes.autoscale()
        self._axes.tick_params(
            left=scene.placed, bottom=scene.placed, labelleft=scene.placed, labelbottom=scene.placed
        )
        self._axes.grid(visible=scene.placed)
        self._axes.spines[:].set_visible(scene.placed)
        self._axes.set_xlabel(
            "x (m)" if scene.placed else "the channel has no positions", fontsize=9
        )
        self._axes.set_ylabel("y (m)" if scene.placed else "", fontsize=9)
        self._number(scene)

    def update(self, scene: Scene) -> None:
        """Set colours and widths."""
        self._links.set_segments(np.stack((scene.tx_m, scene.rx_m), axis=1))
        self._links.set_color(self._scale.colours(scene.link_rate_bps_hz))
        self._rx.set_offsets(scene.rx_m)
        self._tx.set_offsets(scene.tx_m)
        cap = scene.p_max_w.sum(axis=0)
        share = np.divide(scene.power_w.sum(axis=0), cap, out=np.zeros_like(cap), where=cap > 0)
        grey = np.clip(1.0 - share, 0.0, 1.0)  # a sum of caps may be rounded
        self._tx.set_facecolor(np.repeat(grey[:, None], 3, axis=1))
        most = min(_LINES_A_LINK * len(cap), _MOST_LINES)
        over_noise = once_a_place(interference_db(scene), scene.rx_m, scene.tx_m)
        receiver, transmitter = strongest(over_noise, _RANGE_DB[0], most)
        level = over_noise[receiver, transmitter]
        self._interference.set_segments(
            np.stack((scene.tx_m[transmitter], scene.rx_m[receiver]), axis=1)
        )
        self._interference.set_linewidth(np.interp(level, _RANGE_DB, _WIDTHS))
        self._interference.set_color(_reds(level))

    def _number(self, scene: Scene) -> None:
        """Write the links' numbers at their receivers; at the transmitters if receivers share."""
        from matplotlib.textpath import TextPath
        from matplotlib.transforms import Affine2D

        shared = len(np.unique(scene.rx_m, axis=0)) < len(scene.rx_m)
        here, there = (scene.tx_m, scene.rx_m) if shared else (scene.rx_m, scene.tx_m)
        self._axes.apply_aspect()
        marks = self._axes.transData.transform(np.concatenate((here, there)))
        marks *= 72.0 / self._axes.figure.dpi  # in points
        offsets = asides(*np.split(marks, 2))
        outlines = []
        for link, aside in enumerate(offsets):
            outline = TextPath((0.0, 0.0), str(link), size=8)
            box = np.array(outline.get_extents())
            centred = Affine2D().translate(*(aside - box.mean(axis=0)))
            outlines.append(centred.transform_path(outline))
        for numbers in self._numbers:
            numbers.set_paths(outlines)
            numbers.set_offsets(here)

    def _explain(self) -> None:
        from matplotlib.lines import Line2D

        def marker(shape: str, face: str, label: str) -> Line2D:
            return Line2D([], [], linestyle="", marker=shape, markersize=6, markeredgecolor="black",
                          markerfacecolor=face, label=label)  # fmt: skip

        self._axes.add_artist(
            self._axes.legend(
                handles=[marker("^", "black", "transmitter (white: off)"),
                         marker("o", "white", "receiver")],
                loc="lower left", bbox_to_anchor=(-0.03, 0.99), ncols=2, frameon=False,
                fontsize=8, handletextpad=0.2, columnspacing=1.0,
            )
        )  # fmt: skip
        levels = np.array([0.0, 20.0, 40.0])
        styles = zip(levels, np.interp(levels, _RANGE_DB, _WIDTHS), _reds(levels), strict=True)
        self._axes.legend(
            handles=[
                Line2D([], [], linewidth=width, color=tuple(red), label=f"{level:g} dB")
                for level, width, red in styles
            ],
            title="interference\nover noise", loc="upper right", bbox_to_anchor=(1.03, -0.085),
            frameon=False, fontsize=8, title_fontsize=8, handlelength=1.6, labelspacing=0.2,
        )  # fmt: skip


def asides(here: FloatArray, there: FloatArray) -> FloatArray:
    """Return where numbers stand beside their links' ends, so that they can be read.

    On the far side from the other end; elsewhere around their own, if that is taken.

    Args:
        here: the ends with numbers, ``(K, 2)``, in points.
        there: the other ends.
    """
    taken = [*here, *there]
    found = np.zeros_like(here)
    for link, (own, other) in enumerate(zip(here, there, strict=True)):
        straight = np.arctan2(*(own - other)[::-1])
        angle = straight + np.pi * np.array([0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1])
        around = _ASIDE * np.stack((np.cos(angle), np.sin(angle)), axis=1)
        apart = np.linalg.norm((own + around)[:, None] - np.array(taken), axis=2).min(axis=1)
        # Its own end is as far as that, always: what is farther than that from all is free.
        found[link] = around[np.argmax(apart >= min(apart.max(), _ASIDE - 0.5))]
        taken.append(own + found[link])
    return found


def interference_db(scene: Scene) -> FloatArray:
    """Return what receiver i hears of transmitter j, over its noise, over the whole band, in dB.

    ``(K, K)``; minus infinity for a transmitter that is off, and for the receiver's own.
    """
    heard_w = np.einsum("sij,sj->ij", scene.gain, scene.power_w)
    np.fill_diagonal(heard_w, 0.0)
    with np.errstate(divide="ignore"):
        found: FloatArray = 10.0 * np.log10(heard_w / scene.noise_w.sum(axis=0)[:, None])
    return found


def once_a_place(level: FloatArray, rx_m: FloatArray, tx_m: FloatArray) -> FloatArray:
    """Return levels ``(K, K)`` with the highest alone left of those between the same two places."""
    rx_place = np.unique(rx_m, axis=0, return_inverse=True)[1]
    tx_place = np.unique(tx_m, axis=0, return_inverse=True)[1]
    if rx_place.max() + tx_place.max() + 2 == 2 * len(level):
        return level
    pair = (rx_place[:, None] * len(level) + tx_place).reshape(-1)
    falling = np.argsort(-level, axis=None, kind="stable")
    highest = falling[np.unique(pair[falling], return_index=True)[1]]
    alone = np.full(level.size, -np.inf)
    alone[highest] = level.reshape(-1)[highest]
    return alone.reshape(level.shape)


def strongest(level: FloatArray, least: float, most: int) -> tuple[IntArray, IntArray]:
    """Return rows and columns of the ``most`` highest levels above ``least``, the lowest first."""
    order = np.argsort(level, axis=None, kind="stable")[-most:]
    rows, columns = np.unravel_index(order, level.shape)
    kept = level[rows, columns] > least
    return rows[kept], columns[kept]


def _reds(level_db: FloatArray) -> FloatArray:
    opacity = np.interp(level_db, _RANGE_DB, _OPACITIES)
    return np.column_stack((np.tile(_RED, (len(level_db), 1)), opacity))
