"""The unfolded network's forward pass, compiled; equal to torch's up to float32 rounding.

A lane is a link of a candidate. What happens link by link runs over all lanes, 16 at a time; what
passes between links is a product of a K x K matrix with the candidates' columns. See
`allocators.unfolded.network` for the equations.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import float32, float64, int64, njit, types

from allocators.simd import Float32Array, fill16, load16, maximum, minimum, store, total
from allocators.simd_math import exp, log1p
from allocators.unfolded.instance import FEATURES, STATIC_FEATURES, Layout, layout, read_instance
from allocators.unfolded.lanes import dense, message
from allocators.vector import read_only
from sim.problem import FloatArray

SMALLEST_SHARE = np.float32(1e-6)
SHARE_FLOOR = 64.0  # features see log(p + 1/64)
_TINY = np.float32(1e-9)
_ONE = np.float32(1.0)
_QUARTER, _HALF, _TWO, _FOUR = (np.float32(x) for x in (0.25, 0.5, 2.0, 4.0))
_SCALE, _LOG_SCALE = np.float32(SHARE_FLOOR), np.float32(log(SHARE_FLOOR))
_NO_FLOOR = -3e38


@njit(cache=True, error_model="numpy")
def answer(
    gain: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    candidates: int,
    room: Float32Array,
    at: Layout,
    power_w: FloatArray,
) -> None:
    """Write the best candidate's powers, ``(K,)``; nothing for who has no gain or no weight."""
    links = len(weight)
    best = _best_candidate(room, links, candidates, at)
    for k in range(links):
        share = _ONE
        if best >= candidates:
            share = _ONE if best - candidates == k else np.float32(0.0)
        elif best >= 0:
            share = room[at.flow + k * candidates + best]
        useful = weight[k] > 0.0 and gain[k, k] > 0.0
        power_w[k] = p_max_w[k] * share if useful else 0.0


@njit(cache=True, error_model="numpy")
def _shares(room: Float32Array, at: Layout) -> None:
    """Write the shares of the caps that the state stands for, and what link j tells its victims."""
    proposal, state = at.features + 4 * at.row, at.features + FEATURES * at.row
    for m in range(0, at.lanes, 16):
        y = (load16(room, proposal + m) + load16(room, state + m)) * _FOUR
        share = _ONE / (exp(fill16(0.0) - y) + _ONE)
        store(room, at.flow + m, maximum(share, SMALLEST_SHARE))
        offer = load16(room, state + 2 * at.row + m) * load16(room, at.static + 3 * at.row + m)
        store(room, at.flow + 3 * at.row + m, offer)


@njit(cache=True, error_model="numpy")
def _layer_inputs(room: Float32Array, links: int, candidates: int, at: Layout) -> None:
    """Write a layer's features from the shares and the state."""
    row = at.row
    power, ratio, noise = at.flow, at.flow + row, at.flow + 2 * row
    sent, heard = at.flow + 3 * row, at.flow + 4 * row
    direct, price, alpha = at.static, at.static + row, at.static + 2 * row
    per_value = at.static + 4 * row
    f = at.features
    scale = np.float32(0.5 / sqrt(links))
    message(room, at.inflicted, at.stride, links, sent, f + 7 * row, candidates)
    message(room, at.suffered, at.stride, links, f + (FEATURES + 1) * row, f + 6 * row, candidates)
    message(room, at.received, at.stride, links, power, heard, candidates)
    for m in range(0, at.lanes, 16):
        p, d = load16(room, power + m), load16(room, direct + m)
        interference = load16(room, heard + m)
        noisy = interference + _ONE
        inverse = _ONE / noisy
        sinr = d * p * inverse
        error = _ONE / (sinr + _ONE)
        store(room, noise + m, noisy)
        store(room, ratio + m, sinr * error)
        store(room, sent + m, load16(room, alpha + m) * sinr * inverse * error)
        store(room, f + m, log1p(interference) * _QUARTER)
        store(room, f + row + m, log1p(sinr) * _QUARTER)
        store(room, f + 2 * row + m, log1p(d * inverse) * _QUARTER)
        store(room, f + 5 * row + m, p)
        store(room, f + 6 * row + m, load16(room, f + 6 * row + m) * scale)
        told = load16(room, f + 7 * row + m) * load16(room, per_value + m)
        store(room, f + 7 * row + m, told * scale)
    message(room, at.caused, at.stride, links, sent, heard, candidates)
    for m in range(0, at.lanes, 16):
        damage = load16(room, noise + m) * load16(room, heard + m) * load16(room, price + m)
        step = _ONE / (load16(room, ratio + m) + damage + _TINY)
        proposal = step * step * load16(room, power + m)
        store(room, f + 3 * row + m, log1p(damage) * _HALF)
        level = minimum(log1p(proposal * _SCALE) - _LOG_SCALE, _TWO)
        store(room, f + 4 * row + m, level * _QUARTER)


