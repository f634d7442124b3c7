"""How a sequence is cut into blocks changes nothing, to the bit; the seed decides everything."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.channel import (
    Channel,
    Evolution,
    GaussMarkov,
    GeometricChannel,
    Iid,
    ImacChannel,
    Jakes,
    RayleighChannel,
    RicianChannel,
    TraceChannel,
    write_trace,
)
from sim.channel.buffer import LONGEST_PIECE, piece_slots
from sim.channel.evolution import _RESTART_SLOTS

EVOLUTIONS: list[Evolution] = [Iid(), GaussMarkov(0.9), Jakes(70.0, 1e-3, oscillators=5)]
CHANNELS: dict[str, Callable[[Evolution, np.random.Generator], Channel]] = {
    "rayleigh": lambda ev, rng: RayleighChannel(3, 2, ev, rng),
    "rician": lambda ev, rng: RicianChannel(3, 2, 4.0, ev, rng),
    "geometric": lambda ev, rng: GeometricChannel(
        3, 2, ev, rng, side_m=100, pair_distance_min_m=2, pair_distance_max_m=9, shadowing_db=6
    ),
    "imac": lambda ev, rng: ImacChannel(3, 6, 2, ev, rng, radius_m=100, inner_radius_m=60),
}
# Longer than two pieces, so that cuts fall inside pieces, on their edges and across them.
CUTS = st.lists(st.integers(0, LONGEST_PIECE + 3), min_size=1, max_size=5)


def in_blocks(channel: Channel, cuts: Sequence[int]) -> np.ndarray:
    return np.concatenate([channel.block(n) for n in cuts])


@pytest.mark.parametrize("evolution", EVOLUTIONS, ids=repr)
@pytest.mark.parametrize("kind", CHANNELS)
@settings(max_examples=25, deadline=None)
@given(cuts=CUTS, seed=st.integers(0, 2**32))
def test_the_cut_changes_nothing(kind, evolution, cuts, seed):
    whole = CHANNELS[kind](evolution, np.random.default_rng(seed)).block(sum(cuts))
    cut = in_blocks(CHANNELS[kind](evolution, np.random.default_rng(seed)), cuts)
    assert whole.shape == (sum(cuts), 2, whole.shape[2], whole.shape[2])
    assert whole.flags.c_contiguous
    assert whole.dtype == np.float64
    assert np.array_equal(whole, cut)
    assert np.all(np.isfinite(whole))
    assert np.all(whole >= 0)


@pytest.mark.parametrize("evolution", EVOLUTIONS, ids=repr)
@settings(max_examples=25, deadline=None)
@given(cuts=CUTS, shape=st.sampled_from([(), (7,), (2, 3), (90, 100)]))
def test_the_cut_of_a_process_changes_nothing(evolution, cuts, shape):
    # (90, 100) has pieces of 16 slots
    whole = evolution.start(shape, np.random.default_rng(5)).block(sum(cuts))
    process = evolution.start(shape, np.random.default_rng(5))
    assert whole.shape == (sum(cuts), *shape)
    assert whole.dtype == np.complex128
    assert np.array_equal(whole, np.concatenate([process.block(n) for n in cuts]))


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("trace") / "trace.h5"
    # 20,000 values a slot: pieces of 13 slots
    gain = np.random.default_rng(3).random((70, 2, 100, 100))
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    return path, gain


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 23), min_size=1, max_size=3))
def test_the_cut_of_a_trace_changes_nothing(trace, cuts):
    path, gain = trace
    channel = TraceChannel(path, 1e-3, 70)
    assert np.array_equal(in_blocks(channel, cuts), gain[: sum(cuts)])
    channel.close()


@pytest.mark.parametrize("kind", CHANNELS)
def test_another_seed_is_another_channel(kind):
    make = CHANNELS[kind]
    same = [make(Iid(), np.random.default_rng(1)).block(3) for _ in range(2)]
    other = make(Iid(), np.random.default_rng(2)).block(3)
    assert np.array_equal(*same)
    assert not np.any(same[0] == other)


def test_kinds_of_draws_do_not_disturb_each_other():
    """Fading or shadowing of another kind leaves the terminals where they are."""

    def at(**options: float) -> np.ndarray:
        rng = np.random.default_rng(4)
        channel = GeometricChannel(5, 1, GaussMarkov(0.5), rng, side_m=50, **options)
        assert channel.tx_m is not None
        assert channel.rx_m is not None
        return np.concatenate((channel.tx_m, channel.rx_m))

    assert np.array_equal(at(), at(shadowing_db=8, k_factor=3))


def test_pieces_divide_the_restart_period():
    sizes = [piece_slots(values) for values in (1, 100, 4096, 5000, 100_000, 10**7)]
    assert sizes == [64, 64, 64, 32, 2, 1]
    assert all(a % b == 0 for a, b in pairwise([_RESTART_SLOTS, *sizes]))
