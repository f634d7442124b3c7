"""A figure on the screen, by whatever toolkit matplotlib finds."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from sim.env.errors import NoWindowError


class Window:
    """A window with a figure, empty at first.

    Args:
        size_inches: width and height.
        dots_per_inch: its resolution.
        frames_per_second: how many frames it shows at most.

    Attributes:
        figure: the figure.

    Raises:
        NoWindowError: no window can be opened here.
    """

    def __init__(
        self, size_inches: tuple[float, float], dots_per_inch: float, frames_per_second: float
    ) -> None:
        import matplotlib as mpl
        import matplotlib.pyplot as plt
        from matplotlib.backend_bases import FigureManagerBase

        self._frame_s = 1.0 / frames_per_second
        self._shown_s = float("-inf")  # when the last frame was
        try:
            self.figure = plt.figure(figsize=size_inches, dpi=dots_per_inch)
        except Exception as error:  # each toolkit has errors of its own
            raise NoWindowError(_message(mpl.rcParams["backend"])) from error
        manager: Any = self.figure.canvas.manager
        if type(manager).show is FigureManagerBase.show:  # that one shows nothing
            plt.close(self.figure)
            raise NoWindowError(_message(mpl.get_backend()))
        self._number: int = manager.num
        manager.set_window_title("ttirace")
        manager.show()

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        import matplotlib.pyplot as plt

        return plt.fignum_exists(self._number)

    def present(self) -> None:
        """Show what is drawn on the figure's canvas, not sooner after the last frame than wanted.

        Meanwhile the window answers to whoever moves or closes it.
        """
        canvas: Any = self.figure.canvas
        if canvas.supports_blit:
            canvas.blit(self.figure.bbox)
        canvas.flush_events()
        now_s = perf_counter()
        wait_s = self._shown_s + self._frame_s - now_s
        if wait_s > 0:
            canvas.start_event_loop(wait_s)
        self._shown_s = max(now_s, now_s + wait_s)

    def close(self) -> None:
        """Close it; twice is once."""
        import matplotlib.pyplot as plt

        plt.close(self._number)


def _message(backend: object) -> str:
    return (
        f"render_mode: 'human': matplotlib's backend {backend!s} opens no window here; want a "
        "screen and a toolkit (MPLBACKEND=tkagg or qtagg), or render_mode 'rgb_array'"
    )
