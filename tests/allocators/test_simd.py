"""Vectors as values in compiled code, against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from allocators import simd
from allocators.simd import load16, maximum, minimum, store
from allocators.simd_math import exp, log1p
from allocators.unfolded.lanes import dense, expand, message, pack_dense


@njit
def _map_log1p(x, y):
    for i in range(0, x.size, 16):
        store(y, i, log1p(load16(x, i)))


@njit
def _map_exp(x, y):
    for i in range(0, x.size, 16):
        store(y, i, exp(load16(x, i)))


@njit
def _arithmetic(x, y, out):
    a, b = load16(x, 0), load16(y, 0)
    store(out, 0, (a + 2.0) * b - a / b)
    store(out, 16, maximum(a, b))
    store(out, 32, minimum(a, 0.5))
    store(out, 48, 1.0 - a)


@njit
def _rearranged(x, out):
    store(out, 0, simd.repeat2(x, 1))
    store(out, 16, simd.repeat4(x, 1))
    store(out, 32, simd.tile4(x, 1))
    store(out, 48, simd.tile8(x, 1))
    store(out, 64, simd.spread16(x, 3))
    store(out, 80, simd.fill16(7.0))


@njit
def _rounded(x, out):
    store(out, 0, simd.single(simd.double4(x, 0) * 2.0))


@njit
def _summed(x):
    return simd.total(load16(x, 0))


@njit
def _transposed(x, stride, to):
    simd.transpose4(x, 0, stride, to)


def test_log1p_is_accurate_however_small_its_argument() -> None:
    x = np.concatenate(([0.0], np.geomspace(1e-30, 1e30, 2047))).astype(np.float32)
    y = np.empty_like(x)
    _map_log1p(x, y)
    expected = np.log1p(x.astype(np.float64))
    # four units in the last place of single precision
    np.testing.assert_allclose(y, expected, rtol=4 * 2.0**-23, atol=0)


def test_exp_is_accurate_and_bounded() -> None:
    x = np.linspace(-86, 86, 2048).astype(np.float32)
    y = np.empty_like(x)
    _map_exp(x, y)
    np.testing.assert_allclose(y, np.exp(x.astype(np.float64)), rtol=8 * 2.0**-23)
    extreme = np.array([-1e30, 1e30, -np.inf, np.inf] * 4, dtype=np.float32)
    y = np.empty_like(extreme)
    _map_exp(extreme, y)
    assert np.all(np.isfinite(y))


def test_arithmetic_mixes_vectors_and_scalars() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 2.0, (2, 16)).astype(np.float32)
    out = np.empty(64, dtype=np.float32)
    _arithmetic(x, y, out)
    np.testing.assert_allclose(out[:16], (x + 2) * y - x / y, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(out[16:32], np.maximum(x, y))
    np.testing.assert_array_equal(out[32:48], np.minimum(x, np.float32(0.5)))
    np.testing.assert_array_equal(out[48:], np.float32(1.0) - x)


def test_a_bound_on_the_right_wins_over_nan() -> None:
    out = np.empty(64, dtype=np.float32)
    _arithmetic(np.full(16, np.nan, np.float32), np.ones(16, np.float32), out)
    assert np.all(out[16:32] == 1.0)
    assert np.all(out[32:48] == 0.5)


def test_loads_rearrange() -> None:
    x = np.arange(20, dtype=np.float32)
    out = np.empty(96, dtype=np.float32)
    _rearranged(x, out)
    np.testing.assert_array_equal(out[:16], np.repeat(x[1:3], 8))
    np.testing.assert_array_equal(out[16:32], np.repeat(x[1:5], 4))
    np.testing.assert_array_equal(out[32:48], np.tile(x[1:5], 4))
    np.testing.assert_array_equal(out[48:64], np.tile(x[1:9], 2))
    assert np.all(out[64:80] == 3.0)
    assert np.all(out[80:] == 7.0)


def test_doubles_are_rounded_after_the_arithmetic() -> None:
    out = np.empty(4, dtype=np.float32)
    _rounded(np.array([1e300, 1e-3, 0.0, 3.0]), out)
    np.testing.assert_array_equal(out, np.array([np.inf, 2e-3, 0.0, 6.0], dtype=np.float32))


def test_lanes_are_summed() -> None:
    x = np.arange(1, 17, dtype=np.float32)
    assert _summed(x) == 136.0


def test_a_block_is_transposed() -> None:
    room = np.zeros(80, dtype=np.float32)
    room[:40] = np.arange(40)
    _transposed(room, 8, 40)
    before, after = room[:32].reshape(4, 8)[:, :4], room[40:72].reshape(4, 8)[:, :4]
    np.testing.assert_array_equal(after, before.T)


@given(links=st.integers(1, 40), candidates=st.sampled_from([4, 8, 16]), seed=st.integers(0, 99))
def test_a_message_is_a_matrix_product(links: int, candidates: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stride, rows = -(-links // 16) * 16, -(-links // 8) * 8
    matrix = np.zeros((links, stride), dtype=np.float32)
    matrix[:, :links] = rng.standard_normal((links, links))
    x = rng.standard_normal((rows, candidates)).astype(np.float32)
    room = np.concatenate([matrix.ravel(), x.ravel(), np.zeros(rows * candidates, np.float32)])
    at_x, at_out = matrix.size, matrix.size + x.size
    message(room, 0, stride, links, at_x, at_out, candidates)
    out = room[at_out:].reshape(rows, candidates)[:links]
    np.testing.assert_allclose(out, matrix[:, :links].T @ x[:links], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("candidates", [4, 8, 16])
def test_a_link_is_spread_over_its_candidates(candidates: int) -> None:
    room = np.zeros(16 + 8 * candidates, dtype=np.float32)
    room[:5] = np.arange(1, 6)
    expand(room, 0, 5, 16, candidates)
    found = room[16:].reshape(8, candidates)
    np.testing.assert_array_equal(found[:5], np.repeat([np.arange(1, 6)], candidates, 0).T)


@given(
    inputs=st.integers(1, 20),
    outputs=st.sampled_from([4, 8, 16]),
    spans=st.integers(1, 4),
    candidates=st.sampled_from([1, 4, 8, 16]),
    floor=st.sampled_from([0.0, -3e38]),
)
def test_a_dense_layer_is_one(
    inputs: int, outputs: int, spans: int, candidates: int, floor: float
) -> None:
    rng = np.random.default_rng(inputs)
    lanes, row = 32 * spans, 32 * spans + 8
    weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
    bias = rng.standard_normal((outputs, candidates)).astype(np.float32)
    x = rng.standard_normal((inputs, row)).astype(np.float32)
    room = np.concatenate([x.ravel(), np.zeros(outputs * row, np.float32)])
    packed = np.concatenate([np.zeros(3, np.float32), pack_dense(weight, bias)])
    end = dense(room, 0, inputs, row, lanes, packed, 3, outputs, x.size, floor)
    assert end == packed.size
    y = room[x.size :].reshape(outputs, row)
    expected = np.maximum(weight @ x[:, :lanes] + np.tile(bias, lanes // candidates), floor)
    np.testing.assert_allclose(y[:, :lanes], expected, rtol=1e-4, atol=1e-4)
    assert np.all(y[:, lanes:] == 0.0)
