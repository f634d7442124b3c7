"""Scenario models of the channel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from sim.deadline.reading import check_regular
from sim.scenario.quantities import FREQUENCY, LENGTH, RATIO, SPEED, QuantityModel
from sim.scenario.shorthand import Choice

if TYPE_CHECKING:
    from sim.channel import Channel, Evolution

Links = Annotated[int, Field(ge=1, le=2000, description="transmitter and receiver pairs, K")]
Subbands = Annotated[int, Field(ge=1, le=10000, description="S, each with gains of its own")]
#: Of one slot's gains, S K^2: 128 MB.
_MOST_GAINS = 1 << 24
Length = Annotated[float, LENGTH, Field(ge=0)]


class _SmallScale(QuantityModel):
    """What all drawn channels share: subbands, and how the fading moves."""

    subbands: Subbands = 1
    evolution: Literal["iid", "gauss_markov", "jakes"] = Field(
        "iid",
        description="iid: every slot is an independent drop; else only the fading moves, with the "
        "autocorrelation J0(2 pi doppler tau) (jakes) or its first-order fit (gauss_markov)",
    )
    doppler_hz: Annotated[float | None, FREQUENCY, Field(ge=0)] = Field(
        None, description="largest Doppler shift; or give speed and carrier"
    )
    speed_m_s: Annotated[float | None, SPEED, Field(ge=0)] = Field(
        None, description="of who moves, for the Doppler shift; with carrier"
    )
    carrier_hz: Annotated[float | None, FREQUENCY, Field(gt=0)] = Field(
        None, description="carrier frequency, for the Doppler shift"
    )

    @model_validator(mode="after")
    def _sensible_size(self) -> _SmallScale:
        links = getattr(self, "links", 0) or getattr(self, "users", 0)
        if self.subbands * links**2 > _MOST_GAINS:
            raise ValueError(
                f"{self.subbands} subbands of {links} x {links} gains are more than a slot may "
                f"hold; want at most {_MOST_GAINS} gains"
            )
        return self

    @model_validator(mode="after")
    def _one_doppler(self) -> _SmallScale:
        moving = self.speed_m_s is not None
        given = self.doppler_hz is not None or moving
        if self.evolution == "iid" and given:
            raise ValueError("doppler or speed mean nothing under evolution: iid")
        if self.evolution != "iid":
            if (self.doppler_hz is not None) == moving:
                raise ValueError(
                    f"evolution: {self.evolution} takes either doppler, or speed and carrier"
                )
            if moving and self.carrier_hz is None:
                raise ValueError("speed needs a carrier to give a Doppler shift")
        return self

    def evolve(self, slot_ns: int) -> Evolution:
        """Return the evolution for slots of this length."""
        from sim.channel import GaussMarkov, Iid, Jakes, doppler_hz

        if self.evolution == "iid":
            return Iid()
        shift = self.doppler_hz
        if shift is None:
            assert self.speed_m_s is not None
            assert self.carrier_hz is not None
            shift = doppler_hz(self.speed_m_s, self.carrier_hz)
        if self.evolution == "jakes":
            return Jakes(shift, slot_ns * 1e-9)
        return GaussMarkov.from_doppler(shift, slot_ns * 1e-9)


class RayleighChannel(_SmallScale):
    """Every gain Rayleigh fading with mean 1."""

    model: Literal["rayleigh"]
    links: Links = 10

    def build(self, slot_ns: int, slots: int, folder: Path, rng: np.random.Generator) -> Channel:
        """Return the channel."""
        from sim.channel import RayleighChannel

        del slots, folder
        return RayleighChannel(self.links, self.subbands, self.evolve(slot_ns), rng)


class RicianChannel(_SmallScale):
    """Every gain Rician fading with mean 1 and K factor ``k_factor``."""

    model: Literal["rician"]
    links: Links = 10
    k_factor_linear: Annotated[float, RATIO, Field(ge=0)] = Field(
        1.0, description="line-of-sight power over scattered power, linear or in dB"
    )

    def build(self, slot_ns: int, slots: int, folder: Path, rng: np.random.Generator) -> Channel:
        """Return the channel."""
        from sim.channel import RicianChannel

        del slots, folder
        return RicianChannel(
            self.links, self.subbands, self.k_factor_linear, self.evolve(slot_ns), rng
        )


class GeometricChannel(_SmallScale):
    """Pairs in a square: path loss, shadowing, Rayleigh or Rician fading."""

    model: Literal["geometric"]
    links: Links = 10
    side_m: Annotated[float, LENGTH, Field(gt=0)] = Field(50.0, description="of the square")
    path_loss_exponent: Annotated[float, Field(ge=0, le=10)] = Field(
        3.0, description="gain falls with distance to the minus this"
    )
    reference_gain_linear: Annotated[float, RATIO, Field(gt=0)] = Field(
        1.0, description="power gain at 1 m, linear or in dB"
    )
    min_distance_m: Annotated[float, LENGTH, Field(gt=0)] = Field(
        1.0, description="nearer than this counts as this"
    )
    shadowing_db: Annotated[float, Field(ge=0, le=60)] = Field(
        0.0, description="standard deviation of log-normal shadowing"
    )
    pair_distance_min_m: Annotated[float | None, LENGTH, Field(ge=0)] = Field(
        None, description="a receiver is at least so far from its transmitter; else anywhere"
    )
    pair_distance_max_m: Annotated[float | None, LENGTH, Field(gt=0)] = Field(
        None, description="and at most so far"
    )
    k_factor_linear: Annotated[float, RATIO, Field(ge=0)] = Field(
        0.0, description="of Rician fading, linear or in dB; 0 is Rayleigh"
    )

    @model_validator(mode="after")
    def _pair_distances(self) -> GeometricChannel:
        low, high = self.pair_distance_min_m, self.pair_distance_max_m
        if (low is None) != (high is None):
            raise ValueError("pair_distance_min and pair_distance_max go together")
        if low is not None and high is not None and low > high:
            raise ValueError("pair_distance_min is above pair_distance_max")
        return self

    def build(self, slot_ns: int, slots: int, folder: Path, rng: np.random.Generator) -> Channel:
        """Return the channel."""
        from sim.channel import GeometricChannel

        del slots, folder
        return GeometricChannel(
            links=self.links,
            subbands=self.subbands,
            side_m=self.side_m,
            path_loss_exponent=self.path_loss_exponent,
            reference_gain=self.reference_gain_linear,
            min_distance_m=self.min_distance_m,
            shadowing_db=self.shadowing_db,
            pair_distance_min_m=self.pair_distance_min_m,
            pair_distance_max_m=self.pair_distance_max_m,
            k_factor=self.k_factor_linear,
            evolution=self.evolve(slot_ns),
            rng=rng,
        )


class ImacChannel(_SmallScale):
    """Sun et al.'s interfering multiple access channel: users in cells send to base stations."""

    model: Literal["imac"]
    cells: Annotated[int, Field(ge=1, le=100)] = Field(3, description="base stations")
    users: Annotated[int, Field(ge=1, le=2000)] = Field(
        12, description="in all cells together; each is one link"
    )
    radius_m: Annotated[float, LENGTH, Field(gt=0)] = Field(
        100.0, description="half the distance between neighbouring base stations"
    )
    inner_radius_m: Length = Field(0.0, description="no user is nearer to its base station")
    shadowing_db: Annotated[float, Field(ge=0, le=60)] = Field(
        8.0, description="standard deviation of log-normal shadowing"
    )

    @model_validator(mode="after")
    def _even(self) -> ImacChannel:
        if self.users % self.cells:
            raise ValueError(f"users: {self.users} do not spread evenly over {self.cells} cells")
        if self.inner_radius_m >= self.radius_m:
            raise ValueError("inner_radius must be below radius")
        return self

    def build(self, slot_ns: int, slots: int, folder: Path, rng: np.random.Generator) -> Channel:
        """Return the channel."""
        from sim.channel import ImacChannel

        del slots, folder
        return ImacChannel(
            cells=self.cells,
            users=self.users,
            radius_m=self.radius_m,
            inner_radius_m=self.inner_radius_m,
            shadowing_db=self.shadowing_db,
            subbands=self.subbands,
            evolution=self.evolve(slot_ns),
            rng=rng,
        )


class TraceChannel(QuantityModel):
    """Recorded or ray-traced channels from an HDF5 file, one sample a slot."""

    model: Literal["trace"]
    path: Annotated[str, Field(min_length=1)] = Field(
        description="HDF5 file with H or gain (time, subband, rx, tx), relative to the scenario"
    )

    def build(self, slot_ns: int, slots: int, folder: Path, rng: np.random.Generator) -> Channel:
        """Return the channel; checks the whole file.

        Raises:
            InputError: the file is missing, not what it should be, or does not fit the slots.
        """
        from sim.channel import TraceChannel

        del rng
        check_regular(folder / self.path, "channel")
        return TraceChannel(folder / self.path, slot_s=slot_ns * 1e-9, slots=slots)


ChannelModel = Annotated[
    RayleighChannel | RicianChannel | GeometricChannel | ImacChannel | TraceChannel,
    Field(discriminator="model"),
    Choice("channel", RayleighChannel, RicianChannel, GeometricChannel, ImacChannel, TraceChannel),
]
