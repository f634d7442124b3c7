"""Scenario models of latency: what a solve costs in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from sim.deadline import Constant, Distribution, LatencyModel, Measured
from sim.scenario.quantities import TIME, QuantityModel
from sim.scenario.shorthand import Choice

Time = Annotated[int, TIME, Field(ge=0)]
PositiveTime = Annotated[int, TIME, Field(gt=0)]
Shape = Annotated[float, Field(ge=1e-3, le=1e6)]


class _LatencyModel(QuantityModel):
    model: str

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files that its figures depend on; ``folder`` is that of the scenario."""
        del folder
        return ()


class MeasuredLatency(_LatencyModel):
    """What each call takes on this machine; not reproducible."""

    model: Literal["measured"] = "measured"

    def build(self, rng: np.random.Generator, speed: float) -> LatencyModel:
        """Return the latency model."""
        del rng
        return Measured(speed)


class ConstantLatency(_LatencyModel):
    """The same for every call, plus so much per unit of work (iteration)."""

    model: Literal["constant"]
    base_ns: Time = 0
    per_work_ns: Time = 0

    def build(self, rng: np.random.Generator, speed: float) -> LatencyModel:
        """Return the latency model."""
        del rng
        return Constant(self.base_ns, self.per_work_ns, speed)


class _DrawnLatency(_LatencyModel):
    def build(self, rng: np.random.Generator, speed: float) -> LatencyModel:
        """Return the latency model; it draws from ``rng``."""
        return Distribution(self.model, self.model_dump(exclude={"model"}), rng, speed)


class ExponentialLatency(_DrawnLatency):
    """Exponentially distributed."""

    model: Literal["exponential"]
    mean_ns: PositiveTime


class UniformLatency(_DrawnLatency):
    """Uniform between low and high."""

    model: Literal["uniform"]
    low_ns: Time
    high_ns: PositiveTime

    @model_validator(mode="after")
    def _ordered(self) -> UniformLatency:
        if self.low_ns > self.high_ns:
            raise ValueError("low is above high")
        return self


class LognormalLatency(_DrawnLatency):
    """Log-normal; sigma is the standard deviation of the logarithm."""

    model: Literal["lognormal"]
    median_ns: PositiveTime
    sigma: Annotated[float, Field(ge=0, le=10)]


class GammaLatency(_DrawnLatency):
    """Gamma with a mean and a shape (1 is exponential)."""

    model: Literal["gamma"]
    mean_ns: PositiveTime
    shape: Shape


class WeibullLatency(_DrawnLatency):
    """Weibull with a scale and a shape (below 1 is heavy-tailed)."""

    model: Literal["weibull"]
    scale_ns: PositiveTime
    shape: Shape


class ParetoLatency(_DrawnLatency):
    """Pareto above a minimum; the smaller the shape, the heavier the tail."""

    model: Literal["pareto"]
    minimum_ns: PositiveTime
    shape: Shape


_MODELS = (
    MeasuredLatency,
    ConstantLatency,
    ExponentialLatency,
    UniformLatency,
    LognormalLatency,
    GammaLatency,
    WeibullLatency,
    ParetoLatency,
)

Latency = Annotated[
    MeasuredLatency
    | ConstantLatency
    | ExponentialLatency
    | UniformLatency
    | LognormalLatency
    | GammaLatency
    | WeibullLatency
    | ParetoLatency,
    Field(discriminator="model"),
    Choice("latency", *_MODELS),
]

#: From taking a job to starting it: no call of an allocator's, so nothing there is to measure.
ReleaseJitter = Annotated[
    ConstantLatency
    | ExponentialLatency
    | UniformLatency
    | LognormalLatency
    | GammaLatency
    | WeibullLatency
    | ParetoLatency,
    Field(discriminator="model"),
    Choice("release jitter", ConstantLatency, *_DrawnLatency.__subclasses__()),
]
