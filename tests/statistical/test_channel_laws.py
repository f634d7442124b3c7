"""Laws of the random channels. Seeds are fixed; each comment gives the chance of a false alarm.

`within` compares a sample mean with its expectation at 5.3 standard errors: 1.2e-7 a comparison.
"""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import j0

from sim.channel import (
    GaussMarkov,
    GeometricChannel,
    Iid,
    ImacChannel,
    Jakes,
    RayleighChannel,
    RicianChannel,
)
from sim.channel.hexagons import points_in_hexagon

NO_FADING = 1e14


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def within(samples: np.ndarray, mean: float) -> bool:
    error = np.std(samples) / math.sqrt(samples.size)
    return bool(abs(np.mean(samples) - mean) < 5.3 * error)


# Autocorrelation: over the ensemble (entries are independent), at lags within a piece, across
# pieces, across the restart of the recurrence; from a slot that is not the first. Real part: r(n),
# imaginary part: 0. 16 + 18 comparisons for each case, so < 5e-6 in all.


@pytest.mark.parametrize("rho", [0.95, 0.3, -0.4])
def test_gauss_markov_autocorrelation(rho):
    h = GaussMarkov(rho).start((20_000,), rng(1)).block(120)
    for start in (0, 59):
        for lag in (1, 2, 5, 60):
            product = h[start] * h[start + lag].conj()
            assert within(product.real, rho**lag), (start, lag)
            assert within(product.imag, 0.0), (start, lag)


@pytest.mark.parametrize("oscillators", [32, 4])
def test_jakes_autocorrelation_is_j0(oscillators):
    turns = 0.02
    h = Jakes(turns, 1.0, oscillators).start((20_000,), rng(2)).block(300)
    for start in (0, 250):
        for lag in (1, 5, 12, 19, 40):  # 19: J0's first zero
            product = h[start] * h[start + lag].conj()
            assert within(product.real, float(j0(2 * math.pi * turns * lag))), (start, lag)
            assert within(product.imag, 0.0), (start, lag)
    far = h[3] * h[280].conj()
    assert within(far.real, float(j0(2 * math.pi * turns * 277)))


def test_gauss_markov_from_doppler_meets_jakes_at_one_slot():
    h = GaussMarkov.from_doppler(70.0, 1e-3).start((40_000,), rng(3)).block(2)
    assert within((h[0] * h[1].conj()).real, float(j0(2 * math.pi * 0.07)))


# Kolmogorov-Smirnov at p = 1e-6: that is its chance of a false alarm.


@pytest.mark.parametrize("evolution", [Iid(), GaussMarkov(0.9)], ids=repr)
def test_rayleigh_gain_is_exponential(evolution):
    # 400 independent entries a slot; slots 99 apart are independent, or nearly (0.9^99 = 3e-5)
    gain = RayleighChannel(20, 1, evolution, rng(4)).block(9901)[::99]
    assert within(gain, 1.0)
    assert stats.kstest(gain.ravel(), "expon").pvalue > 1e-6


@pytest.mark.parametrize("oscillators", [32, 6])
def test_jakes_gain_is_nearly_exponential(oscillators):
    gain = RayleighChannel(200, 1, Jakes(0.05, 1.0, oscillators), rng(5)).block(70)
    assert within(gain[0], 1.0)
    assert within(gain[69], 1.0)
    assert within(gain[69] ** 2, 2 - 1 / oscillators)
    if oscillators == 32:
        # 40,000 samples: P(D > 0.0145 from noise) = 2 exp(-2 n D^2) = 1e-7, and the law itself
        # is 0.004 off.
        assert stats.kstest(gain[69].ravel(), "expon").statistic < 0.0185


def test_entries_are_independent():
    make = [RayleighChannel(2, 2, Jakes(0.3, 1.0), rng(seed)) for seed in range(3000)]
    excess = np.array([channel.block(1).ravel() for channel in make]) - 1
    # 28 pairs at 5.3 standard errors: 3e-6
    for a in range(8):
        for b in range(a):
            assert within(excess[:, a] * excess[:, b], 0.0), (a, b)


def test_iid_slots_are_independent():
    gain = RayleighChannel(100, 1, Iid(), rng(7)).block(130)
    for start in (0, 63, 64):
        assert within((gain[start] - 1) * (gain[start + 1] - 1), 0.0)


@pytest.mark.parametrize("k", [0.0, 1.0, 6.0])
@pytest.mark.parametrize(
    "evolution", [Iid(), GaussMarkov(0.9), Jakes(0.2, 1.0)], ids=lambda e: type(e).__name__
)
def test_rician_k_factor(evolution, k):
    gain = RicianChannel(300, 1, k, evolution, rng(8)).block(2)[1]
    assert within(gain, 1.0)
    # Scattered part of M oscillators: E|g|^4 = 2 - 1/M instead of 2.
    fourth = 2 - 1 / evolution.oscillators if isinstance(evolution, Jakes) else 2.0
    assert within(gain**2, (k**2 + 4 * k + fourth) / (k + 1) ** 2)
    if k:
        # Moment estimate, K = s / (1 - s), s^2 = 1 - var/mean^2: its standard deviation over 90,000
        # samples is < 1.2% for these K, Jakes's bias about 1%; 8% is 5.8 deviations: 1e-8.
        s = math.sqrt(1 - np.var(gain) / np.mean(gain) ** 2)
        assert s / (1 - s) == pytest.approx(k, rel=0.08)