@njit(cache=True, error_model="numpy")
def wmmse_iteration(room: Float32Array, links: int, candidates: int, at: Layout) -> None:
    """Take one WMMSE iteration on every candidate."""
    row = at.row
    power, ratio, noise = at.flow, at.flow + row, at.flow + 2 * row
    sent, heard = at.flow + 3 * row, at.flow + 4 * row
    direct, price, alpha = at.static, at.static + row, at.static + 2 * row
    message(room, at.received, at.stride, links, power, heard, candidates)
    for m in range(0, at.lanes, 16):
        interference = load16(room, heard + m) + _ONE
        inverse = _ONE / interference
        sinr = load16(room, direct + m) * load16(room, power + m) * inverse
        error = _ONE / (sinr + _ONE)
        store(room, noise + m, interference)
        store(room, ratio + m, sinr * error)
        store(room, sent + m, load16(room, alpha + m) * sinr * inverse * error)
    message(room, at.caused, at.stride, links, sent, heard, candidates)
    for m in range(0, at.lanes, 16):
        damage = load16(room, noise + m) * load16(room, heard + m) * load16(room, price + m)
        step = _ONE / (load16(room, ratio + m) + damage + _TINY)
        store(room, power + m, minimum(step * step * load16(room, power + m), _ONE))


@njit(cache=True, error_model="numpy")
def _best_candidate(room: Float32Array, links: int, candidates: int, at: Layout) -> int:
    """Return the candidate of the highest weighted sum rate.

    Two that cost next to nothing are held against them: -1 is everyone at full power, C + k is
    link k alone. So the answer is never worse than either.
    """
    heard, rates = at.flow + 4 * at.row, at.flow + at.row
    message(room, at.received, at.stride, links, at.flow, heard, candidates)
    rate = fill16(0.0)
    for m in range(0, at.lanes, 16):
        signal = load16(room, at.static + m) * load16(room, at.flow + m)
        sinr = signal / (load16(room, heard + m) + _ONE)
        rate = rate + load16(room, at.static + 2 * at.row + m) * log1p(sinr)
    store(room, rates, rate)
    together = fill16(0.0)
    for i in range(0, at.stride, 16):
        sinr = load16(room, at.direct + i) / (load16(room, at.total + i) + _ONE)
        together = together + load16(room, at.weight + i) * log1p(sinr)
    best, highest = -1, total(together)
    for k in range(links):
        if room[at.value + k] > highest:
            best, highest = candidates + k, room[at.value + k]
    for c in range(candidates):
        own = np.float32(0.0)
        for i in range(c, 16, candidates):
            own += room[rates + i]
        if own > highest:
            best, highest = c, own
    return best


@njit(
    (
        read_only(3),
        read_only(2),
        read_only(2),
        read_only(1),
        types.Array(float32, 1, "C", readonly=True),
        *(int64,) * 5,
        float32[::1],
        float64[:, ::1],
    ),
    cache=True,
    error_model="numpy",
)
def infer(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    weight: FloatArray,
    packed: Float32Array,
    candidates: int,
    layers: int,
    hidden: int,
    state: int,
    polish: int,
    room: Float32Array,
    power_w: FloatArray,
) -> None:
    """Write the network's answer to every subband into ``power_w``.

    Args:
        gain: ``(S, K, K)``.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        weight: ``(K,)``.
        packed: the network, from `Network.packed`.
        candidates: C: 4, 8 or 16.
        layers: how many, after the first.
        hidden: hidden units of a layer, a multiple of 4.
        state: what a layer hands to the next, a multiple of 4.
        polish: WMMSE iterations at the end.
        room: as large as `layout` says; zeros at first, then left as it was for the same sizes.
        power_w: ``(S, K)``, overwritten.
    """
    subbands, links = noise_w.shape
    at = layout(links, candidates, hidden, state)
    states = at.features + FEATURES * at.row
    for s in range(subbands):
        read_instance(gain[s], noise_w[s], p_max_w[s], weight, candidates, room, at)
        w = dense(
            room, at.features, STATIC_FEATURES, at.row, at.lanes, packed, 0, hidden, at.inner, 0.0
        )
        w = dense(room, at.inner, hidden, at.row, at.lanes, packed, w, state, states, _NO_FLOOR)
        for m in range(0, at.lanes, 16):
            store(room, at.features + 4 * at.row + m, fill16(0.0))
        for _ in range(layers):
            _shares(room, at)
            _layer_inputs(room, links, candidates, at)
            w = dense(
                room,
                at.features,
                FEATURES + state,
                at.row,
                at.lanes,
                packed,
                w,
                hidden,
                at.inner,
                0.0,
            )
            w = dense(room, at.inner, hidden, at.row, at.lanes, packed, w, state, states, _NO_FLOOR)
        _shares(room, at)
        for _ in range(polish):
            wmmse_iteration(room, links, candidates, at)
        answer(gain[s], p_max_w[s], weight, candidates, room, at, power_w[s])
