"""The forward passes of our own policies, compiled; equal to torch's up to float32 rounding."""

from __future__ import annotations

import numpy as np
from numba import njit

from sim.deadline.models.model_file import Float32Array
from sim.measurements import INTERFERER, OWN
from sim.problem import FloatArray

_FASTMATH = {"reassoc", "contract", "nsz"}
_OWN, _EACH = len(OWN), len(INTERFERER)  # values of an agent itself, and of each neighbour

#: SNRs are cut here, as the environment cuts what it shows.
LEAST_SNR, MOST_SNR = 1e-10, 1e10


def central_room(links: int, hidden: int, messages: int) -> Float32Array:
    """Return the ``room`` that `act_centrally` works in."""
    return np.zeros(links * (links + 2 * hidden + 3 * messages + 2), np.float32)


@njit(cache=True, fastmath=_FASTMATH, error_model="numpy")
def act_centrally(
    gain: FloatArray,
    noise_w: FloatArray,
    p_max_w: FloatArray,
    packed: Float32Array,
    hidden: int,
    messages: int,
    rounds: int,
    room: Float32Array,
    power_w: FloatArray,
) -> None:
    """Write a central policy's powers for every subband into ``power_w``.

    Args:
        gain: ``(S, K, K)``.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        packed: from `Network.packed`.
        hidden: see `CentralShape`; so are the next two.
        messages: likewise.
        rounds: likewise.
        room: from `central_room`.
        power_w: ``(S, K)``, overwritten.
    """
    subbands, links = noise_w.shape
    width = hidden + messages + 1
    at = links * links
    seen = room[:at].reshape(links, links)
    state = room[at : at + links * width].reshape(links, width)  # h_k, m_k, x_kk
    at += links * width
    new = room[at : at + links * hidden].reshape(links, hidden)
    at += links * hidden
    received = room[at : at + links * messages].reshape(links, messages)
    at += links * messages
    sent = room[at : at + links * messages].reshape(links, messages)
    quarter = np.float32(0.25)
    for s in range(subbands):
        for k in range(links):
            for j in range(links):
                snr = gain[s, k, j] * p_max_w[s, j] / noise_w[s, k]
                snr = min(max(snr, LEAST_SNR), MOST_SNR)
                seen[k, j] = np.float32(0.5 * np.log1p(snr))
        for k in range(links):
            own = seen[k, k]
            state[k, width - 1] = own
            for i in range(hidden):
                state[k, i] = max(packed[i] * own + packed[hidden + i], np.float32(0.0))
        at = 2 * hidden
        for _ in range(rounds):
            receive = packed[at : at + hidden * messages].reshape(hidden, messages)
            at += hidden * messages
            bias = packed[at : at + messages]
            at += messages
            send = packed[at : at + hidden * messages].reshape(hidden, messages)
            at += hidden * messages
            here, there = packed[at : at + messages], packed[at + messages : at + 2 * messages]
            at += 2 * messages
            update = packed[at : at + width * hidden].reshape(width, hidden)
            at += width * hidden
            last = packed[at : at + hidden]
            at += hidden
            for k in range(links):
                received[k] = bias
                sent[k] = np.float32(0.0)
                add_product(state[k], receive, received[k])
                add_product(state[k], send, sent[k])
            for k in range(links):
                pooled = state[k, hidden : hidden + messages]
                pooled[:] = np.float32(0.0)
                for j in range(links):
                    if j != k:
                        to_here, from_here = seen[k, j], seen[j, k]
                        for m in range(messages):
                            value = received[k, m] + sent[j, m]
                            value += to_here * here[m] + from_here * there[m]
                            pooled[m] += max(value, np.float32(0.0))
                for m in range(messages):
                    pooled[m] *= quarter
            for k in range(links):
                new[k] = last
                add_product(state[k], update, new[k])
            for k in range(links):
                for i in range(hidden):
                    state[k, i] = max(new[k, i], np.float32(0.0))
        best, highest = 0, np.float32(-np.inf)
        for k in range(links):
            level = packed[at + hidden]
            for i in range(hidden):
                level += packed[at + i] * state[k, i]
            power_w[s, k] = p_max_w[s, k] if level > 0.0 else 0.0
            if level > highest:
                best, highest = k, level
        power_w[s, best] = p_max_w[s, best]


