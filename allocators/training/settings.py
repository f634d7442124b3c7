"""What a training can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from allocators.training.samples import check_at_least
from sim.deadline.errors import InputError


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of a training; with one thread, they and the data determine the weights.

    Attributes:
        samples: samples an epoch, where they are drawn on the fly.
        renew: epochs after which new samples are drawn, where they are drawn on the fly.
        epochs: passes over the samples, at most; the learning rate falls to zero over them.
        batch_size: samples a step.
        learning_rate: at its highest.
        patience: epochs without a better validation error after which it stops.
        validation: fresh samples that the validation error is taken on.
        seed: master seed.
        threads: torch's threads; the order of sums, and so the last bits, depend on it.

    Raises:
        InputError: a value out of its range.
    """

    samples: int = 50_000
    renew: int = 4
    epochs: int = 200
    batch_size: int = 1000
    learning_rate: float = 1e-2
    patience: int = 100
    validation: int = 4000
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("samples", "renew", "epochs", "batch_size", "patience", "validation"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("seed", self.seed, 0)
        check_at_least("threads", self.threads, 1)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0.0):
            raise InputError(f"learning_rate: {self.learning_rate}, want a positive number")

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate: a warm-up over the first 1%, then half a cosine to zero.

        Args:
            progress: share of the training that is done, 0 to 1.
        """
        warm_up = min(1.0, (progress + 1e-4) / 0.01)
        return self.learning_rate * warm_up * 0.5 * (1.0 + math.cos(math.pi * progress))
