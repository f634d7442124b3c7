"""Products of small matrices with many lanes, their sums kept in registers.

All operands lie in one flat float32 array, the room, and are named by where they begin in it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from allocators.simd import (
    Float32Array,
    fill16,
    load16,
    maximum,
    repeat2,
    repeat4,
    spread16,
    store,
    tile4,
    tile8,
)

RECEIVERS = 8
"""Outputs of a message at a time; links are padded to a multiple of it."""

SPAN = 32
"""Lanes of a dense layer at a time; lanes are padded to a multiple of it."""

OUTPUTS = 4
"""Outputs of a dense layer at a time; they are a multiple of it."""


@njit(cache=True)
def _message4(room: Float32Array, matrix: int, stride: int, links: int, x: int, out: int) -> None:
    # a register holds four receivers
    for k in range(0, links, RECEIVERS):
        a = b = c = d = fill16(0.0)
        row = matrix + k
        for j in range(0, links - 1, 2):
            v = tile4(room, x + 4 * j)
            a = a + repeat4(room, row) * v
            b = b + repeat4(room, row + 4) * v
            v = tile4(room, x + 4 * j + 4)
            c = c + repeat4(room, row + stride) * v
            d = d + repeat4(room, row + stride + 4) * v
            row += 2 * stride
        if links % 2:
            v = tile4(room, x + 4 * (links - 1))
            a = a + repeat4(room, row) * v
            b = b + repeat4(room, row + 4) * v
        store(room, out + k * 4, a + c)
        store(room, out + k * 4 + 16, b + d)


@njit(cache=True)
def _message8(room: Float32Array, matrix: int, stride: int, links: int, x: int, out: int) -> None:
    # a register holds two receivers
    for k in range(0, links, RECEIVERS):
        a = b = c = d = e = f = g = h = fill16(0.0)
        row = matrix + k
        for j in range(0, links - 1, 2):
            v = tile8(room, x + 8 * j)
            a = a + repeat2(room, row) * v
            b = b + repeat2(room, row + 2) * v
            c = c + repeat2(room, row + 4) * v
            d = d + repeat2(room, row + 6) * v
            row += stride
            v = tile8(room, x + 8 * j + 8)
            e = e + repeat2(room, row) * v
            f = f + repeat2(room, row + 2) * v
            g = g + repeat2(room, row + 4) * v
            h = h + repeat2(room, row + 6) * v
            row += stride
        if links % 2:
            v = tile8(room, x + 8 * (links - 1))
            a = a + repeat2(room, row) * v
            b = b + repeat2(room, row + 2) * v
            c = c + repeat2(room, row + 4) * v
            d = d + repeat2(room, row + 6) * v
        store(room, out + k * 8, a + e)
        store(room, out + k * 8 + 16, b + f)
        store(room, out + k * 8 + 32, c + g)
        store(room, out + k * 8 + 48, d + h)


@njit(cache=True)
def _message16(room: Float32Array, matrix: int, stride: int, links: int, x: int, out: int) -> None:
    for k in range(0, links, RECEIVERS):
        a = b = c = d = e = f = g = h = fill16(0.0)
        row = matrix + k
        for j in range(links):
            v = load16(room, x + 16 * j)
            a = a + spread16(room, row) * v
            b = b + spread16(room, row + 1) * v
            c = c + spread16(room, row + 2) * v
            d = d + spread16(room, row + 3) * v
            e = e + spread16(room, row + 4) * v
            f = f + spread16(room, row + 5) * v
            g = g + spread16(room, row + 6) * v
            h = h + spread16(room, row + 7) * v
            row += stride
        at = out + k * 16
        store(room, at, a)
        store(room, at + 16, b)
        store(room, at + 32, c)
        store(room, at + 48, d)
        store(room, at + 64, e)
        store(room, at + 80, f)
        store(room, at + 96, g)
        store(room, at + 112, h)


@njit(cache=True)
def message(
    room: Float32Array, matrix: int, stride: int, links: int, x: int, out: int, candidates: int
) -> None:
    """Write ``out[k] = sum_j matrix[j, k] x[j]``, each x[j] and out[k] a row of candidates.

    Args:
        room: holds all of them.
        matrix: where it begins; rows are ``stride`` apart.
        stride: at least ``links``, rounded up to `RECEIVERS`.
        links: K.
        x: ``(K, C)``.
        out: ``(K, C)``, K rounded up to `RECEIVERS`.
        candidates: C: 4, 8 or 16.
    """
    if candidates == 4:
        _message4(room, matrix, stride, links, x, out)
    elif candidates == 8:
        _message8(room, matrix, stride, links, x, out)
    else:
        _message16(room, matrix, stride, links, x, out)


@njit(cache=True)
def expand(room: Float32Array, vector: int, links: int, out: int, candidates: int) -> None:
    """Write ``out[k, c] = vector[k]`` for all candidates c; a register's worth beyond K too."""
    if candidates == 4:
        for k in range(0, links, 4):
            store(room, out + 4 * k, repeat4(room, vector + k))
    elif candidates == 8:
        for k in range(0, links, 2):
            store(room, out + 8 * k, repeat2(room, vector + k))
    else:
        for k in range(links):
            store(room, out + 16 * k, spread16(room, vector + k))