@njit(cache=True, fastmath=_FASTMATH)
def add_product(x: Float32Array, weight: Float32Array, y: Float32Array) -> None:
    """Add ``x @ weight`` to ``y``, over as many of x's values as the weight has rows.

    Four rows at a time: each pass reads and writes ``y`` once for four multiply-adds.
    """
    inputs, outputs = weight.shape
    whole = inputs - inputs % 4
    for i in range(0, whole, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(outputs):
            y[j] += (a * weight[i, j] + b * weight[i + 1, j]) + (
                c * weight[i + 2, j] + d * weight[i + 3, j]
            )
    for i in range(whole, inputs):
        a = x[i]
        for j in range(outputs):
            y[j] += a * weight[i, j]


def local_room(hidden: int) -> Float32Array:
    """Return the ``room`` that `act_locally` works in."""
    return np.zeros((3, _OWN + 4 * hidden + 2 * _EACH), np.float32)


@njit(cache=True, fastmath=_FASTMATH)
def act_locally(
    seen: Float32Array,
    p_max_w: FloatArray,
    packed: Float32Array,
    hidden: int,
    neighbours: int,
    room: Float32Array,
    power_w: FloatArray,
) -> None:
    """Write the powers that K transmitters choose by themselves into ``power_w``.

    Args:
        seen: what each observes, ``(K, S n)``.
        p_max_w: ``(S, K)``.
        packed: from `Network.packed`.
        hidden: see `LocalShape`; so is the next.
        neighbours: likewise.
        room: from `local_room`.
        power_w: ``(S, K)``, overwritten.
    """
    subbands, links = p_max_w.shape
    inputs = seen.shape[1] // subbands
    encoder = (_EACH + _OWN + 1) * hidden
    at = 2 * encoder
    width = _OWN + 4 * hidden + 2 * _EACH
    second = packed[at : at + width * hidden].reshape(width, hidden)
    at += width * hidden
    second_bias = packed[at : at + hidden]
    at += hidden
    third = packed[at : at + hidden * hidden].reshape(hidden, hidden)
    at += hidden * hidden
    third_bias = packed[at : at + hidden]
    at += hidden
    pooled, inner, outer = room[0], room[1, :hidden], room[2, :hidden]
    for s in range(subbands):
        for k in range(links):
            own = seen[k, s * inputs : s * inputs + _OWN]
            pooled[:_OWN] = own
            first = s * inputs + _OWN
            for side in range(2):
                start, to = side * encoder, _OWN + side * (2 * hidden + _EACH)
                _pool(
                    seen[k, first : first + neighbours * _EACH], own,
                    packed[start : start + encoder], inner,
                    pooled[to : to + hidden], pooled[to + hidden : to + 2 * hidden],
                    pooled[to + 2 * hidden : to + 2 * hidden + _EACH],
                )  # fmt: skip
                first += neighbours * _EACH
            inner[:] = second_bias
            add_product(pooled, second, inner)
            for i in range(hidden):
                inner[i] = max(inner[i], np.float32(0.0))
            outer[:] = third_bias
            add_product(inner, third, outer)
            level = packed[at + hidden]
            for i in range(hidden):
                level += packed[at + i] * max(outer[i], np.float32(0.0))
            power_w[s, k] = p_max_w[s, k] if level > 0.0 else 0.0


@njit(cache=True, fastmath=_FASTMATH)
def _pool(
    neighbours: Float32Array,
    own: Float32Array,
    packed: Float32Array,
    base: Float32Array,
    total: Float32Array,
    largest: Float32Array,
    best: Float32Array,
) -> None:
    """Write what is known of all neighbours together.

    Args:
        neighbours: their values, one after the other.
        own: the agent's own values.
        packed: the encoder.
        base: room, ``(hidden,)``.
        total: a quarter of the sum of what the encoder makes of each, overwritten.
        largest: the largest of it, unit by unit, overwritten.
        best: the values of the one whose own gain is the largest, overwritten.
    """
    hidden = len(total)
    weight = packed[: (_EACH + _OWN) * hidden].reshape(_EACH + _OWN, hidden)
    base[:] = packed[(_EACH + _OWN) * hidden :]
    add_product(own, weight[_EACH:], base)
    total[:] = np.float32(0.0)
    largest[:] = np.float32(0.0)
    best[:] = np.float32(0.0)
    highest = np.float32(-np.inf)
    for first in range(0, len(neighbours), _EACH):
        a, b = neighbours[first], neighbours[first + 1]
        c, d = neighbours[first + 2], neighbours[first + 3]
        if a == 0.0 and b == 0.0 and c == 0.0 and d == 0.0:
            continue
        if c > highest:
            highest = c
            best[0], best[1], best[2], best[3] = a, b, c, d
        for i in range(hidden):
            value = base[i] + (a * weight[0, i] + b * weight[1, i])
            value += c * weight[2, i] + d * weight[3, i]
            value = max(value, np.float32(0.0))
            total[i] += np.float32(0.25) * value
            largest[i] = max(largest[i], value)
