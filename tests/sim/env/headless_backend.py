"""A matplotlib backend that opens windows on no screen, and tells what it was asked to show."""

from __future__ import annotations

from typing import Any, ClassVar

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg


class HeadlessManager(FigureManagerBase):
    """A window that is only said to be one."""

    made: ClassVar[list[HeadlessManager]] = []

    def __init__(self, canvas: Any, num: int) -> None:
        super().__init__(canvas, num)
        self.events: list[Any] = []  # what it was asked for, in order
        self.made.append(self)

    def show(self) -> None:
        self.events.append("show")

    def destroy(self) -> None:
        self.events.append("destroy")


class FigureCanvas(FigureCanvasAgg):
    """Shows by saying so; waits by saying for how long."""

    manager_class = HeadlessManager  # type: ignore[assignment]

    def blit(self, bbox: Any = None) -> None:
        self.manager.events.append("blit")  # type: ignore[union-attr]

    def start_event_loop(self, timeout: float = 0) -> None:
        self.manager.events.append(timeout)  # type: ignore[union-attr]


FigureManager = HeadlessManager
