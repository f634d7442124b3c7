from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from allocators.vector import LANES, ROWS, aligned_zeros, padded, weighted_log2

checked = settings(derandomize=True, deadline=None, max_examples=300)


@checked
@given(st.floats(1.0, 1.7e308))
def test_log2_is_exact_to_rounding(x: float) -> None:
    values = np.ones(LANES)
    values[3] = x
    weight = np.zeros(LANES)
    weight[3] = 2.0
    # absolute below one bit, where 1 + sinr has already lost the rest
    assert math.isclose(
        weighted_log2(weight, values), 2 * math.log2(x), rel_tol=1e-15, abs_tol=5e-16
    )


def test_log2_of_powers_of_two_is_exact() -> None:
    for e in range(1023):
        assert weighted_log2(np.eye(LANES)[0], np.full(LANES, 2.0**e)) == e


@checked
@given(st.integers(1, 300))
def test_padding(links: int) -> None:
    width = padded(links)
    assert width % LANES == 0
    assert width % ROWS == 0
    assert links <= width < links + LANES
    scratch = aligned_zeros(width, width)
    assert scratch.shape == (width, width)
    assert scratch.ctypes.data % 64 == 0
    assert not scratch.any()
