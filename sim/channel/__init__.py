"""Channels: power gains of K links on S subbands, slot after slot.

A channel is a place (`RayleighChannel`, `RicianChannel`, `GeometricChannel`, `ImacChannel`) and an
`Evolution` of its fading in time (`Iid`, `GaussMarkov`, `Jakes`), or a recording (`TraceChannel`).
"""

from sim.channel.base import Channel
from sim.channel.evolution import Evolution, GaussMarkov, Iid, Jakes, doppler_hz
from sim.channel.fading import RayleighChannel, RicianChannel
from sim.channel.layouts import GeometricChannel, ImacChannel
from sim.channel.paths import subband_gain
from sim.channel.trace import TraceChannel, read_gains, write_trace

__all__ = [
    "Channel",
    "Evolution",
    "GaussMarkov",
    "GeometricChannel",
    "Iid",
    "ImacChannel",
    "Jakes",
    "RayleighChannel",
    "RicianChannel",
    "TraceChannel",
    "doppler_hz",
    "read_gains",
    "subband_gain",
    "write_trace",
]
