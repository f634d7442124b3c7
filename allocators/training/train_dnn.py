"""Train the emulator: regression of WMMSE's powers on channel magnitudes, in torch.

The loss is the squared error, weighted by what an error costs (see `allocators.training.cost`).
Last, the output bias is shifted so that rounding at 0.5 is the best rounding: the share at which
turning a link on begins to pay is not quite a half.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.dnn.network import Network
from allocators.training.checkpoint import read_checkpoint, write_checkpoint
from allocators.training.cost import switching_cost
from allocators.training.quality import answer
from allocators.training.samples import Setting, label, sum_rates
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import State, Trained
from sim.deadline.errors import InputError
from sim.problem import FloatArray
from sim.seeding import stream

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        index: from 0.
        loss: mean squared error over the epoch's batches, weighted as in training.
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

    Batches are shuffled, and in each one the links are renumbered at random: neither the problem
    nor WMMSE's answer depends on their order, so that is free data.

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
    return state.result(examiner.bias_shift)


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
    for gain, power, cost in source.chunks(epoch):
        weight = 1.0 + settings.cost_weight * (cost - 1.0)
        order = rng.permutation(len(gain))
        for first in range(0, len(gain), settings.batch_size):
            batch = order[first : first + settings.batch_size]
            links = rng.permutation(gain.shape[1])
            x = state.inputs(gain[batch][:, links[:, None], links])
            wanted = torch.from_numpy(power[batch][:, links])
            progress = (epoch + seen / source.samples) / settings.epochs
            error = forward(state.parameters, x) - wanted
            loss = torch.mean(torch.from_numpy(weight[batch][:, links]) * error**2)
            state.step(loss, settings.learning_rate_at(progress))
            seen += len(batch)
            total += loss.item() * len(batch)
    return total / seen


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
        cost = switching_cost(gain, setting.noise_w, self._wanted)
        self._weight = 1.0 + settings.cost_weight * (cost - 1.0)
        self._problem = setting.problem(gain)
        self._reference = sum_rates(self._problem, self._wanted).mean()

    def examine(self, network: Network) -> tuple[float, float]:
        """Return the weighted squared error and the rounded network's share of WMMSE's rate."""
        power = answer(network, self._setting, self._problem.gain, None)
        error = float(np.mean(self._weight * (power - self._wanted) ** 2))
        return error, self._share(power, 0.5)

    def bias_shift(self, network: Network) -> float:
        """Return what to add to the output bias so that rounding at 0.5 gives the most."""
        power = answer(network, self._setting, self._problem.gain, None)
        thresholds = np.linspace(0.2, 0.8, 61)
        shares = [self._share(power, threshold) for threshold in thresholds]
        return float(6.0 * (0.5 - thresholds[int(np.argmax(shares))]))

    def _share(self, power: FloatArray, threshold: float) -> float:
        rounded = (power > threshold).astype(np.float64)
        return float(sum_rates(self._problem, rounded).mean() / self._reference)
