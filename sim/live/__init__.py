"""The race on the wall clock, and the proof that the simulated one is like it."""

from sim.live.race import LiveEntry, LiveResult, live_facts, live_race
from sim.live.recording import playable

__all__ = ["LiveEntry", "LiveResult", "live_facts", "live_race", "playable"]
