"""What a network sees of an instance before its first layer: gains over noise, and conflicts.

Everything is written into the room, a flat float32 array of zeros at first; see `Layout`. What is
padding there stays zero, or is never read.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np
from numba import njit

from allocators.simd import (
    Float32Array,
    double4,
    fill16,
    load16,
    maximum,
    minimum,
    single,
    store,
    total,
    transpose4,
)
from allocators.simd_math import log1p
from allocators.unfolded.lanes import RECEIVERS, SPAN, expand
from sim.problem import FloatArray

SMALLEST_GAIN, LARGEST_GAIN = np.float32(1e-9), np.float32(1e12)
SMALLEST_WEIGHT = np.float32(1e-3)
_SMALLEST_VALUE = SMALLEST_GAIN * SMALLEST_WEIGHT * np.float32(0.5)
_ONE = np.float32(1.0)
_QUARTER, _HALF = np.float32(0.25), np.float32(0.5)

FEATURES = 8
"""Inputs of a layer beside its state."""
STATIC_FEATURES = 6
"""Inputs of the first layer."""


class Layout(NamedTuple):
    """Where things begin in the room; K links, C candidates, lane ``k C + c``.

    Attributes:
        size: of the room.
        stride: K rounded up to a register, between rows of a matrix and between vectors.
        row: between rows of lanes.
        lanes: lanes in use, rounded up.
        received: ``(K, K)``, from transmitter (row) to receiver (column); zero diagonal.
        caused: its transpose.
        suffered: ``(K, K)``, share of its rate that the column's link loses to the row's.
        inflicted: its transpose.
        direct: vector of direct gains.
        potential: vector of log(1 + direct).
        weight: vector of weights, the largest 1.
        value: vector, weight x potential.
        price: vector, 1 / (weight x direct).
        per_value: vector, 1 / value.
        total: vector, interference if all transmit.
        inputs: `STATIC_FEATURES` - 1 vectors, the first layer's inputs.
        static: five rows of lanes that stay as they are: direct, price, weight, value, per_value.
        flow: five rows of lanes: what passes between links.
        features: rows of lanes: a layer's inputs, the state last.
        inner: rows of lanes: a layer's hidden units.
    """

    size: int
    stride: int
    row: int
    lanes: int
    received: int
    caused: int
    suffered: int
    inflicted: int
    direct: int
    potential: int
    weight: int
    value: int
    price: int
    per_value: int
    total: int
    inputs: int
    static: int
    flow: int
    features: int
    inner: int


@njit(cache=True)
def layout(links: int, candidates: int, hidden: int, state: int) -> Layout:
    """Return the layout of a room for so many links, and so large a network."""
    stride = _up(links, 16)
    row = _up(links, RECEIVERS) * candidates
    matrix = _up(links, 4) * stride
    vectors = 4 * matrix
    static = vectors + (7 + STATIC_FEATURES - 1) * stride
    flow = static + 5 * row
    features = flow + 5 * row
    inner = features + (FEATURES + state) * row
    return Layout(
        inner + hidden * row,
        stride,
        row,
        _up(links * candidates, SPAN),
        0,
        matrix,
        2 * matrix,
        3 * matrix,
        vectors,
        vectors + stride,
        vectors + 2 * stride,
        vectors + 3 * stride,
        vectors + 4 * stride,
        vectors + 5 * stride,
        vectors + 6 * stride,
        vectors + 7 * stride,
        static,
        flow,
        features,
        inner,
    )


@njit(cache=True)
def _up(size: int, multiple: int) -> int:
    return (size + multiple - 1) // multiple * multiple


@njit(cache=True, error_model="numpy")
def read_instance(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    candidates: int,
    room: Float32Array,
    at: Layout,
) -> None:
    """Write one subband's matrices, vectors and static rows, and the first layer's inputs."""
    read_links(gain, noise_w, p_max_w, weight, candidates, room, at)
    _conflicts(room, len(weight), at)
    _first_inputs(room, len(weight), candidates, at)


@njit(cache=True, error_model="numpy")
def read_links(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    candidates: int,
    room: Float32Array,
    at: Layout,
) -> None:
    """Write what a WMMSE iteration needs of one subband: gains, vectors and static rows."""
    _normalise(gain, noise_w, p_max_w, weight, room, at)
    _vectors(room, len(weight), candidates, at)


@njit(cache=True, error_model="numpy")
def _normalise(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    room: Float32Array,
    at: Layout,
) -> None:
    """Write the gains as if noise and caps were 1, and the weights.

    Bounds keep single precision finite, whatever the gains: sums and products of what lies between
    -90 and 120 dB do not overflow.
    """
    links = len(weight)
    largest = 0.0
    for k in range(links):
        largest = max(largest, weight[k])
    scale = 1.0 / largest if largest > 0.0 else 1.0
    whole = links - links % 4
    flat = gain.reshape(-1)
    for k in range(links):
        inverse = 1.0 / noise_w[k]
        row = at.caused + k * at.stride
        for j in range(0, whole, 4):
            x = double4(flat, k * links + j) * double4(p_max_w, j) * inverse
            store(room, row + j, minimum(single(x), LARGEST_GAIN))
        for j in range(whole, links):
            x = gain[k, j] * p_max_w[j] * inverse
            room[row + j] = np.float32(x) if x < LARGEST_GAIN else LARGEST_GAIN
        room[at.direct + k] = max(room[row + k], SMALLEST_GAIN)
        room[row + k] = 0.0
        room[at.weight + k] = max(np.float32(weight[k] * scale), SMALLEST_WEIGHT)
    _transpose(room, links, at.stride, at.caused, at.received)


@njit(cache=True)
def _transpose(room: Float32Array, links: int, stride: int, matrix: int, out: int) -> None:
    for j in range(0, links, 4):
        for k in range(0, links, 4):
            transpose4(room, matrix + k * stride + j, stride, out + j * stride + k)


@njit(cache=True, error_model="numpy")
def _vectors(room: Float32Array, links: int, candidates: int, at: Layout) -> None:
    """Write what each link has of its own, once in a vector and once for all its candidates."""
    for i in range(0, at.stride, 16):
        direct, weight = load16(room, at.direct + i), load16(room, at.weight + i)
        potential = log1p(direct)
        store(room, at.potential + i, potential)
        store(room, at.value + i, weight * potential)
        # the bound is that of padding alone
        store(room, at.price + i, _ONE / maximum(weight * direct, _SMALLEST_VALUE))
        store(room, at.per_value + i, _ONE / maximum(weight * potential, _SMALLEST_VALUE))
        together = fill16(0.0)
        for j in range(links):
            together = together + load16(room, at.received + j * at.stride + i)
        store(room, at.total + i, together)
    expand(room, at.direct, links, at.static, candidates)
    expand(room, at.price, links, at.static + at.row, candidates)
    expand(room, at.weight, links, at.static + 2 * at.row, candidates)
    expand(room, at.value, links, at.static + 3 * at.row, candidates)
    expand(room, at.per_value, links, at.static + 4 * at.row, candidates)


@njit(cache=True, error_model="numpy")
def _conflicts(room: Float32Array, links: int, at: Layout) -> None:
    """Write what each pair of links costs each other: shares of rates in [0, 1].

    Of its rate log(1 + d_k) alone on air, link k loses to transmitter j at full power
    1 - log(1 + d_k / (1 + a_kj)) / log(1 + d_k).
    """
    loss, cost = at.inputs + at.stride, at.inputs + 2 * at.stride
    for i in range(0, at.stride, 16):
        store(room, cost + i, fill16(0.0))
    for k in range(links):
        direct, inverse = room[at.direct + k], _ONE / room[at.potential + k]
        value = room[at.value + k]
        row = k * at.stride
        for i in range(0, at.stride, 16):
            gain = load16(room, at.caused + row + i)
            lost = _ONE - log1p(_ONE / (gain + _ONE) * direct) * inverse
            store(room, at.inflicted + row + i, lost)
        room[at.inflicted + row + k] = 0.0
        for i in range(0, at.stride, 16):
            more = load16(room, at.inflicted + row + i) * value
            store(room, cost + i, load16(room, cost + i) + more)
    _transpose(room, links, at.stride, at.inflicted, at.suffered)
    for i in range(0, at.stride, 16):
        lost = fill16(0.0)
        for j in range(links):
            lost = lost + load16(room, at.suffered + j * at.stride + i)
        store(room, loss + i, lost)


@njit(cache=True, error_model="numpy")
def _first_inputs(room: Float32Array, links: int, candidates: int, at: Layout) -> None:
    """Write the first layer's inputs."""
    used = weights = fill16(0.0)
    stride = at.stride
    for n in range(0, stride, 16):
        used = used + load16(room, at.value + n)
        weights = weights + load16(room, at.weight + n)
    mean = total(used) / total(weights)
    for i in range(at.inputs, at.inputs + stride, 16):
        n = i - at.inputs
        potential = load16(room, at.potential + n)
        store(room, i, potential * _QUARTER)
        store(room, i + stride, log1p(load16(room, i + stride)))
        cost = load16(room, i + 2 * stride) * load16(room, at.per_value + n)
        store(room, i + 2 * stride, log1p(cost) * _HALF)
        store(room, i + 3 * stride, (potential - mean) * _QUARTER)
        store(room, i + 4 * stride, log1p(load16(room, at.weight + n) - _ONE))
    for n in range(STATIC_FEATURES - 1):
        expand(room, at.inputs + n * stride, links, at.features + n * at.row, candidates)
    size = fill16(np.float32(log(links) / 4.0))
    for m in range(at.features + 5 * at.row, at.features + 5 * at.row + at.lanes, 16):
        store(room, m, size)
