"""Scenario model of the radio: caps, noise, weights, and the arrays that they come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Protocol

import numpy as np
from pydantic import Field, model_validator

from sim.deadline.errors import InputError
from sim.problem import FloatArray
from sim.scenario.quantities import FREQUENCY, POWER, QuantityModel

#: Thermal noise density at 290 K.
NOISE_DENSITY_DBM_HZ = -174.0


_NOISE = replace(POWER, example="-95 dBm")


class StatesBandwidth(Protocol):
    """A recording, which may say what bandwidth it has."""

    @property
    def bandwidth_hz(self) -> float | None:
        """Of all subbands together, if it says so."""


class RadioModel(QuantityModel):
    """Powers, noise and weights."""

    p_max_w: Annotated[float | list[float], POWER] = Field(
        1.0,
        description="power cap of a transmitter over its whole band, split evenly over the "
        "subbands; one value, or one a link",
    )
    snr_db: Annotated[float | None, Field(ge=-100, le=200)] = Field(
        None, description="noise is p_max per subband, less this (unit gain)"
    )
    noise_w: Annotated[float | None, _NOISE, Field(gt=0)] = Field(
        None, description="noise of a receiver in one subband"
    )
    noise_figure_db: Annotated[float | None, Field(ge=0, le=60)] = Field(
        None, description="over -174 dBm/Hz in the bandwidth of a subband"
    )
    bandwidth_hz: Annotated[float | None, FREQUENCY, Field(gt=0)] = Field(
        None, description="of all subbands together; a trace may state it"
    )
    weights: list[Annotated[float, Field(ge=0, le=1e30)]] | None = Field(
        None, description="weight of each link in the sum rate; ones if not given"
    )

    @model_validator(mode="after")
    def _one_noise(self) -> RadioModel:
        given = [self.snr_db, self.noise_w, self.noise_figure_db]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give the noise once: snr_db, noise or noise_figure_db")
        caps = self.p_max_w if isinstance(self.p_max_w, list) else [self.p_max_w]
        if not caps:
            raise ValueError("p_max is an empty list; want one value, or one a link")
        for cap in caps:
            if cap < 0:
                raise ValueError(f"p_max must not be negative (got {cap:g} W)")
        if self.snr_db is not None and (isinstance(self.p_max_w, list) or self.p_max_w == 0):
            raise ValueError("snr_db needs one p_max above zero; give the noise otherwise")
        return self

    def arrays(
        self, links: int, subbands: int, recording: StatesBandwidth | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return noise and caps of every link on every subband, in watts, and the weights.

        Args:
            links: K.
            subbands: S.
            recording: asked for the bandwidth where the scenario does not give it.

        Returns:
            ``noise_w (S, K)``, ``p_max_w (S, K)``, ``weight (K,)``.

        Raises:
            InputError: a list of another length than K, or no bandwidth where it is needed, or
                the recording states one that cannot be.
        """
        shape = subbands, links
        p_max_w = _per_link("p_max", self.p_max_w, links) / subbands
        weight = _per_link("weights", 1.0 if self.weights is None else self.weights, links)
        noise_w = self._noise_w(subbands, float(p_max_w[0]), recording)
        caps = np.array(np.broadcast_to(p_max_w, shape), order="C")
        return np.full(shape, noise_w), caps, weight

    def _noise_w(self, subbands: int, p_max_w: float, recording: StatesBandwidth | None) -> float:
        """Return the noise of one receiver in one subband."""
        if self.noise_w is not None:
            return self.noise_w
        if self.snr_db is not None:
            return float(p_max_w / 10.0 ** (self.snr_db / 10.0))
        bandwidth_hz = self.bandwidth_hz
        if bandwidth_hz is None and recording is not None:
            bandwidth_hz = recording.bandwidth_hz
        if bandwidth_hz is None:
            raise InputError("radio.bandwidth: is required with noise_figure_db, e.g. 20 MHz")
        assert self.noise_figure_db is not None
        density_dbm_hz = NOISE_DENSITY_DBM_HZ + self.noise_figure_db
        return float(1e-3 * 10.0 ** (density_dbm_hz / 10.0) * bandwidth_hz / subbands)


def _per_link(key: str, value: float | list[float], links: int) -> FloatArray:
    if isinstance(value, list) and len(value) != links:
        raise InputError(f"radio.{key}: has {len(value)} values, the channel has {links} links")
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), (links,)))
