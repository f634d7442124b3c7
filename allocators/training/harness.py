"""Train any learner: steps, guards, validation and a checkpoint every interval."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np

from allocators.training.learner import Batch, Learner
from allocators.training.objective import loss as loss_of
from allocators.training.samples import Samples
from allocators.training.settings import TrainSettings
from allocators.training.source import Source
from allocators.training.state import Report, State, Trained, go_on
from allocators.training.validation import ValidationSuite
from sim.deadline.errors import InputError
from sim.deadline.models.checkpoint import write_checkpoint
from sim.deadline.models.training import check_skipped, import_torch

_LOOKS = 8
"""Batches that a learner sees first; of a mixture, some of most kinds."""

_ADVICE = "a lower --learning-rate or --clip, or another --seed"


def train(
    learner: Learner,
    source: Source,
    settings: TrainSettings,
    checkpoint: Path,
    observers: Sequence[Callable[[State, Report], None]] = (),
) -> Trained:
    """Train until the last step, or until validation has not improved for long.

    Every ``interval`` steps the compiled allocator answers the validation suites, and all that is
    needed to go on is written to ``checkpoint``, from where a later call goes on to the same end,
    with one thread to the bit.

    Args:
        learner: new, just made.
        source: batches, and what to validate on.
        settings: the rest.
        checkpoint: file that is written after every interval, and gone on from if it exists.
        observers: each told about every interval, once it is in the checkpoint.

    Raises:
        InputError: torch is missing; the source has links that the learner is not made for; the
            checkpoint is damaged, of another training, or cannot be written; too many steps came
            to a loss or gradient that is not finite.
    """
    torch = import_torch()
    torch.set_num_threads(settings.threads)
    if learner.links is not None and set(source.links) != {learner.links}:
        raise InputError(f"links: {learner.links}, but the source has {sorted(source.links)}")
    labelled = settings.objective == "imitate"
    first = islice(source.batches(0, settings.batch_size, False), _LOOKS)
    learner.look([as_batch(samples) for samples in first])
    state = State(learner)
    identity = {
        "architecture": learner.architecture,
        "config": learner.config,
        **asdict(settings),
        **source.describe(),
    }
    go_on(state, checkpoint, identity)
    suites = [
        ValidationSuite.drawn(name, draw, number, settings.validation, settings.seed)
        for number, (name, draw) in enumerate(source.suites())
    ]
    batches = source.batches(state.step, settings.batch_size, labelled)
    while state.step < settings.steps and not _is_stuck(state, settings):
        began = time.perf_counter()
        figures = _interval(state, learner, batches, settings)
        tensors = learner.tensors()
        solver = learner.allocator(tensors)
        shares = {suite.name: suite.share(solver) for suite in suites}
        state.seconds += time.perf_counter() - began
        best = state.is_best(float(np.mean(list(shares.values()))))
        report = Report(
            step=state.step,
            skipped=state.skipped,
            shares=shares,
            best=best,
            seconds=round(state.seconds, 3),
            **figures,
        )
        state.note(report, tensors)
        write_checkpoint(checkpoint, state.checkpoint(identity))
        for observe in observers:
            observe(state, report)
    return state.result()


def as_batch(samples: Samples) -> Batch:
    """Return samples as tensors."""
    import torch

    target = None if samples.target is None else torch.from_numpy(samples.target)
    return Batch(torch.from_numpy(samples.gain), torch.from_numpy(samples.weight), target)


def _interval(
    state: State, learner: Learner, batches: Iterator[Samples], settings: TrainSettings
) -> dict[str, float]:
    """Take steps up to the interval's end; return its mean loss, largest norm, learning rate."""
    end = min(settings.steps, state.step + settings.interval)
    losses: list[float] = []
    norms: list[float] = []
    rate = 0.0
    while state.step < end:
        batch = as_batch(next(batches))
        value = loss_of(settings.objective, batch, learner.shares(batch), settings.temperature)
        norm = state.optimiser.backward(value, settings.clip)
        rate = settings.learning_rate_at(state.step)
        state.step += 1
        if np.isfinite(value.item()) and np.isfinite(norm):
            state.optimiser.step(rate)
            losses.append(value.item())
            norms.append(norm)
        else:
            state.skipped += 1
            check_skipped(state.skipped, state.step, _ADVICE)
    mean = float(np.mean(losses)) if losses else 0.0
    return {"loss": mean, "gradient_norm": max(norms, default=0.0), "learning_rate": rate}


def _is_stuck(state: State, settings: TrainSettings) -> bool:
    if settings.patience is None or state.best is None:
        return False
    since = len(state.history) - 1 - state.history.index(state.best)
    return since >= settings.patience
