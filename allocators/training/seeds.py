"""Independent random streams of one master seed, told apart by name and number."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, axis: str, index: int = 0) -> np.random.Generator:
    """Return the generator of stream (seed, axis, index); no stream depends on another's use."""
    return np.random.default_rng([seed, zlib.crc32(axis.encode()), index])
