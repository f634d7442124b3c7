"""A fully connected network that imitates WMMSE (Sun et al., "Learning to optimize", 2018)."""

from allocators.dnn.solver import DNN

__all__ = ["DNN"]
