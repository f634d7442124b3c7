"""Pictures of an environment: drawn once, and then of each frame only what has changed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.env.link_map import LinkMap
from sim.env.panels import Headline, Panel, Powers, Rates, RateScale
from sim.env.scene import Scene
from sim.env.window import Window

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.backend_bases import DrawEvent
    from matplotlib.figure import Figure

SIZE_INCHES = (9.0, 6.0)
DOTS_PER_INCH = 100

#: Left, bottom, width and height as shares of the figure.
MAP = (0.08, 0.205, 0.39, 0.685)
SCALE = (0.08, 0.105, 0.23, 0.018)
POWERS = (0.56, 0.575, 0.42, 0.315)
RATES = (0.56, 0.095, 0.42, 0.335)


class Renderer:
    """Draws scenes on the screen or into arrays.

    The same scene gives the same picture, whatever was drawn before.

    Args:
        mode: ``"human"`` or ``"rgb_array"``.
        frames_per_second: how many frames a window shows at most.
    """

    def __init__(self, mode: str, frames_per_second: float) -> None:
        self._mode = mode
        self._frames_per_second = frames_per_second
        self._window: Window | None = None
        self._picture: Picture | None = None

    def draw(self, scene: Scene) -> NDArray[np.uint8] | None:
        """Return a picture ``(600, 900, 3)`` in memory of its own, or show it: then None.

        A window that was closed by hand stays closed.

        Raises:
            NoWindowError: a window cannot be opened.
        """
        if self._picture is None:
            self._picture = Picture(self._figure())
        if self._window is None:
            self._picture.draw(scene)
            return self._picture.pixels()
        if self._window.is_open:
            self._picture.draw(scene)
            self._window.present()
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
        self._window = self._picture = None

    def _figure(self) -> Figure:
        if self._mode == "human":
            self._window = Window(SIZE_INCHES, DOTS_PER_INCH, self._frames_per_second)
            return self._window.figure
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
        FigureCanvasAgg(figure)
        return figure


class Picture:
    """The panels of a figure, and what stands still in them.

    Args:
        figure: an empty figure.

    Attributes:
        panels: map, headline, powers and rates.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        from matplotlib.patches import Rectangle

        cover = figure.add_artist(
            Rectangle((0.5, 0.0), 0.5, 0.5, color=figure.get_facecolor(), animated=True, zorder=-1)
        )
        scale = RateScale()
        scale.legend(figure.add_axes(SCALE))
        self.panels: tuple[Panel, ...] = (
            LinkMap(figure.add_axes(MAP, label="map"), scale),
            Headline(figure),
            Powers(figure.add_axes(POWERS, label="powers"), scale),
            Rates(figure.add_axes(RATES, label="rates"), cover),
        )
        for number, artist in enumerate(self._moving()):
            artist.set_animated(True)  # left out where the figure itself is drawn
            artist.set_zorder(3.0 + 0.01 * number)  # the order in files
        self._still: Any = None  # the pixels of what stands still
        self._drawn: list[Hashable] | None = None  # what it was made of, panel by panel
        figure.canvas.mpl_connect("draw_event", self._complete)

    def draw(self, scene: Scene) -> None:
        """Draw a scene on the figure's canvas; on a screen it is to be presented then."""
        for panel in self.panels:
            panel.update(scene)
        base = [panel.base(scene) for panel in self.panels]
        pairs = zip(self.panels, base, self._drawn or [None] * len(base), strict=True)
        fresh = [panel for panel, new, old in pairs if self._drawn is None or new != old]
        for panel in fresh:
            panel.settle(scene)
        self._drawn = base
        canvas: Any = self._figure.canvas
        if self._still is None or not all(panel.ground for panel in fresh):
            canvas.draw()  # and `_complete` draws what moves
            return
        canvas.restore_region(self._still)
        renderer = canvas.get_renderer()
        if fresh:
            for artist in (artist for panel in fresh for artist in panel.ground):
                artist.draw(renderer)
            self._still = canvas.copy_from_bbox(self._figure.bbox)
        for artist in self._moving():
            artist.draw(renderer)

    def pixels(self) -> NDArray[np.uint8]:
        """Return what an Agg canvas shows, ``(height, width, 3)``, as a copy."""
        canvas: Any = self._figure.canvas
        return np.array(np.asarray(canvas.buffer_rgba())[..., :3], order="C")

    def _complete(self, event: DrawEvent) -> None:
        """Keep what stands still, just drawn at the figure's present size; draw what moves."""
        canvas: Any = self._figure.canvas
        moving = self._moving()
        if canvas.is_saving():  # to a file, of whatever size; axes have drawn all of theirs then
            moving = [artist for artist in moving if artist.axes is None]
        elif canvas.supports_blit:
            self._still = canvas.copy_from_bbox(self._figure.bbox)
        for artist in moving:
            artist.draw(event.renderer)

    def _moving(self) -> list[Artist]:
        return [artist for panel in self.panels for artist in panel.moving]
