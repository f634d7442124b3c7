"""Building blocks that numba compiles into vector code: padded matrices, two products, a log.

Every vector is padded to a multiple of `LANES`, so that no loop has a scalar remainder. A padded
link has no gain, no power, no weight and unit noise: it adds nothing, and nothing divides by zero.
Matrix-vector products are sums of scaled rows (axpy form): contiguous and free of horizontal sums.
"""

from __future__ import annotations

import numpy as np
from numba import float64, njit, types

from sim.problem import FloatArray

LANES = 8  # doubles in the widest vector register of today's processors
ROWS = 4  # rows added in one sweep over the sum; LANES is a multiple of it

# Sums may be reordered, and products fused into them; NaN, infinity and division stay IEEE.
FASTMATH = {"reassoc", "contract"}

_LOG2_E = 1.4426950408889634
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_MANTISSA_MASK = (1 << 52) - 1


def read_only(axes: int) -> types.Array:
    """Return the numba type of a C-contiguous float64 array that is only read.

    Kernels state their types. Left to itself numba would compile anew, in the race, when the first
    read-only array comes along, and broadcast arrays are read-only.
    """
    return types.Array(float64, axes, "C", readonly=True)


@njit(cache=True)
def padded(links: int) -> int:
    """Return the smallest multiple of `LANES` that holds ``links``."""
    return (links + LANES - 1) // LANES * LANES


@njit(cache=True)
def aligned_zeros(rows: int, width: int) -> FloatArray:
    """Return zeros ``(rows, width)`` that start on a cache line, so that no vector load splits."""
    flat = np.zeros(rows * width + LANES)
    first = -(flat.ctypes.data // flat.itemsize) % LANES
    return flat[first : first + rows * width].reshape(rows, width)


@njit(cache=True)
def split_gain(
    gain: FloatArray, s: int, received: FloatArray, caused: FloatArray, direct: FloatArray
) -> None:
    """Copy subband ``s`` of ``gain (S, K, K)`` into its padded, zero-diagonal cross gains.

    ``received[j, k]`` is the gain from transmitter j to receiver k and ``caused[j, k]`` that from
    transmitter k to receiver j, both ``(W, W)``; ``direct (W,)`` is the diagonal. With the diagonal
    kept out, interference is a sum and never a difference, and stays exact at any SINR.
    """
    links = gain.shape[1]
    for j in range(links):
        for k in range(links):
            caused[j, k] = gain[s, j, k]
        direct[j] = caused[j, j]
        caused[j, j] = 0.0
    for j in range(links):
        for k in range(links):
            received[j, k] = caused[k, j]


@njit(cache=True, fastmath=FASTMATH)
def add_scaled_rows(total: FloatArray, scale: FloatArray, matrix: FloatArray, rows: int) -> None:
    """Add ``sum_j scale[j] matrix[j]`` to ``total``, over the first ``rows`` rows and the padding.

    Args:
        total: ``(W,)``, added to in place.
        scale: ``(W,)``.
        matrix: ``(W, W)``, zero where padded.
        rows: rows that are not padding.
    """
    width = total.shape[0]
    for j in range(0, rows, ROWS):
        a, b, c, d = scale[j], scale[j + 1], scale[j + 2], scale[j + 3]
        for k in range(width):
            total[k] += (a * matrix[j, k] + b * matrix[j + 1, k]) + (
                c * matrix[j + 2, k] + d * matrix[j + 3, k]
            )


@njit(cache=True, fastmath=FASTMATH)
def weighted_log2(weight: FloatArray, x: FloatArray) -> float:
    """Return ``sum_k weight[k] log2(x[k])`` for finite normal ``x >= 1``; overwrites nothing.

    The library's log2 is a call per element; this one is arithmetic and vectorises. With
    x = 2^e m, m in [sqrt(1/2), sqrt(2)), and z = (m - 1) / (m + 1): log2 m = 2 atanh(z) / ln 2,
    |z| < 0.172, whose series to z^19 leaves out less than a fifth of a rounding error.
    """
    bits = x.view(np.int64)
    total = 0.0
    for k in range(x.shape[0]):
        offset = bits[k] - _SQRT_HALF_BITS
        exponent = offset >> 52
        mantissa = (offset & _MANTISSA_MASK) + _SQRT_HALF_BITS
        m = np.int64(mantissa).view(np.float64)
        z = (m - 1.0) / (m + 1.0)
        q = z * z
        series = 1.0 / 19.0
        series = series * q + 1.0 / 17.0
        series = series * q + 1.0 / 15.0
        series = series * q + 1.0 / 13.0
        series = series * q + 1.0 / 11.0
        series = series * q + 1.0 / 9.0
        series = series * q + 1.0 / 7.0
        series = series * q + 1.0 / 5.0
        series = series * q + 1.0 / 3.0
        log2_m = (2.0 * _LOG2_E) * (z + z * (q * series))
        total += weight[k] * (np.float64(exponent) + log2_m)
    return total
