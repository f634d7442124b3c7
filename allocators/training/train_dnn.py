"""Train the emulator: regression of WMMSE's powers on channel magnitudes, in torch.

The loss is the paper's, the mean squared error. The channels are new all the time if they are drawn
on the fly, and the optimiser is Muon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.dnn.network import Float32Array, Network
from allocators.training.checkpoint import read_checkpoint, write_checkpoint
from allocators.training.quality import answer
from allocators.training.samples import Setting, label, sum_rates
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import State, Trained
from sim.deadline.errors import InputError
from sim.seeding import stream

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        index: from 0.
        loss: mean squared error over the epoch's batches.
        validation: the same on the validation set.
        share: sum rate over WMMSE's on the validation set, outputs rounded at 0.5.
        best: whether ``validation`` is the lowest so far.
    """

    index: int
    loss: float
    validation: float
    share: float
    best: bool


def train(
    setting: Setting,
    source: Source,
    settings: TrainSettings,
    checkpoint: Path,
    observers: Sequence[Callable[[Epoch], None]] = (),
) -> Trained:
    """Train until the last epoch, or until the validation error has not fallen for long.

    Args:
        setting: the law the validation set is drawn from, also where ``source`` is a data set.
        source: training samples.
        settings: the rest.
        checkpoint: file that is written after every epoch, and gone on from if it exists.
        observers: each told about every epoch, once it is in the checkpoint.

    Raises:
        InputError: torch is missing; the checkpoint is damaged or of another training.
    """
    torch = import_torch()
    torch.set_num_threads(settings.threads)
    identity = {**asdict(setting), **asdict(settings), **source.describe()}
    state = State(setting, settings)
    done = read_checkpoint(checkpoint, identity)
    if done is not None:
        state.restore(done)
    examiner = _Examiner(setting, settings)
    for epoch in range(state.epochs, settings.epochs):
        if state.epochs - 1 - state.best_epoch >= settings.patience:
            break
        began = time.perf_counter()
        loss = _one_epoch(state, source, settings, epoch)
        validation, share = examiner.examine(state.network())
        best = state.note(epoch, validation)
        state.seconds += time.perf_counter() - began
        write_checkpoint(checkpoint, state.checkpoint(identity))
        for observe in observers:
            observe(Epoch(epoch, loss, validation, share, best))
    return state.result()


def import_torch() -> Any:
    """Return torch.

    Raises:
        InputError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise InputError("training needs torch: pip install 'ttirace[train]'") from None
    return torch


def _one_epoch(state: State, source: Source, settings: TrainSettings, epoch: int) -> float:
    """Visit every sample once; return the mean loss."""
    import torch

    rng = stream(settings.seed, "batches", epoch)
    seen = 0
    total = 0.0
    for gain, power in _batches(source, epoch, settings.batch_size, rng):
        progress = (epoch + seen / source.samples) / settings.epochs
        error = forward(state.parameters, state.inputs(gain)) - torch.from_numpy(power)
        loss = torch.mean(error**2)
        state.step(loss, settings.learning_rate_at(progress))
        seen += len(gain)
        total += loss.item() * len(gain)
    return total / seen


def _batches(
    source: Source, epoch: int, size: int, rng: np.random.Generator
) -> Iterator[tuple[Float32Array, Float32Array]]:
    """Yield an epoch's samples, shuffled within each piece, in batches of ``size``.

    What a piece leaves over joins the next one's first batch; only the last batch may be smaller.
    """
    left: list[tuple[Float32Array, Float32Array]] = []
    for gain, power in source.chunks(epoch):
        order = rng.permutation(len(gain))
        first = 0
        while first < len(order):
            room = size - sum(len(part) for part, _ in left)
            batch = order[first : first + room]
            left.append((gain[batch], power[batch]))
            first += room
            if len(batch) == room:
                yield _joined(left)
                left = []
    if left:
        yield _joined(left)


def _joined(parts: list[tuple[Float32Array, Float32Array]]) -> tuple[Float32Array, Float32Array]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([gain for gain, _ in parts]), np.concatenate([p for _, p in parts])


def forward(parameters: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the network's outputs, relu6/6; ``parameters`` are weight, bias, weight, bias, ..."""
    from torch.nn import functional

    for i in range(0, len(parameters) - 2, 2):
        x = functional.relu(functional.linear(x, parameters[i], parameters[i + 1]))
    return functional.relu6(functional.linear(x, parameters[-2], parameters[-1])) / 6.0


class _Examiner:
    """A fixed validation set, and WMMSE's rates on it."""

    def __init__(self, setting: Setting, settings: TrainSettings) -> None:
        self._setting = setting
        gain = setting.draw(stream(settings.seed, "validation"), settings.validation)
        self._wanted = label(setting, gain)
        self._problem = setting.problem(gain)
        self._reference = sum_rates(self._problem, self._wanted).mean()

    def examine(self, network: Network) -> tuple[float, float]:
        """Return the mean squared error and the rounded network's share of WMMSE's rate."""
        power = answer(network, self._setting, self._problem.gain, None)
        error = float(np.mean((power - self._wanted) ** 2))
        rounded = (power > 0.5).astype(np.float64)
        return error, float(sum_rates(self._problem, rounded).mean() / self._reference)
