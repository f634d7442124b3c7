"""A quick start, WMMSE from there on, for as long as the deadline leaves time."""

from allocators.anytime.solver import Anytime

__all__ = ["Anytime"]
