"""What an agent sees of a slot; see `sim.observation`, which needs no Gymnasium."""

from sim.observation import LARGEST_GAIN, PARTS, Float32Array, IntArray, Layout

__all__ = ["LARGEST_GAIN", "PARTS", "Float32Array", "IntArray", "Layout"]
