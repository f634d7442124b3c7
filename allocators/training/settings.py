"""What a training can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from allocators.training.objective import OBJECTIVES, Objective
from sim.deadline.errors import InputError, check_range, did_you_mean

MOST_THREADS = 1024  # with more, libraries fail in ways of their own
_LARGEST = 1e30  # of a step or a norm: single precision holds it, and all that comes of it


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of a training; with one thread, they and the data determine the weights.

    Attributes:
        objective: what is minimised.
        steps: optimiser steps; the learning rate falls to zero over them.
        interval: steps from one validation and checkpoint to the next.
        batch_size: instances a step.
        learning_rate: at its highest.
        clip: largest norm of the gradient; longer ones are shortened to it.
        temperature: of the soft best over candidates, in shares of an instance's rate; infinite:
            candidates learn each on its own.
        patience: intervals without a better validation after which it stops; none: never.
        validation: channels in each validation suite.
        seed: master seed.
        threads: torch's threads; the order of sums, and so the last bits, depend on it.

    Raises:
        InputError: a value out of its range.
    """

    objective: Objective = "imitate"
    steps: int = 10_000
    interval: int = 200
    batch_size: int = 1000
    learning_rate: float = 1e-2
    clip: float = 1.0
    temperature: float = math.inf
    patience: int | None = None
    validation: int = 2000
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InputError(
                f"objective: {self.objective!r}{did_you_mean(self.objective, OBJECTIVES)}"
            )
        for name in ("steps", "interval", "batch_size", "validation"):
            check_range(name, getattr(self, name), 1)
        check_range("threads", self.threads, 1, MOST_THREADS)
        check_range("seed", self.seed, 0)
        if self.patience is not None:
            check_range("patience", self.patience, 1)
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            if not 0.0 < value <= _LARGEST:
                raise InputError(f"{name}: {value}, want a positive number, at most {_LARGEST:g}")
        if not self.temperature > 0.0:
            raise InputError(f"temperature: {self.temperature}, want a positive number, or inf")

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate: a warm-up over the first 1%, then half a cosine to zero.

        Args:
            step: from 0.
        """
        progress = step / self.steps
        warm_up = min(1.0, (progress + 1e-4) / 0.01)
        return self.learning_rate * warm_up * 0.5 * (1.0 + math.cos(math.pi * progress))
