"""Channels to be evaluated on: what they depend on, and what they are."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocators.evaluation.channels import (
    NAMED,
    EvaluationChannel,
    Law,
    Recording,
    UnavailableError,
    channel_named,
    evenly,
    imac_cells,
)
from sim.channel.trace import write_trace
from sim.deadline.errors import InputError
from sim.problem import FloatArray, PowerControlProblem


def problems(
    channel: EvaluationChannel, links: int, snr_db: float | None, channels: int, seed: int = 0
) -> list[PowerControlProblem]:
    return list(chain.from_iterable(channel.turns(links, snr_db, channels, seed)))


def gains(name: str, links: int, snr_db: float | None, channels: int, seed: int = 0) -> FloatArray:
    return np.array(
        [p.gain[0] for p in problems(channel_named(name), links, snr_db, channels, seed)]
    )


@pytest.mark.parametrize("name", ["rayleigh", "rice", "square_50", "imac"])
def test_channels_depend_on_seed_name_and_links_alone(name: str) -> None:
    gain = gains(name, 4, 0.0, 300)
    assert gain.shape == (300, 4, 4)
    # all SNRs meet the same channels, and fewer are the first of more
    np.testing.assert_array_equal(gain, gains(name, 4, 20.0, 300))
    np.testing.assert_array_equal(gain[:7], gains(name, 4, 0.0, 7))
    assert not np.isin(gains(name, 4, 0.0, 50, seed=1), gain).any()
    assert not np.isin(gains(name, 6, 0.0, 50), gain).any()


def test_noise_and_caps() -> None:
    first = problems(channel_named("rayleigh"), 3, 20.0, 1)[0]
    np.testing.assert_allclose(first.noise_w, 0.01)
    np.testing.assert_array_equal(first.p_max_w, 1.0)


def test_square_is_the_law_it_claims() -> None:
    """Mean of |h|^2 / max(d, 1)^2, side 3 m; false alarm at 5 standard errors: 6e-7."""
    rng = np.random.default_rng(1)
    apart = rng.uniform(0, 3, (200_000, 2)) - rng.uniform(0, 3, (200_000, 2))
    law = rng.exponential(size=200_000) / np.maximum(np.square(apart).sum(axis=1), 1.0)
    found = gains("square_3", 1, 0.0, 4000).ravel()
    error = np.hypot(found.std() / np.sqrt(found.size), law.std() / np.sqrt(law.size))
    assert abs(found.mean() - law.mean()) < 5 * error


def test_the_users_of_a_cell_share_its_receiver() -> None:
    gain = gains("imac", 10, 0.0, 3)
    np.testing.assert_array_equal(gain[:, 0::2], gain[:, 1::2])  # 5 cells of 2
    assert not np.isclose(gain[:, 0], gain[:, 2]).any()


@given(st.integers(2, 400))
def test_imac_spreads_users_evenly_over_more_than_one_cell(links: int) -> None:
    cells = imac_cells(links)
    assert cells >= 2
    assert links % cells == 0
    if links % 5 == 0:
        assert cells == 5


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 400))
def test_slots_and_subbands_are_taken_evenly(slots: int, subbands: int, channels: int) -> None:
    places = evenly(slots, subbands, channels)
    assert len(set(places)) == len(places) == min(channels, slots * subbands)
    assert places == sorted(places)
    counts = [sum(subband == s for _, subband in places) for s in range(subbands)]
    assert max(counts) - min(counts) <= 1
    for subband in range(subbands):
        own = [slot for slot, s in places if s == subband]
        gaps = np.diff(own)
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


@pytest.fixture
def yard(tmp_path: Path) -> Recording:
    """A recording of 6 slots, 2 subbands, 3 pairs, whose gains say where they stand."""
    gain = np.arange(6 * 2 * 9, dtype=np.float64).reshape(6, 2, 3, 3) + 1.0
    write_trace(tmp_path / "yard.h5", gain=gain, sample_interval_s=1e-3)
    (tmp_path / "yard.yaml").write_text(
        "slots: 6\nchannel: {trace: yard.h5}\n"
        "radio: {p_max: [1 W, 2 W, 4 W], noise: 3 W, weights: [1, 2, 3]}\n"
        "allocators: [max_power]\n"
    )
    return Recording("yard", tmp_path / "yard.yaml")


def test_a_recording_gives_every_slot_and_subband_with_its_own_radio(yard: Recording) -> None:
    found = problems(yard, 3, None, 100)
    assert len(found) == 12
    firsts = sorted(p.gain[0, 0, 0] for p in found)
    np.testing.assert_array_equal(firsts, 1.0 + 9.0 * np.arange(12))
    for problem in found:
        assert problem.subbands == 1
        np.testing.assert_array_equal(problem.noise_w, [[3, 3, 3]])
        np.testing.assert_array_equal(problem.p_max_w, [[0.5, 1, 2]])  # over two subbands
        np.testing.assert_array_equal(problem.weight, [1, 2, 3])


def test_fewer_links_are_a_random_subset_of_pairs(yard: Recording) -> None:
    found = problems(yard, 2, None, 12)
    subsets = set()
    for problem in found:
        pairs = (problem.weight - 1).astype(int)
        base = problem.gain[0, 0, 0] - 4.0 * pairs[0]  # gain of the first pair in this instance
        want = base + 3.0 * pairs[:, None] + pairs[None, :]
        np.testing.assert_array_equal(problem.gain[0], want)
        np.testing.assert_array_equal(problem.p_max_w[0], 0.5 * 2.0**pairs)
        subsets.add(tuple(pairs))
    assert subsets == {(0, 1), (0, 2), (1, 2)}
    again = problems(yard, 2, None, 12)
    assert all((a.gain == b.gain).all() for a, b in zip(found, again, strict=True))


def test_more_links_than_were_recorded(yard: Recording) -> None:
    with pytest.raises(UnavailableError, match="yard: 4 links, but it has 3 pairs"):
        problems(yard, 4, None, 5)


def test_a_recording_whose_bandwidth_cannot_be(yard: Recording) -> None:
    text = yard.scenario.read_text().replace("noise: 3 W", "noise_figure_db: 7")
    yard.scenario.write_text(text)
    for stated in (-1.0, "20 MHz"):
        with h5py.File(yard.scenario.with_name("yard.h5"), "a") as file:
            file.attrs["bandwidth_hz"] = stated
        with pytest.raises(InputError, match=r"yard\.h5: attribute 'bandwidth_hz'"):
            problems(yard, 3, None, 5)


def test_the_shipped_recording() -> None:
    """20 MHz in 4 subbands, noise figure 7 dB, 23 dBm."""
    found = problems(NAMED["munich"], 10, None, 9)
    assert len(found) == 9
    noise_w = 1e-3 * 10 ** ((-174 + 7 + 10 * np.log10(20e6 / 4)) / 10)
    np.testing.assert_allclose(found[0].noise_w, noise_w)
    np.testing.assert_allclose(found[0].p_max_w, 1e-3 * 10**2.3 / 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raylei", "channel: 'raylei' is not known; did you mean 'rayleigh'?"),
        ("square_", "channel: 'square_': want square_S"),
        ("{rician: {k_factor: x}}", "k_factor"),
        ("{trace: a.h5}", "nothing can be drawn from a recording"),
        ("{rayleigh: {links: 5}}", "channel.links: 5, but samples have 4"),
        ("{", "channel: not YAML"),
        ("{rician: {k_factor: 2020-99-99}}", "not YAML: a value cannot be read"),
        ("{rician: {k_factor: 1, k_factor: 2}}", "key 'k_factor' stands twice"),
        ("{rician: {5: 1}}", "key 5 is not text"),
    ],
)
def test_wrong_channels(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        channel_named(text).check(4)


def test_a_law_in_full() -> None:
    channel = channel_named("{rician: {k_factor: 6 dB}}")
    assert isinstance(channel, Law)
    assert len(problems(channel, 2, 0.0, 3)) == 3
