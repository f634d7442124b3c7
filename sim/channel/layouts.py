"""Channels with a geography: terminals dropped at random, path loss, shadowing, fading.

Under `Iid` every slot is an independent drop of everything: positions, shadowing and fading, as
in data sets for learning. Under an evolution with memory, positions and shadowing are drawn once
and only the fading moves. Subbands share the large-scale gains and fade independently.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from sim.channel import checks
from sim.channel.base import Channel
from sim.channel.buffer import SlotBuffer
from sim.channel.evolution import Evolution
from sim.channel.fading import Fading
from sim.channel.hexagons import hexagon_centers, points_in_hexagon
from sim.deadline.errors import InputError
from sim.problem import FloatArray


class _DropChannel(Channel):
    """Large-scale gains from a drop of terminals, times fading.

    Subclasses set what `_drop` needs and then call `_start`.

    Attributes:
        rx_m: receivers' positions in metres, ``(K, 2)``; None under `Iid`, where every slot has
            positions of its own.
        tx_m: transmitters' positions, likewise.
    """

    rx_m: FloatArray | None = None
    tx_m: FloatArray | None = None

    @abstractmethod
    def _drop(self, drops: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Drop terminals: rx_m and tx_m ``(drops, K, 2)``, gains ``(drops, receivers, K)``."""

    def _start(
        self, receivers: int, k_factor: float, evolution: Evolution, rng: np.random.Generator
    ) -> None:
        shape = (self.subbands, receivers, self.links)
        self._fading = Fading(shape, k_factor, evolution, rng)
        self._drops: SlotBuffer[np.float64] | None = None
        if evolution.memoryless:
            self._drops = SlotBuffer((receivers, self.links), np.float64)
        else:
            rx_m, tx_m, self._large_scale = self._drop(1)
            self.rx_m, self.tx_m = rx_m[0], tx_m[0]

    def _fill(self, piece: FloatArray) -> None:
        piece[...] = self._drop(len(piece))[2]

    def _gain(self, slots: int) -> FloatArray:
        """Return the next gains, ``(slots, S, receivers, K)``."""
        drops = self._drops
        large_scale = self._large_scale if drops is None else drops.take(slots, self._fill)
        gain = self._fading.block(slots)
        gain *= large_scale[:, None]
        return gain