@njit(cache=True)
def dense(
    room: Float32Array,
    x: int,
    inputs: int,
    row: int,
    lanes: int,
    packed: Float32Array,
    at: int,
    outputs: int,
    y: int,
    floor: float,
) -> int:
    """Write ``y = max(floor, weight x + bias)``; return where the next layer's weights begin.

    Args:
        room: holds x and y.
        x: ``(inputs, lanes)``, its rows ``row`` apart.
        inputs: how many.
        row: see ``x``.
        lanes: a multiple of `SPAN`.
        packed: weights, as `pack_dense` lays them out.
        at: where this layer's begin.
        outputs: a multiple of `OUTPUTS`.
        y: ``(outputs, lanes)``, like ``x``.
        floor: lower bound of the outputs: 0 makes a ReLU.
    """
    for r in range(0, outputs, OUTPUTS):
        bias0, bias1 = load16(packed, at), load16(packed, at + 16)
        bias2, bias3 = load16(packed, at + 32), load16(packed, at + 48)
        at += 64
        for m in range(0, lanes, SPAN):
            a0 = a1 = bias0
            b0 = b1 = bias1
            c0 = c1 = bias2
            d0 = d1 = bias3
            i = x + m
            w = at
            for _ in range(inputs):
                left, right = load16(room, i), load16(room, i + 16)
                weight = spread16(packed, w)
                a0, a1 = a0 + weight * left, a1 + weight * right
                weight = spread16(packed, w + 1)
                b0, b1 = b0 + weight * left, b1 + weight * right
                weight = spread16(packed, w + 2)
                c0, c1 = c0 + weight * left, c1 + weight * right
                weight = spread16(packed, w + 3)
                d0, d1 = d0 + weight * left, d1 + weight * right
                i += row
                w += OUTPUTS
            out = y + r * row + m
            store(room, out, maximum(a0, floor))
            store(room, out + 16, maximum(a1, floor))
            out += row
            store(room, out, maximum(b0, floor))
            store(room, out + 16, maximum(b1, floor))
            out += row
            store(room, out, maximum(c0, floor))
            store(room, out + 16, maximum(c1, floor))
            out += row
            store(room, out, maximum(d0, floor))
            store(room, out + 16, maximum(d1, floor))
        at += inputs * OUTPUTS
    return at


def pack_dense(weight: Float32Array, bias: Float32Array) -> Float32Array:
    """Lay out a layer for `dense`.

    Args:
        weight: ``(outputs, inputs)``.
        bias: ``(outputs,)``, or ``(outputs, C)`` with one for each candidate, C dividing 16.

    Returns:
        Flat: for every `OUTPUTS` outputs their biases, 16 lanes each, then their weights.
    """
    outputs, inputs = weight.shape
    lanes = np.tile(bias.reshape(outputs, -1), 16 // (bias.size // outputs))
    parts = [
        part
        for r in range(0, outputs, OUTPUTS)
        for part in (lanes[r : r + OUTPUTS].ravel(), weight[r : r + OUTPUTS].T.ravel())
    ]
    assert inputs * outputs + 16 * outputs == sum(part.size for part in parts)
    return np.concatenate(parts).astype(np.float32)
