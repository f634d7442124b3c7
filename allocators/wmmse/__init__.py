"""Weighted minimum mean square error (WMMSE), the field's reference for power control."""

from allocators.wmmse.solver import WMMSE

__all__ = ["WMMSE"]
