"""What a training can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.deadline.errors import InputError, check_range, did_you_mean
from stylize.loss import LossWeights
from stylize.network import MULTIPLE, SIZES
from stylize.styles import LEAST_STYLE_PX, STYLE_PX

_LEAST_PX, _MOST_PX = 32, 512

_WARM_UP = 30  # steps


class Stage(NamedTuple):
    """A stretch of a training.

    Attributes:
        px: side of the crops.
        batch: crops a step.
        steps: how many.
    """

    px: int
    batch: int
    steps: int

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Return ``128:2:300`` as a stage.

        Raises:
            InputError: it is not of that form, or a number is out of its range.
        """
        parts = text.split(":")
        if len(parts) != 3 or not all(part.isdecimal() and part.isascii() for part in parts):
            raise InputError(f"stages: {text!r}, want PX:BATCH:STEPS, such as 128:2:300")
        px, batch, steps = map(int, parts)
        if not _LEAST_PX <= px <= _MOST_PX or px % MULTIPLE:
            raise InputError(
                f"stages: {text}: {px} px, want a multiple of {MULTIPLE} from {_LEAST_PX} to"
                f" {_MOST_PX}"
            )
        check_range(f"stages: {text}: batch", batch, 1)
        check_range(f"stages: {text}: steps", steps, 1)
        return cls(px, batch, steps)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of a training; with one thread, they and the pictures determine the weights.

    Attributes:
        size: of the network, one of `stylize.network.SIZES`.
        stages: one after another: small crops are cheap, large ones show what is drawn at scale.
        learning_rate: after a short warm-up; in the end it falls to zero.
        decay: part of all steps over which it falls. A high rate makes way along the valley, a
            falling one goes down to its ground: from nothing, that takes the last part only.
        margin: a crop is larger than what the loss sees of it by such a part, and that is a square
            anywhere in it. A network that is always looked at up to the border learns where it is,
            and draws a band along it; without a margin only for a short while in the end, it
            learns to make the best of borders.
        border: weight of `stylize.training.border.banding`, beside the loss. Above 0, the loss sees
            a part of the crop painted by itself, as pictures are, and borders count by how far they
            are from what they are within the crop: so that a network makes the best of them, but no
            bands. 0: the loss sees the part within the crop.
        average: part of all steps, the last, over which the weights are averaged: their mean is
            what is left. Steps go to and fro across the valley, their mean lies lower, and a rate
            that is high until the end does no harm (Izmailov et al. 2018, stochastic weight
            averaging). 0 leaves the weights of the last step.
        clip: largest norm of the gradient; longer ones are shortened to it.
        loss: weights of the parts.
        keep_convolutions: scales, shifts and colours alone are moved, those that a style has of its
            own: what a trained network needs for other weights of the loss, or for another style.
        style_px: shorter side that paintings are scaled to: it sets how large brush strokes are.
        interval: steps from one validation and checkpoint to the next.
        seed: of the initial weights and of the crops.
        threads: torch's; the order of sums, and so the last bits, depend on it.

    Raises:
        InputError: a value out of its range.
    """

    size: str = "m"
    stages: Sequence[Stage] = (Stage(128, 2, 1000), Stage(256, 1, 1000))
    learning_rate: float = 1e-2
    decay: float = 0.3
    margin: float = 0.25
    border: float = 0.0
    average: float = 0.0
    clip: float = 5.0
    loss: LossWeights = field(default_factory=LossWeights)
    keep_convolutions: bool = False
    style_px: int = STYLE_PX
    interval: int = 100
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise InputError(f"size: {self.size!r}{did_you_mean(self.size, SIZES)}")
        if not self.stages:
            raise InputError("stages: none, want at least one")
        check_range("style_px", self.style_px, LEAST_STYLE_PX)
        check_range("interval", self.interval, 1)
        check_range("seed", self.seed, 0)
        check_range("threads", self.threads, 1)
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise InputError(f"{name}: {value}, want a positive number")
        if not 0.0 < self.decay <= 1.0:
            raise InputError(f"decay: {self.decay}, want a part of all steps, above 0, at most 1")
        if not 0.0 <= self.margin <= 1.0:
            raise InputError(f"margin: {self.margin}, want a part of a crop, from 0 to 1")
        if not 0.0 <= self.border < math.inf:
            raise InputError(f"border: {self.border}, want a number from 0")
        if self.border and not self.margin:
            raise InputError("border: nothing to compare it with; want a margin above 0")
        if not 0.0 <= self.average <= 1.0:
            raise InputError(f"average: {self.average}, want a part of all steps, from 0 to 1")

    @property
    def steps(self) -> int:
        """All steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """Return the stage that a step, from 0, belongs to."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        raise IndexError(step)

    def averaged_before(self, step: int) -> int:
        """Return how many of the steps before a step, from 0, are averaged."""
        return max(0, step - self.steps + round(self.average * self.steps))

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, from 0."""
        warm_up = (step + 1) / _WARM_UP
        decay = (self.steps - step) / (self.decay * self.steps)
        return self.learning_rate * min(1.0, warm_up, decay)
