"""What changes in a training: the learner, its optimiser, the best so far and the history."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allocators.training.learner import Trainable
from allocators.training.optimiser import Optimiser
from sim.deadline.errors import InputError
from sim.deadline.models.checkpoint import Checkpoint, read_checkpoint
from sim.deadline.models.model_file import Float32Array


@dataclass(frozen=True, slots=True)
class Report:
    """What one interval came to.

    Attributes:
        step: steps done by its end.
        loss: mean over its steps, skipped ones left out.
        learning_rate: of its last step.
        gradient_norm: largest over its steps, before clipping.
        skipped: steps skipped so far, in the whole training.
        shares: share of WMMSE on each validation suite.
        best: whether their mean is the highest so far.
        seconds: time spent training so far, interruptions not counted.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    skipped: int
    shares: dict[str, float]
    best: bool
    seconds: float

    @property
    def share(self) -> float:
        """Mean over the suites."""
        return float(np.mean(list(self.shares.values())))


@dataclass(frozen=True, slots=True)
class Trained:
    """The best weights of a training and how they came about.

    Attributes:
        tensors: those of the interval with the highest mean share of WMMSE.
        best: that interval.
        last: the last interval.
    """

    tensors: dict[str, Float32Array]
    best: Report
    last: Report


class State:
    """A learner in training, and what has been reached."""

    def __init__(self, learner: Trainable) -> None:
        self.parameters = learner.parameters()
        self.optimiser = Optimiser(self.parameters, learner.matrices())
        self.step = 0
        self.skipped = 0
        self.seconds = 0.0
        self.history: list[Report] = []
        self._best = learner.tensors()

    @property
    def best(self) -> Report | None:
        """The interval that the best weights are from."""
        return next((report for report in reversed(self.history) if report.best), None)

    def is_best(self, share: float) -> bool:
        """Return whether a mean share is higher than any before."""
        best = self.best
        return best is None or share > best.share

    def note(self, report: Report, tensors: dict[str, Float32Array]) -> None:
        """Add an interval, with the weights at its end."""
        self.history.append(report)
        if report.best:
            self._best = tensors

    def result(self) -> Trained:
        """Return the best weights."""
        best = self.best
        assert best is not None
        return Trained(self._best, best, self.history[-1])

    def checkpoint(self, identity: dict[str, Any]) -> Checkpoint:
        """Return all that `restore` needs."""
        arrays = {f"now/{name}": p.detach().numpy() for name, p in self.parameters.items()}
        arrays |= {f"best/{name}": array for name, array in self._best.items()}
        arrays |= {f"optimiser/{name}": a for name, a in self.optimiser.arrays().items()}
        progress = {
            "step": self.step,
            "skipped": self.skipped,
            "seconds": self.seconds,
            "history": [asdict(report) for report in self.history],
        }
        return Checkpoint(identity, progress, arrays)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to what `checkpoint` returned."""
        import torch

        arrays, progress = checkpoint.arrays, checkpoint.progress
        for name, parameter in self.parameters.items():
            array = arrays[f"now/{name}"]
            if array.shape != tuple(parameter.shape):  # it would be repeated, if that makes it fit
                raise ValueError(f"{name}: shape {array.shape}, want {tuple(parameter.shape)}")
            parameter.data.copy_(torch.from_numpy(array))
        self._best = _under("best/", arrays)
        self.optimiser.restore(_under("optimiser/", arrays))
        self.step = int(progress["step"])
        self.skipped = int(progress["skipped"])
        self.seconds = float(progress["seconds"])
        self.history = [Report(**report) for report in progress["history"]]


def go_on(state: State, path: Path, identity: dict[str, Any]) -> None:
    """Go on from a checkpoint, if there is one.

    Raises:
        InputError: what `read_checkpoint` raises, or it is that of another network.
    """
    done = read_checkpoint(path, identity)
    if done is None:
        return
    try:
        state.restore(done)
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise InputError(
            f"{path}: does not fit the network, which has changed since; delete it to begin anew"
        ) from None


def _under(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
