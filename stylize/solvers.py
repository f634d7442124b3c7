"""The contestants: who paints a frame, and what they are called on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.deadline.errors import InputError
from sim.deadline.solver import AnytimeSolver, Solver
from stylize.fast import Fast
from stylize.model_file import Model
from stylize.network import SIZES
from stylize.pictures import Picture
from stylize.slow import SlowSettings, optimise

if TYPE_CHECKING:
    from stylize.loss import StyleLoss


@dataclass(frozen=True, slots=True)
class Painted:
    """A frame in the style.

    Attributes:
        picture: ``(3, H, W)``, from 0 to 1.
        work: evaluations of the loss that it took; none where a network painted it.
    """

    picture: Picture
    work: int = 0


class FastSolver(Solver[Picture, Painted]):
    """A network: one pass.

    Args:
        model: of one style.
        threads: of ONNX Runtime.
    """

    def __init__(self, model: Model, threads: int = 1) -> None:
        self._model, self._threads = model, threads
        self._network: Fast

    def prepare(self, spec: object) -> None:
        """Load the network, and paint one frame of the size given: ``(H, W)``."""
        self._network = Fast(self._model.weights, self._model.made_of, self._threads)
        self._network(_grey(spec))

    def solve(self, problem: Picture) -> Painted:
        """Return the frame in the style."""
        return Painted(self._network(problem))


class GatysSolver(AnytimeSolver[Picture, Painted]):
    """The optimisation, from the content, for so many evaluations of the loss.

    Args:
        loss: what is made small.
        evaluations: of the loss and its gradient.
    """

    def __init__(self, loss: StyleLoss, evaluations: int) -> None:
        self._loss, self._settings = loss, SlowSettings(evaluations)

    def prepare(self, spec: object) -> None:
        """Evaluate the loss of one frame of the size given: ``(H, W)``."""
        next(optimise(self._loss, _grey(spec), SlowSettings(1)))

    def iterates(self, problem: Picture) -> Iterator[Painted]:
        """Yield the best picture after every evaluation."""
        for iterate in optimise(self._loss, problem, self._settings):
            yield Painted(iterate.picture, iterate.evaluations)

    def solve(self, problem: Picture) -> Painted:
        """Return the best picture of all evaluations."""
        *_, last = self.iterates(problem)
        return last


class HoldSolver(Solver[Picture, Painted]):
    """The first frame, painted beforehand, for ever: what a frozen screen shows.

    Args:
        first: it.
    """

    def __init__(self, first: Painted) -> None:
        self._first = first

    def solve(self, problem: Picture) -> Painted:  # noqa: ARG002
        """Return the first frame."""
        return self._first


@dataclass(frozen=True, slots=True)
class Entry:
    """What a contestant's name says.

    Attributes:
        name: ``fast_s``, ``fast_m``, ``gatys_N`` or ``hold``.
        kind: ``fast``, ``gatys`` or ``hold``.
        size: of the network.
        evaluations: of the optimisation.
    """

    name: str
    kind: str
    size: str = ""
    evaluations: int = 0

    @classmethod
    def parse(cls, text: str) -> Entry:
        """Return what a name says.

        Raises:
            InputError: nobody is called that.
        """
        kind, _, rest = text.partition("_")
        if text == "hold":
            return cls(text, kind)
        if kind == "fast" and rest in SIZES:
            return cls(text, kind, size=rest)
        if kind == "gatys" and rest.isdecimal() and rest.isascii() and 0 < int(rest) < 1_000_000:
            return cls(text, kind, evaluations=int(rest))
        known = ", ".join(f"fast_{size}" for size in SIZES)
        raise InputError(
            f"--solvers: {text!r}, want {known}, gatys_N (N evaluations, as in gatys_20) or hold"
        )

    @classmethod
    def parse_all(cls, text: str | None, sizes: Sequence[str]) -> list[Entry]:
        """Return what a list of names, separated by commas, says.

        Args:
            text: the list; if there is none, all that there may be to compare.
            sizes: in which there are networks.

        Raises:
            InputError: as `parse`, or one is there twice.
        """
        if text is None:
            text = ",".join([*(f"fast_{size}" for size in sizes), "gatys_1", "hold"])
        found = [cls.parse(part.strip()) for part in text.split(",")]
        names = [entry.name for entry in found]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"--solvers: {name} is there twice")
        return found


def _grey(spec: object) -> Picture:
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise TypeError(f"want a frame's height and width, got {spec!r}")
    return np.full((3, *spec), 0.5, dtype=np.float32)
