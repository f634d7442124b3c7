"""From what the command line names to prepared solvers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.deadline.solver import Solver
from stylize.pictures import Picture
from stylize.solvers import Entry, FastSolver, GatysSolver, HoldSolver, Painted
from stylize.styles import Style

if TYPE_CHECKING:
    from stylize.loss import StyleLoss

PictureSolver = Solver[Picture, Painted]


class Contest:
    """A style, and who paints in it.

    Args:
        style: what `--style` names.
        style_px: shorter side that a painting is scaled to.
        threads: of everyone.
        vgg: weights of VGG-16; the shipped ones if not given.
        needs_loss: whether losses are asked for, which needs torch.

    Raises:
        InputError: the style cannot be had; torch is missing, and needed.
    """

    def __init__(
        self, style: str, style_px: int, threads: int, vgg: Path | None, needs_loss: bool
    ) -> None:
        self._style, self._style_px, self._threads = style, style_px, threads
        self.loss = self._loss(vgg) if needs_loss else None

    def solvers(
        self, entries: Sequence[Entry], frames: Sequence[Picture]
    ) -> dict[str, PictureSolver]:
        """Return prepared solvers by name.

        Raises:
            InputError: there is no network for the style.
        """
        found: dict[str, PictureSolver] = {}
        for entry in entries:
            solver = self._solver(entry, frames[0])
            solver.prepare(frames[0].shape[1:])
            found[entry.name] = solver
        return found

    def _solver(self, entry: Entry, first: Picture) -> PictureSolver:
        if entry.kind == "fast":
            return FastSolver(self._named(entry.size).trained(), self._threads)
        if entry.kind == "gatys":
            assert self.loss is not None
            return GatysSolver(self.loss, entry.evaluations)
        if self._named().model is None:
            return HoldSolver(Painted(first))
        painter = FastSolver(self._named().trained(), self._threads)
        painter.prepare(first.shape[1:])
        return HoldSolver(painter.solve(first))

    def _loss(self, vgg: Path | None) -> StyleLoss:
        from sim.deadline.models.training import import_torch
        from stylize.vgg import VGG16

        import_torch("a loss").set_num_threads(self._threads)
        return self._named().loss(VGG16.load(vgg))

    def _named(self, size: str | None = None) -> Style:
        return Style.named(self._style, size, self._style_px)
