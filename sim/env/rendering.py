"""From an environment to a picture of it: text at once, all else by a renderer made when needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from sim.deadline import InputError, did_you_mean
from sim.deadline.errors import shown
from sim.env.scene import Scene
from sim.env.text import scene_text

#: Of every face of the environment; a frame a slot.
METADATA: dict[str, Any] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 10}


class Renderer(Protocol):
    """What `sim.env.render.Renderer(mode, frames_per_second)` makes."""

    def draw(self, scene: Scene) -> Any:
        """Return a picture ``(height, width, 3)`` of 8 bits; or show it, and return None."""

    def close(self) -> None:
        """Close the window, if there is one."""


class Canvas:
    """Draws scenes in one render mode.

    Args:
        mode: one of the render modes.

    Raises:
        InputError: another one.
    """

    def __init__(self, mode: str) -> None:
        if mode not in METADATA["render_modes"]:
            hint = did_you_mean(str(mode), METADATA["render_modes"])
            raise InputError(f"render_mode: {shown(mode)}{hint}")
        self._mode = mode
        self._renderer: Renderer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_renderer": None}  # a window is not copied

    def draw(self, scene: Scene) -> Any:
        """Return a scene as text or as an array ``(height, width, 3)``, or show it: then None."""
        if self._mode == "ansi":
            return scene_text(scene)
        if self._renderer is None:
            self._renderer = _renderer(self._mode)
        return self._renderer.draw(scene)

    def close(self) -> None:
        """Close its window, if it has one."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _renderer(mode: str) -> Renderer:
    # Imported with all that it draws with, so not before it is needed.
    made: Renderer = import_module("sim.env.render").Renderer(mode, METADATA["render_fps"])
    return made
