"""Layouts, with fading silenced by a huge K factor: what is left is geometry."""

import math

import numpy as np
import pytest

from sim.channel import GaussMarkov, GeometricChannel, Iid, ImacChannel, RayleighChannel
from sim.channel.hexagons import hexagon_centers, points_in_hexagon
from sim.deadline.errors import InputError

NO_FADING = 1e14  # K factor: |h|^2 is within 1e-6 of 1
STILL = GaussMarkov(1.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def test_geometric_path_loss():
    channel = GeometricChannel(
        6, 2, STILL, rng(), side_m=40, path_loss_exponent=3.7, reference_gain=1e-4,
        min_distance_m=10, k_factor=NO_FADING,
    )  # fmt: skip
    gain = channel.block(3)
    clipped = 0
    for i in range(6):
        for j in range(6):
            d = apart(channel.rx_m[i], channel.tx_m[j])
            clipped += d < 10
            want = 1e-4 * max(d, 10) ** -3.7
            assert gain[:, :, i, j] == pytest.approx(np.full((3, 2), want), rel=1e-5)
    assert 0 < clipped < 36


@pytest.mark.parametrize("links", [1, 300])
def test_geometric_positions(links):
    channel = GeometricChannel(
        links, 1, STILL, rng(), side_m=50, pair_distance_min_m=2, pair_distance_max_m=8
    )
    assert channel.tx_m.shape == channel.rx_m.shape == (links, 2)
    assert np.all((channel.tx_m >= 0) & (channel.tx_m <= 50))
    distance = np.hypot(*(channel.tx_m - channel.rx_m).T)
    assert np.all((distance >= 2) & (distance <= 8))


def test_subbands_share_the_large_scale_and_fade_apart():
    options = {"side_m": 50.0, "shadowing_db": 8.0}
    still = GeometricChannel(4, 3, Iid(), rng(), k_factor=NO_FADING, **options).block(5)
    assert still[:, 1:] == pytest.approx(np.broadcast_to(still[:, :1], (5, 2, 4, 4)), rel=1e-5)
    moving = GeometricChannel(4, 3, Iid(), rng(), **options).block(5)
    assert not np.any(moving[:, 0] == moving[:, 1])


@pytest.mark.parametrize("kind", ["geometric", "imac"])
def test_iid_drops_anew_and_memory_stays(kind):
    def make(evolution):
        if kind == "imac":
            return ImacChannel(3, 6, 1, evolution, rng(), radius_m=100, k_factor=NO_FADING)
        return GeometricChannel(
            6, 1, evolution, rng(), side_m=50, shadowing_db=3, k_factor=NO_FADING
        )

    anew = make(Iid())
    assert anew.rx_m is None
    assert anew.tx_m is None
    gain = anew.block(100)
    assert len(np.unique(gain[:, 0, 0, 0].round(12))) == 100
    stays = make(GaussMarkov(0.5))
    assert stays.rx_m.shape == stays.tx_m.shape == (6, 2)
    gain = stays.block(100)
    assert gain == pytest.approx(np.broadcast_to(gain[:1], gain.shape), rel=1e-5)


def test_three_cells_touch_each_other_and_seven_make_a_ring():
    centers = hexagon_centers(19, 50.0)
    for a in range(3):
        for b in range(a):
            assert apart(centers[a], centers[b]) == pytest.approx(100.0)
    ring = np.hypot(*centers.T)
    assert ring[0] == 0
    assert ring[1:7] == pytest.approx(np.full(6, 100.0))
    assert ring[7:] == pytest.approx(np.tile([200.0, 100.0 * math.sqrt(3)], 6))
    # a lattice: no two centres nearer than neighbours are
    all_pairs = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    assert all_pairs[~np.eye(19, dtype=bool)].min() == pytest.approx(100.0)


def test_hexagon_points_lie_between_the_disc_and_the_edges():
    points = points_in_hexagon(rng(), (50, 400), 10.0, 9.0)
    assert points.shape == (50, 400, 2)
    assert np.hypot(points[..., 0], points[..., 1]).min() >= 9.0
    angles = np.arange(6) * math.pi / 3
    reach = points @ np.array([np.cos(angles), np.sin(angles)])
    assert reach.max() <= 10.0 + 1e-9


def test_imac_geometry():
    channel = ImacChannel(
        7, 21, 2, STILL, rng(), radius_m=100, inner_radius_m=30, shadowing_db=0, k_factor=NO_FADING
    )
    gain = channel.block(2)
    assert gain.shape == (2, 2, 21, 21)
    assert channel.cell.tolist() == [c for c in range(7) for _ in range(3)]
    stations = hexagon_centers(7, 100.0)
    for i in range(21):
        assert np.array_equal(channel.rx_m[i], stations[i // 3])
        own = [apart(channel.tx_m[i], station) for station in stations]
        # its own base station is the nearest: that is what a hexagon is
        assert int(np.argmin(own)) == i // 3
        assert 30 <= min(own) <= 200 / math.sqrt(3) + 1e-9
        for j in range(21):
            want = (200 / apart(channel.rx_m[i], channel.tx_m[j])) ** 3
            assert gain[:, :, i, j] == pytest.approx(np.full((2, 2), want), rel=1e-5)


@pytest.mark.parametrize("evolution", [Iid(), GaussMarkov(0.9)])
def test_imac_rows_of_a_cell_are_equal(evolution):
    gain = ImacChannel(3, 12, 2, evolution, rng(), radius_m=100).block(70)
    by_cell = gain.reshape(70, 2, 3, 4, 12)
    assert np.array_equal(by_cell, np.broadcast_to(by_cell[:, :, :, :1], by_cell.shape))
    assert not np.any(by_cell[:, :, 0] == by_cell[:, :, 1])


GEOMETRIC = {"side_m": 50.0}
IMAC = {"radius_m": 100.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RayleighChannel(0, 1, Iid(), rng()), "links: 0, want an integer"),
        (lambda: RayleighChannel(2, -1, Iid(), rng()), "subbands: -1, want an integer"),
        (lambda: GeometricChannel(2, 1, Iid(), rng(), side_m=0), "side_m: 0, want"),
        (lambda: GeometricChannel(2, 1, Iid(), rng(), k_factor=-1, **GEOMETRIC), "k_factor: -1"),
        (
            lambda: GeometricChannel(2, 1, Iid(), rng(), pair_distance_min_m=3, **GEOMETRIC),
            "pair_distance_max_m: not given, want both",
        ),
        (
            lambda: GeometricChannel(
                2, 1, Iid(), rng(), pair_distance_min_m=3, pair_distance_max_m=2, **GEOMETRIC
            ),
            "pair_distance_max_m: 2, want 3.0",
        ),
        (lambda: GeometricChannel(2, 1, Iid(), rng(), min_distance_m=0, **GEOMETRIC), "min_dist"),
        (lambda: GeometricChannel(2, 1, Iid(), rng(), shadowing_db=-1, **GEOMETRIC), "shadowing"),
        (
            lambda: GeometricChannel(2, 1, Iid(), rng(), reference_gain=math.nan, **GEOMETRIC),
            "reference_gain: nan, want",
        ),
        (
            lambda: ImacChannel(3, 10, 1, Iid(), rng(), **IMAC),
            "users: 10, want a multiple of the 3",
        ),
        (lambda: ImacChannel(3, 9, 1, Iid(), rng(), radius_m=-5), "radius_m: -5, want"),
        (
            lambda: ImacChannel(3, 9, 1, Iid(), rng(), inner_radius_m=100, **IMAC),
            "inner_radius_m: 100, want < radius_m = 100",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