def test_points_are_uniform_in_the_hexagon():
    radius, inner = 10.0, 4.0
    points = points_in_hexagon(rng(9), (60_000,), radius, inner)
    area = 2 * math.sqrt(3) * radius**2 - math.pi * inner**2
    r = np.hypot(*points.T)
    for within_m in (5.0, 7.0, 9.0, 10.0):
        share = math.pi * (within_m**2 - inner**2) / area
        assert within(r < within_m, share), within_m
    # Halves, and the corners beyond the inscribed circle, all six alike: 1.2e-7 each.
    assert within(points[:, 0] > 0, 0.5)
    assert within(points[:, 1] > 0, 0.5)
    sector = ((np.arctan2(points[:, 1], points[:, 0]) % (2 * math.pi)) // (math.pi / 3)).astype(int)
    for s in range(6):
        assert within(sector == s, 1 / 6)
        assert within((sector == s) & (r > radius), (1 - share) / 6)


def test_imac_drops_are_uniform_in_every_slot():
    # No fading, no shadowing: the own gain tells the distance.
    channel = ImacChannel(
        3, 6, 1, Iid(), rng(10), radius_m=100, inner_radius_m=20, shadowing_db=0, k_factor=NO_FADING
    )
    gain = channel.block(6000)[:, 0]
    distance = 200 * np.diagonal(gain, axis1=1, axis2=2) ** (-1 / 3)
    share = math.pi * (80**2 - 20**2) / (2 * math.sqrt(3) * 100**2 - math.pi * 20**2)
    for user in range(6):
        assert within(distance[:, user] < 80, share)
    near = (distance < 80) - share
    assert within(near[1:, 0] * near[:-1, 0], 0.0)  # slot to slot
    assert within(near[:, 0] * near[:, 1], 0.0)  # user to user


def test_imac_shadowing():
    channel = ImacChannel(1, 2, 1, Iid(), rng(11), radius_m=100, k_factor=NO_FADING)
    bare = ImacChannel(
        1, 2, 1, Iid(), rng(11), radius_m=100, shadowing_db=0, k_factor=NO_FADING
    )  # same seed: same places
    level_db = 10 * np.log10(channel.block(5000) / bare.block(5000))[:, 0, 0]
    assert stats.kstest(level_db.ravel() / 8, "norm").pvalue > 1e-6
    assert within(level_db[:, 0] * level_db[:, 1], 0.0)
    assert within(level_db[1:] * level_db[:-1], 0.0)


def test_imac_fades_like_rayleigh():
    options = {"radius_m": 100.0, "shadowing_db": 0.0}
    still = ImacChannel(2, 2, 2, Iid(), rng(12), k_factor=NO_FADING, **options).block(10_000)
    fading = ImacChannel(2, 2, 2, Iid(), rng(12), **options).block(10_000) / still
    assert stats.kstest(fading.ravel(), "expon").pvalue > 1e-6


@pytest.mark.parametrize("evolution", [Iid(), GaussMarkov(0.9)], ids=repr)
def test_geometric_shadowing(evolution):
    options = {"side_m": 500.0, "k_factor": NO_FADING}

    def level_db(deviation):
        channel = GeometricChannel(60, 1, evolution, rng(13), shadowing_db=deviation, **options)
        return 10 * np.log10(channel.block(3)[-1, 0])

    shadow_db = level_db(6.0) - level_db(0.0)
    assert stats.kstest(shadow_db.ravel() / 6, "norm").pvalue > 1e-6
    # drawn for each ordered pair: from a to b is not as from b to a
    pairs = np.triu_indices(60, 1)
    assert within((shadow_db * shadow_db.T)[pairs], 0.0)


def test_geometric_pair_distances_are_uniform():
    channel = GeometricChannel(
        4, 1, Iid(), rng(14), side_m=50, pair_distance_min_m=2, pair_distance_max_m=65,
        path_loss_exponent=2, k_factor=NO_FADING,
    )  # fmt: skip
    gain = channel.block(5000)[:, 0]
    distance = np.diagonal(gain, axis1=1, axis2=2) ** -0.5
    assert stats.kstest((distance.ravel() - 2) / 63, "uniform").pvalue > 1e-6


def test_geometric_pairs_anywhere_in_the_square():
    # Both ends uniform in a unit square: mean squared distance 1/3, mean distance 0.5214
    channel = GeometricChannel(
        2, 1, Iid(), rng(15), side_m=1000, path_loss_exponent=2, k_factor=NO_FADING
    )
    distance = channel.block(10_000)[:, 0] ** -0.5 / 1000
    for rx in range(2):
        for tx in range(2):
            assert within(distance[:, rx, tx] ** 2, 1 / 3)
            assert within(distance[:, rx, tx], 0.521405)
