"""A learned unfolding of WMMSE: one small network for any number of links."""

from allocators.unfolded.solver import Unfolded

__all__ = ["Unfolded"]
