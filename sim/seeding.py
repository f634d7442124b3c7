"""Independent random streams by name.

A stream is fixed by the master seed, the name of what varies, and indices. The allocator is never
among them, so that all allocators meet the same channels and the same jitter; and a stream that is
added disturbs no other.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, axis: str, *indices: int) -> np.random.Generator:
    """Return the generator of one axis.

    Args:
        seed: master seed, not negative.
        axis: what varies: ``"channel"``, ``"latency"``, ...
        indices: which one: controller, replicate, ...
    """
    digest = hashlib.sha256(axis.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(*words, *indices)))
    )