class GeometricChannel(_DropChannel):
    """Transmitter-receiver pairs dropped in a square.

    gain = reference_gain max(d, min_distance)^(-path_loss_exponent) 10^(X / 10) |h|^2, with X
    normal, drawn for each (receiver, transmitter), and h Rayleigh or Rician.

    Args:
        links: K, pairs.
        subbands: S.
        evolution: how the fading moves; what `Iid` does to the drop: see the module.
        rng: where everything is drawn from.
        side_m: side of the square. Transmitters are uniform in it.
        pair_distance_min_m: a receiver's distance from its own transmitter is uniform between
            this and `pair_distance_max_m`, its direction random, also out of the square. If both
            are None, receivers are uniform in the square, like transmitters.
        pair_distance_max_m: see `pair_distance_min_m`.
        path_loss_exponent: how fast power falls with distance.
        reference_gain: power gain at 1 m, linear.
        min_distance_m: nearer terminals count as being this far apart.
        shadowing_db: standard deviation of X, in dB.
        k_factor: of Rician fading, linear; 0 is Rayleigh.

    Raises:
        InputError: a number out of its range, or one pair distance without the other.
    """

    def __init__(
        self,
        links: int,
        subbands: int,
        evolution: Evolution,
        rng: np.random.Generator,
        *,
        side_m: float,
        pair_distance_min_m: float | None = None,
        pair_distance_max_m: float | None = None,
        path_loss_exponent: float = 3.0,
        reference_gain: float = 1.0,
        min_distance_m: float = 1.0,
        shadowing_db: float = 0.0,
        k_factor: float = 0.0,
    ) -> None:
        self.links = checks.count("links", links)
        self.subbands = checks.count("subbands", subbands)
        self._side_m = checks.positive("side_m", side_m)
        self._pair_distance_m = _pair_distance(pair_distance_min_m, pair_distance_max_m)
        self._exponent = checks.not_negative("path_loss_exponent", path_loss_exponent)
        self._reference_gain = checks.positive("reference_gain", reference_gain)
        self._min_distance_m = checks.positive("min_distance_m", min_distance_m)
        self._shadowing_db = checks.not_negative("shadowing_db", shadowing_db)
        self._tx_rng, self._rx_rng, self._shadowing_rng, fading_rng = rng.spawn(4)
        self._start(self.links, k_factor, evolution, fading_rng)

    def block(self, slots: int) -> FloatArray:
        """Return the power gains of the next ``slots`` slots, ``(slots, S, K, K)``."""
        return self._gain(slots)

    def _drop(self, drops: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        size = (drops, self.links)
        tx_m = self._tx_rng.uniform(0.0, self._side_m, (*size, 2))
        if self._pair_distance_m is None:
            rx_m = self._rx_rng.uniform(0.0, self._side_m, (*size, 2))
        else:
            distance = self._rx_rng.uniform(*self._pair_distance_m, size)[..., None]
            angle = self._rx_rng.uniform(0.0, 2.0 * np.pi, size)
            rx_m = tx_m + distance * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
        gain = self._reference_gain * path_gain(
            np.maximum(distances_m(rx_m, tx_m), self._min_distance_m), self._exponent
        )
        gain *= shadowing(self._shadowing_rng, gain.shape, self._shadowing_db)
        return rx_m, tx_m, gain


class ImacChannel(_DropChannel):
    """The interfering multiple access channel of Sun et al.: uplinks of a cellular network.

    Hexagonal cells lie in rings around the first, a base station in the middle of each, centres
    2 radius_m apart; the users of a cell are uniform in it, outside inner_radius_m. A link is a
    user: its receiver is the base station of its cell, so rows of one cell are equal, and users of
    one cell interfere with each other too. From user j to a base station at distance d,

        gain = (reference_distance / d)^path_loss_exponent L |h|^2,

    with 10 log10 L ~ N(0, shadowing^2) and h ~ CN(0, 1), L and h one each for every user and base
    station (and subband, for h).

    Source: H. Sun et al., "Learning to optimize", IEEE Trans. Signal Process. 66 (2018), sec. V.

    Args:
        cells: N.
        users: K, of all cells together; user k is in cell k // (K / N).
        subbands: S.
        evolution: how the fading moves; what `Iid` does to the drop: see the module.
        rng: where everything is drawn from.
        radius_m: half the distance between neighbouring base stations: the hexagon's inradius.
        inner_radius_m: no user is nearer than this to its base station; less than the radius.
        shadowing_db: standard deviation of 10 log10 L, in dB.
        path_loss_exponent: how fast power falls with distance.
        reference_distance_m: where the path gain is 1.
        k_factor: of Rician fading, linear; 0, Rayleigh, is the paper's.

    Attributes:
        cell: cell of each user, ``(K,)``.

    Raises:
        InputError: users do not spread evenly over the cells, or a number out of its range.
    """

    def __init__(
        self,
        cells: int,
        users: int,
        subbands: int,
        evolution: Evolution,
        rng: np.random.Generator,
        *,
        radius_m: float,
        inner_radius_m: float = 0.0,
        shadowing_db: float = 8.0,
        path_loss_exponent: float = 3.0,
        reference_distance_m: float = 200.0,
        k_factor: float = 0.0,
    ) -> None:
        self.cells = checks.count("cells", cells)
        self.links = checks.count("users", users)
        self.subbands = checks.count("subbands", subbands)
        if self.links % self.cells:
            raise InputError(f"users: {users!r}, want a multiple of the {cells} cells")
        self._radius_m = checks.positive("radius_m", radius_m)
        self._inner_radius_m = checks.not_negative("inner_radius_m", inner_radius_m)
        if self._inner_radius_m >= self._radius_m:
            raise InputError(f"inner_radius_m: {inner_radius_m!r}, want < radius_m = {radius_m!r}")
        self._shadowing_db = checks.not_negative("shadowing_db", shadowing_db)
        self._exponent = checks.not_negative("path_loss_exponent", path_loss_exponent)
        self._reference_distance_m = checks.positive("reference_distance_m", reference_distance_m)
        self.cell = np.arange(self.links) // (self.links // self.cells)
        self._base_stations_m = hexagon_centers(self.cells, self._radius_m)
        self._user_rng, self._shadowing_rng, fading_rng = rng.spawn(3)
        self._start(self.cells, k_factor, evolution, fading_rng)

    def block(self, slots: int) -> FloatArray:
        """Return the power gains of the next ``slots`` slots, ``(slots, S, K, K)``."""
        return np.take(self._gain(slots), self.cell, axis=2)

    def _drop(self, drops: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        rx_m = self._base_stations_m[self.cell]
        tx_m = rx_m + points_in_hexagon(
            self._user_rng, (drops, self.links), self._radius_m, self._inner_radius_m
        )
        distance = distances_m(self._base_stations_m, tx_m)
        gain = path_gain(distance / self._reference_distance_m, self._exponent)
        gain *= shadowing(self._shadowing_rng, gain.shape, self._shadowing_db)
        return np.broadcast_to(rx_m, tx_m.shape), tx_m, gain


def distances_m(rx_m: FloatArray, tx_m: FloatArray) -> FloatArray:
    """Distance from every transmitter ``(..., T, 2)`` to every receiver ``(..., R, 2)``.

    Returns:
        Metres, ``(..., R, T)``.
    """
    apart = rx_m[..., :, None, :] - tx_m[..., None, :, :]
    distance: FloatArray = np.sqrt(np.square(apart[..., 0]) + np.square(apart[..., 1]))
    return distance


def path_gain(distance: FloatArray, exponent: float) -> FloatArray:
    """Power gain at distances that are in units of the one where it is 1; linear, same shape."""
    gain: FloatArray = distance**-exponent
    return gain


def shadowing(
    rng: np.random.Generator, shape: tuple[int, ...], shadowing_db: float
) -> FloatArray | float:
    """Log-normal power gains, linear: 10 log10 of them is normal with mean 0 and this deviation."""
    if shadowing_db == 0:
        return 1.0
    # 10^(x / 10), one exponential
    gain: FloatArray = np.exp((shadowing_db * np.log(10.0) / 10.0) * rng.standard_normal(shape))
    return gain


def _pair_distance(low: float | None, high: float | None) -> tuple[float, float] | None:
    if low is None and high is None:
        return None
    if low is None or high is None:
        missing = "pair_distance_min_m" if low is None else "pair_distance_max_m"
        raise InputError(f"{missing}: not given, want both pair distances or neither")
    low = checks.not_negative("pair_distance_min_m", low)
    if checks.not_negative("pair_distance_max_m", high) < low:
        raise InputError(f"pair_distance_max_m: {high!r}, want {low!r} (the minimum) or more")
    return low, float(high)
