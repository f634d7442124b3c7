"""Scenario models of latency: what a solve costs in simulated time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from sim.deadline import Constant, Distribution, LatencyModel, Measured
from sim.scenario.quantities import TIME, QuantityModel
from sim.scenario.shorthand import Choice

Time = Annotated[int, TIME, Field(ge=0)]
PositiveTime = Annotated[int, TIME, Field(gt=0)]
Shape = Annotated[float, Field(ge=1e-3, le=1e6, description="the smaller, the heavier the tail")]


class Call(NamedTuple):
    """Whose calls a latency is of.

    Attributes:
        allocator: its name; empty for the host, before any allocator is called.
        parameters: the allocator's.
        links: K.
        subbands: S.
        folder: of the scenario.
    """

    allocator: str
    parameters: Mapping[str, Any]
    links: int
    subbands: int
    folder: Path


class _LatencyModel(QuantityModel):
    model: str

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files that its figures depend on; ``folder`` is that of the scenario."""
        del folder
        return ()


class MeasuredLatency(_LatencyModel):
    """What each call takes on this machine; not reproducible."""

    model: Literal["measured"] = "measured"

    def build(self, rng: np.random.Generator, speed: float, call: Call) -> LatencyModel:
        """Return the latency model."""
        del rng, call
        return Measured(speed)


class ConstantLatency(_LatencyModel):
    """The same for every call, plus so much per unit of work (iteration)."""

    model: Literal["constant"]
    base_ns: Time = Field(0, description="of a call, whatever it does")
    per_work_ns: Time = Field(0, description="of each unit of work, an iteration")

    def build(self, rng: np.random.Generator, speed: float, call: Call) -> LatencyModel:
        """Return the latency model."""
        del rng, call
        return Constant(self.base_ns, self.per_work_ns, speed)


class CalibratedLatency(_LatencyModel):
    """What such calls took where `ttirace calibrate` measured them, replayed."""

    model: Literal["calibrated"]
    profile: str = Field("", description="a shipped profile, or a file; empty: the shipped one")
    cost_of: str = Field("", description="charge another allocator's cost: wmmse:backend=python")
    extrapolate: bool = Field(False, description="go on beyond the measured K and S")

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the profile's files; a shipped one's belong to the code."""
        from sim.profile import find_profile, shipped_profiles

        text = find_profile(self.profile, folder)
        own = text not in shipped_profiles().values()
        return (text, text.with_suffix(".parquet")) if own else ()

    def build(self, rng: np.random.Generator, speed: float, call: Call) -> LatencyModel:
        """Return the latency model; it draws from ``rng``.

        Raises:
            InputError: no such profile, or nothing in it for this allocator and size.
        """
        from sim.deadline.cost import Calibrated, Cost
        from sim.named import named_allocator
        from sim.profile import CellKey, find_profile, load_profile

        profile = load_profile(find_profile(self.profile, call.folder))
        if not call.allocator:
            return Calibrated(lambda _: profile.release, rng, speed)
        named = named_allocator(self.cost_of) if self.cost_of else (call.allocator, call.parameters)
        key = CellKey.of(*named)

        def cost(batch: int) -> Cost:
            return profile.cost(key, call.links, call.subbands * batch, self.extrapolate)

        return Calibrated(cost, rng, speed)


def resolve_profiles(data: Any, folder: Path) -> None:
    """Write out, in place, the profiles that a dumped scenario names; shipped ones keep their name.

    Args:
        data: JSON values.
        folder: what its paths are relative to.

    Raises:
        InputError: there is no such profile.
    """
    for value in data.values() if isinstance(data, dict) else data:
        if isinstance(value, dict | list):
            resolve_profiles(value, folder)
    if isinstance(data, dict) and data.get("model") == "calibrated":
        files = CalibratedLatency.model_validate(data).files(folder)
        if files:
            data["profile"] = str(files[0].resolve())


class _DrawnLatency(_LatencyModel):
    def build(self, rng: np.random.Generator, speed: float, call: Call) -> LatencyModel:
        """Return the latency model; it draws from ``rng``."""
        del call
        return Distribution(self.model, self.model_dump(exclude={"model"}), rng, speed)


class ExponentialLatency(_DrawnLatency):
    """Exponentially distributed."""

    model: Literal["exponential"]
    mean_ns: PositiveTime = Field(description="mean of a call")


class UniformLatency(_DrawnLatency):
    """Uniform between low and high."""

    model: Literal["uniform"]
    low_ns: Time = Field(description="the quickest call")
    high_ns: PositiveTime = Field(description="the slowest call")

    @model_validator(mode="after")
    def _ordered(self) -> UniformLatency:
        if self.low_ns > self.high_ns:
            raise ValueError("low is above high")
        return self


class LognormalLatency(_DrawnLatency):
    """Log-normal; sigma is the standard deviation of the logarithm."""

    model: Literal["lognormal"]
    median_ns: PositiveTime = Field(description="median of a call")
    sigma: Annotated[float, Field(ge=0, le=10)] = Field(
        description="standard deviation of the logarithm"
    )


class GammaLatency(_DrawnLatency):
    """Gamma with a mean and a shape (1 is exponential)."""

    model: Literal["gamma"]
    mean_ns: PositiveTime = Field(description="mean of a call")
    shape: Shape


class WeibullLatency(_DrawnLatency):
    """Weibull with a scale and a shape (below 1 is heavy-tailed)."""

    model: Literal["weibull"]
    scale_ns: PositiveTime = Field(description="what 63% of calls stay below")
    shape: Shape


class ParetoLatency(_DrawnLatency):
    """Pareto above a minimum; the smaller the shape, the heavier the tail."""

    model: Literal["pareto"]
    minimum_ns: PositiveTime = Field(description="no call is quicker")
    shape: Shape


_MODELS = (
    MeasuredLatency,
    CalibratedLatency,
    ConstantLatency,
    ExponentialLatency,
    UniformLatency,
    LognormalLatency,
    GammaLatency,
    WeibullLatency,
    ParetoLatency,
)

_Modelled = (
    CalibratedLatency
    | ConstantLatency
    | ExponentialLatency
    | UniformLatency
    | LognormalLatency
    | GammaLatency
    | WeibullLatency
    | ParetoLatency
)

Latency = Annotated[
    MeasuredLatency | _Modelled, Field(discriminator="model"), Choice("latency", *_MODELS)
]

#: From taking a job to starting it: no call of an allocator's, so nothing there is to measure.
ReleaseJitter = Annotated[
    _Modelled, Field(discriminator="model"), Choice("release jitter", *_MODELS[1:])
]
