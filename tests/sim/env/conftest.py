"""Here so that `environments` is found; and a renderer that draws nothing."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from sim.env import Scene


class Blank:
    """Keeps what a renderer is given, and answers as one must."""

    made: ClassVar[list[Blank]] = []

    def __init__(self, mode: str, fps: int) -> None:
        self.mode, self.fps = mode, fps
        self.scenes: list[Scene] = []
        self.closed = 0
        self.made.append(self)

    def draw(self, scene: Scene) -> Any:
        self.scenes.append(scene)
        return None if self.mode == "human" else np.zeros((4, 6, 3), np.uint8)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def renderers(monkeypatch: pytest.MonkeyPatch) -> list[Blank]:
    """The renderers made, in the place of those that open windows."""
    module = ModuleType("sim.env.render")
    module.Renderer = Blank  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sim.env.render", module)
    monkeypatch.setattr(Blank, "made", [])
    return Blank.made
