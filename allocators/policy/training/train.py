"""Train a policy: play, improve, and every interval a validation and a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from allocators.policy.training.learner import PolicyLearner
from allocators.policy.training.play import Field, fields_of
from allocators.policy.training.ppo import improve
from allocators.policy.training.settings import PolicySettings
from allocators.policy.training.worth import (
    BASELINES,
    DOPPLER_HZ,
    EPISODE_SLOTS,
    WMMSE,
    Episodes,
    solver_named,
)
from allocators.training.state import Report, State, go_on
from sim.deadline.models.checkpoint import write_checkpoint
from sim.deadline.models.training import check_skipped, import_torch
from sim.problem import FloatArray
from sim.seeding import stream

#: Share of WMMSE of an allocator in a cell; None where it does not fit.
Shares = dict[str, dict[str, float | None]]


class Validation:
    """Episodes that do not change, in each cell, and what the baselines reach there.

    Args:
        settings: of the training.
    """

    def __init__(self, settings: PolicySettings) -> None:
        self._episodes = {
            str(cell): Episodes(
                cell.scenario(DOPPLER_HZ), EPISODE_SLOTS, settings.validation, settings.seed,
                "validation",
            )
            for cell in settings.cells
        }  # fmt: skip
        self._wmmse: dict[str, FloatArray] = {}
        self.baselines: Shares = {}

    def measure_baselines(self) -> None:
        """Let the baselines play."""
        for cell, episodes in self._episodes.items():
            rates, _ = episodes.rates({name: solver_named(name) for name in BASELINES})
            self._wmmse[cell] = rates[WMMSE]
            self.baselines[cell] = {
                name: float(rates[name].mean() / rates[WMMSE].mean()) if name in rates else None
                for name in BASELINES
            }

    def shares(self, learner: PolicyLearner) -> dict[str, float]:
        """Return the share of WMMSE that the compiled policy reaches in each cell."""
        solver = learner.allocator(learner.tensors())
        found = {}
        for cell, episodes in self._episodes.items():
            rates, _ = episodes.rates({"policy": solver})
            found[cell] = float(rates["policy"].mean() / self._wmmse[cell].mean())
        return found


def train(
    learner: PolicyLearner,
    settings: PolicySettings,
    checkpoint: Path,
    observers: Sequence[Callable[[State, Report], None]] = (),
) -> tuple[State, Shares]:
    """Train until the last update.

    Every ``interval`` updates the compiled allocator plays the validation episodes, and all that is
    needed to go on is written to ``checkpoint``, from where a later call goes on to the same end,
    with one thread to the bit.

    Args:
        learner: new, just made.
        settings: the rest.
        checkpoint: file that is written after every interval, and gone on from if it exists.
        observers: each told about every interval; a report's loss is less the mean reward.

    Returns:
        The training at its end, and the baselines' shares of WMMSE on the validation episodes.

    Raises:
        InputError: torch is missing; the checkpoint is damaged, of another training, or cannot be
            written; too many steps came to a gradient that is not finite.
    """
    torch = import_torch()
    torch.set_num_threads(settings.threads)
    state = State(learner)
    identity = asdict(settings)
    go_on(state, checkpoint, identity)
    validation = Validation(settings)
    validation.measure_baselines()
    fields = fields_of(settings)
    while state.step < settings.updates:
        began = time.perf_counter()
        reward, norm = _interval(state, learner, fields, settings)
        shares = validation.shares(learner)
        state.seconds += time.perf_counter() - began
        report = Report(
            step=state.step,
            loss=-reward,
            learning_rate=settings.learning_rate_at(state.step - 1),
            gradient_norm=norm,
            skipped=state.skipped,
            shares=shares,
            best=state.is_best(float(np.mean(list(shares.values())))),
            seconds=round(state.seconds, 3),
        )
        state.note(report, learner.tensors())
        write_checkpoint(checkpoint, state.checkpoint(identity))
        for observe in observers:
            observe(state, report)
    return state, validation.baselines


def _interval(
    state: State, learner: PolicyLearner, fields: Sequence[Field], settings: PolicySettings
) -> tuple[float, float]:
    """Update up to the interval's end; return the mean reward and the largest gradient."""
    end = min(settings.updates, state.step + settings.interval)
    rewards: list[float] = []
    largest = 0.0
    while state.step < end:
        played = [field.play(learner, state.step) for field in fields]
        rewards.append(float(np.mean([reward for _, reward in played])))
        rng = stream(settings.seed, "minibatches", state.step)
        parts = [samples for samples, _ in played]
        norm, skipped = improve(learner, state.optimiser, parts, settings, state.step, rng)
        state.step += 1
        state.skipped += skipped
        largest = max(largest, norm)
        check_skipped(state.skipped, state.step, "a lower --learning-rate, or another --seed")
    return float(np.mean(rewards)), largest
