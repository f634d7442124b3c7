"""Subband gains of propagation paths."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from sim.channel import subband_gain
from sim.deadline import InputError

RNG = np.random.default_rng(5)
SHAPE = (3, 2, 4, 5)  # time, rx, tx, path
A = RNG.normal(size=SHAPE) + 1j * RNG.normal(size=SHAPE)
DELAY_S = RNG.uniform(0, 2e-6, SHAPE)


def test_against_a_plain_loop() -> None:
    bandwidth_hz, subbands, tones = 10e6, 3, 4
    gain = subband_gain(A, DELAY_S, bandwidth_hz=bandwidth_hz, subbands=subbands, tones=tones)
    assert gain.shape == (3, subbands, 2, 4)
    for n, s, rx, tx in np.ndindex(gain.shape):
        mean = 0.0
        for tone in range(tones):
            f = -bandwidth_hz / 2 + (s + (tone + 0.5) / tones) * bandwidth_hz / subbands
            h = sum(
                A[n, rx, tx, p] * cmath.exp(-2j * math.pi * f * DELAY_S[n, rx, tx, p])
                for p in range(SHAPE[3])
            )
            mean += abs(h) ** 2 / tones
        assert gain[n, s, rx, tx] == pytest.approx(mean, rel=1e-9)


def test_one_path_is_as_strong_on_every_subband() -> None:
    gain = subband_gain(A[..., :1], DELAY_S[..., :1], bandwidth_hz=20e6, subbands=4)
    assert gain == pytest.approx(np.broadcast_to(abs(A[:, None, ..., 0]) ** 2, gain.shape))


def test_many_tones_give_the_mean_over_a_continuous_band() -> None:
    # Two paths: 1 + a^2 + 2 a sinc(B d) around the carrier.
    a, apart_s, bandwidth_hz = 0.5, 80e-9, 20e6
    gain = subband_gain(
        np.array([1.0, a]).reshape(1, 1, 1, 2),
        np.array([0.0, apart_s]),
        bandwidth_hz=bandwidth_hz,
        subbands=1,
        tones=1000,
    )
    assert gain.item() == pytest.approx(
        1 + a * a + 2 * a * np.sinc(bandwidth_hz * apart_s), rel=1e-5
    )


def test_delays_that_do_not_change_and_where_they_count_from() -> None:
    kept = subband_gain(A, DELAY_S[0], bandwidth_hz=5e6, subbands=2)
    written_out = np.broadcast_to(DELAY_S[:1], SHAPE) + 3e-6
    assert kept == pytest.approx(subband_gain(A, written_out, bandwidth_hz=5e6, subbands=2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amplitude": A[0]}, r"amplitude: has shape \(2, 4, 5\), want \(time, rx, tx, path\)"),
        ({"delay_s": DELAY_S[..., :4]}, r"delay_s: has shape \(3, 2, 4, 4\), want \(3, 2, 4, 5\)"),
        ({"bandwidth_hz": 0.0}, "bandwidth_hz: 0.0"),
        ({"subbands": 0}, "subbands: 0"),
        ({"tones": 0}, "tones: 0"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, object], says: str) -> None:
    given = {"amplitude": A, "delay_s": DELAY_S, "bandwidth_hz": 1e6, "subbands": 2, **change}
    with pytest.raises(InputError, match=says):
        subband_gain(**given)  # type: ignore[arg-type]
