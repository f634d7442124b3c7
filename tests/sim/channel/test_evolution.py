import math

import numpy as np
import pytest
from scipy.special import j0

from sim.channel import GaussMarkov, Iid, Jakes, doppler_hz
from sim.deadline.errors import InputError


def test_doppler():
    # 3 km/h at 2.5 GHz: the textbook's 7 Hz
    assert doppler_hz(3 / 3.6, 2.5e9) == pytest.approx(6.949, abs=1e-3)
    assert doppler_hz(0.0, 1e9) == 0.0


@pytest.mark.parametrize(("speed", "carrier"), [(-1, 1e9), (math.nan, 1e9), (1, 0), (1, math.inf)])
def test_doppler_rejects(speed, carrier):
    with pytest.raises(InputError, match="want a finite number"):
        doppler_hz(speed, carrier)


def test_gauss_markov_from_doppler():
    assert GaussMarkov.from_doppler(0.0, 1e-3).correlation == 1.0
    assert GaussMarkov.from_doppler(10.0, 1e-3).correlation == float(j0(2 * math.pi * 0.01))
    assert GaussMarkov.from_doppler(500.0, 1e-3).correlation < 0  # beyond J0's first zero


@pytest.mark.parametrize("correlation", [1.0000001, -2.0, math.nan])
def test_gauss_markov_rejects(correlation):
    with pytest.raises(InputError, match=r"correlation: .*, want a number from -1 to 1"):
        GaussMarkov(correlation)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((-1.0, 1e-3), "doppler_hz"),
        ((math.nan, 1e-3), "doppler_hz"),
        ((10.0, 0.0), "interval_s"),
        ((10.0, 1e-3, 0), "oscillators"),
        ((10.0, 1e-3, 2.5), "oscillators"),
    ],
)
def test_jakes_rejects(options, name):
    with pytest.raises(InputError, match=f"{name}: .*want"):
        Jakes(*options)


def test_evolutions_are_values():
    assert Jakes(10.0, 1e-3) == Jakes(10.0, 1e-3)
    assert Iid().memoryless
    assert not Jakes(10.0, 1e-3).memoryless
    assert not GaussMarkov(0.0).memoryless


@pytest.mark.parametrize("evolution", [GaussMarkov(1.0), Jakes(0.0, 1e-3)])
def test_nothing_moves_without_doppler(evolution):
    h = evolution.start((4,), np.random.default_rng(1)).block(700)
    assert np.ptp(h.real, axis=0).max() < 1e-12
    assert np.ptp(h.imag, axis=0).max() < 1e-12
    assert np.ptp(h[0].real) > 0.1


def test_gauss_markov_is_its_recursion():
    rho = 0.8
    h = GaussMarkov(rho).start((50,), np.random.default_rng(2)).block(1000)
    noise = (h[1:] - rho * h[:-1]) / math.sqrt(1 - rho**2)
    # White: E|w|^2 = 1 and no lag-one correlation, 49,950 samples; 5 standard deviations of
    # 1/sqrt(n) each: false alarms 6e-7 a line.
    tolerance = 5 / math.sqrt(noise.size)
    assert abs(np.mean(np.abs(noise) ** 2) - 1) < tolerance
    assert abs(np.mean(noise[1:] * noise[:-1].conj()).real) < tolerance


def test_a_single_oscillator_is_a_pure_tone_and_does_not_drift():
    turns = 0.07
    h = Jakes(turns, 1.0, oscillators=1).start((20,), np.random.default_rng(3)).block(20_000)
    assert np.abs(np.abs(h) - 1).max() < 1e-12  # amplitude
    step = h[1] * h[0].conj()
    assert np.abs(np.angle(step)).max() <= 2 * math.pi * turns + 1e-12
    # Phase: the frequency as estimated over 256 slots predicts slot 19,999 to the error of that
    # estimate (1e-15 a slot).
    slots = np.arange(257)[:, None]
    frequency = np.polyfit(slots[:, 0], np.unwrap(np.angle(h[:257]), axis=0), 1)[0]
    phase = np.unwrap(np.angle(h), axis=0)
    assert np.abs(phase[-1] - phase[0] - frequency * 19_999).max() < 1e-8


def test_jakes_holds_no_frequency_above_its_doppler():
    slots = 4096
    h = Jakes(0.1, 1.0).start((10,), np.random.default_rng(4)).block(slots)
    spectrum = np.abs(np.fft.fft(h * np.blackman(slots)[:, None], axis=0)) ** 2
    beyond = np.abs(np.fft.fftfreq(slots)) > 0.1 + 4 / slots
    assert spectrum[beyond].sum() < 1e-6 * spectrum.sum()
