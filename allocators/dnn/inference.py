"""The network's forward pass, compiled; equal to torch's up to float32 rounding.

Links enter by falling direct magnitude, and answers go back to where they belong. The problem does
not know its links' numbers, and a network that need not learn this either is a far better one:
with the layers, the labels and the loss of the paper, 96% of WMMSE at K = 30 instead of 86%.

Subbands go through in blocks, so that the weights are fetched from memory once a block: with one
subband, that traffic (716 kB at K = 30) is what an answer costs.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from allocators.dnn.network import HIDDEN
from allocators.simd import aligned_zeros
from sim.deadline.models.model_file import Float32Array
from sim.problem import FloatArray

IndexArray = NDArray[np.int64]

BLOCK = 8
"""Subbands at a time."""

_DEPTH = len(HIDDEN)
_WIDTHS = HIDDEN  # a global tuple is a constant to the compiler
_LARGEST = 1e30  # SNRs are cut here: no gain, however absurd, overflows float32 further on


def scratch(links: int) -> tuple[Float32Array, IndexArray]:
    """Return `infer`'s ``room``, for inputs and two layers' values, and its ``order``."""
    widest = -(-max(links * links, *HIDDEN) // 16) * 16
    room = aligned_zeros(3 * BLOCK * widest).reshape(3, BLOCK, widest)
    return room, np.zeros((BLOCK, links), dtype=np.int64)


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def infer(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    alpha: FloatArray,
    packed: Float32Array,
    room: Float32Array,
    order: IndexArray,
    threshold: float,
    power_w: FloatArray,
) -> None:
    """Write the network's answer to every subband into ``power_w``: that of its best member.

    Args:
        gain: ``(S, K, K)``.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        alpha: weights in the sum rate, ``(K,)``; they choose among members, and nothing else.
        packed: the network, from `Network.packed`.
        room: from `scratch`.
        order: room for the links' order, ``(BLOCK, K)``.
        threshold: an output above it means full power, any other none; negative: not rounded.
        power_w: ``(S, K)``, overwritten.
    """
    subbands, links = noise_w.shape
    members = packed.shape[0]
    for first in range(0, subbands, BLOCK):
        rows = min(BLOCK, subbands - first)
        for r in range(rows):
            s = first + r
            _sort_links(gain[s], noise_w[s], p_max_w[s], room[1, r], order[r])
            _magnitudes(gain[s], noise_w[s], p_max_w[s], order[r], room[2, r])
        for m in range(members):
            side = _forward(packed[m], links, rows, room)
            for r in range(rows):
                for k in range(links):
                    share = min(room[side, r, k], np.float32(6.0)) / np.float32(6.0)
                    if threshold >= 0.0:
                        share = np.float32(1.0 if share > threshold else 0.0)
                    room[side, r, k] = share
            for r in range(rows):
                s = first + r
                share_of = room[side, r]
                if m == 0 or _is_better(
                    gain[s], noise_w[s], p_max_w[s], alpha, order[r], share_of, power_w[s]
                ):
                    for k in range(links):
                        link = order[r, k]
                        power_w[s, link] = p_max_w[s, link] * share_of[k]


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def _forward(packed: Float32Array, links: int, rows: int, room: Float32Array) -> int:
    """Take the inputs in ``room[2]`` through one member; return where in ``room`` its outputs are.

    The inputs stay for the next member.
    """
    inputs = links * links
    at = 0
    source, side = 2, 1
    for layer in range(_DEPTH + 1):
        outputs = links if layer == _DEPTH else _WIDTHS[layer]
        weight = packed[at : at + inputs * outputs].reshape(inputs, outputs)
        at += inputs * outputs
        bias = packed[at : at + outputs]
        at += outputs
        _dense(room[source], rows, weight, bias, room[side])
        source, side = side, 1 - side
        inputs = outputs
    return source


@njit(cache=True, error_model="numpy")
def _is_better(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    alpha: FloatArray,
    order: IndexArray,
    share: Float32Array,
    power_w: FloatArray,
) -> bool:
    """Return whether shares, in the links' order, give a higher weighted sum rate than powers.

    A rate that is no number, of gains that overflow, is not better.
    """
    links = noise_w.shape[0]
    rise = 0.0
    for a in range(links):
        k = order[a]
        if alpha[k] == 0.0:
            continue
        new, old = noise_w[k], noise_w[k]
        for b in range(links):
            if b != a:
                j = order[b]
                new += gain[k, j] * p_max_w[j] * share[b]
                old += gain[k, j] * power_w[j]
        new_rate = np.log2(1.0 + gain[k, k] * p_max_w[k] * share[a] / new)
        rise += alpha[k] * (new_rate - np.log2(1.0 + gain[k, k] * power_w[k] / old))
    return rise > 0.0


@njit(cache=True, error_model="numpy")
def _sort_links(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    key: Float32Array,
    order: IndexArray,
) -> None:
    """Write the links' numbers by falling direct magnitude; equals keep their order."""
    for k in range(noise_w.shape[0]):
        here = np.float32(min(gain[k, k] * p_max_w[k] / noise_w[k], _LARGEST))
        at = k
        while at > 0 and key[at - 1] < here:
            key[at] = key[at - 1]
            order[at] = order[at - 1]
            at -= 1
        key[at] = here
        order[at] = k


@njit(cache=True, error_model="numpy")
def _magnitudes(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    order: IndexArray,
    out: Float32Array,
) -> None:
    """Write |h_kj| sqrt(p_max_j / noise_k), row by row: as if noise and power caps were one."""
    links = noise_w.shape[0]
    for row in range(links):
        k = order[row]
        scale = 1.0 / noise_w[k]
        for column in range(links):
            j = order[column]
            out[row * links + column] = np.float32(min(gain[k, j] * p_max_w[j] * scale, _LARGEST))
    for i in range(links * links):  # on its own it runs along memory, several at a time
        out[i] = np.sqrt(out[i])


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _dense(
    x: Float32Array, rows: int, weight: Float32Array, bias: Float32Array, y: Float32Array
) -> None:
    """Write relu(x @ weight + bias) into ``y``, for the first ``rows`` rows.

    Eight inputs at a time: each pass reads and writes ``y`` once for eight multiply-adds.
    """
    inputs, outputs = weight.shape
    for r in range(rows):
        for j in range(outputs):
            y[r, j] = bias[j]
    whole = inputs - inputs % 8
    for i in range(0, whole, 8):
        for r in range(rows):
            a, b, c, d = x[r, i], x[r, i + 1], x[r, i + 2], x[r, i + 3]
            e, f, g, h = x[r, i + 4], x[r, i + 5], x[r, i + 6], x[r, i + 7]
            for j in range(outputs):
                y[r, j] += (
                    a * weight[i, j]
                    + b * weight[i + 1, j]
                    + c * weight[i + 2, j]
                    + d * weight[i + 3, j]
                ) + (
                    e * weight[i + 4, j]
                    + f * weight[i + 5, j]
                    + g * weight[i + 6, j]
                    + h * weight[i + 7, j]
                )
    for i in range(whole, inputs):
        for r in range(rows):
            a = x[r, i]
            for j in range(outputs):
                y[r, j] += a * weight[i, j]
    for r in range(rows):
        for j in range(outputs):
            y[r, j] = max(y[r, j], np.float32(0.0))
