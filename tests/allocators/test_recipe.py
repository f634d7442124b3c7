"""Recipes and what is drawn from them."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allocators.training.mixture import Mixture
from allocators.training.recipe import load_recipe, parse_recipe, resolved, shipped_recipes
from allocators.training.samples import answers, label, normalised, weighted_sum_rates
from allocators.training.source import DrawnSamples
from allocators.training.validation import ValidationSuite
from allocators.wmmse import WMMSE
from sim.channel import write_trace
from sim.deadline.errors import InputError
from sim.problem import PowerControlProblem, sinr

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def mixture(*entries: dict[str, Any], links: int | None = None, folder: Path = Path()) -> Mixture:
    return Mixture(parse_recipe("test", {"mixture": list(entries)}), folder, links)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


RAYLEIGH = {"channel": "rayleigh", "links": [2, 4], "snr_db": [-5, 20]}
TOWN = {
    "channel": {"geometric": {"side": ["10 m", "300 m", "log"], "path_loss_exponent": [2, 4]}},
    "links": 4,
    "snr_db": 0,
    "share": 3,
}


def test_entries_come_as_often_as_their_shares_say() -> None:
    drawn = mixture(RAYLEIGH, TOWN)
    assert list(drawn.links) == [2, 4]
    source = rng()
    sizes = Counter(drawn.draw(source, 2).gain.shape[1] for _ in range(1600))
    # Two links come from the first entry alone, 1 in 4 x 1 in 2: 200 of 1600, deviation 13.2.
    # Five deviations: a false alarm in 2 million seeds.
    assert abs(sizes[2] - 200) < 66
    assert sizes[2] + sizes[4] == 1600


def test_restricted_to_one_number_of_links() -> None:
    drawn = mixture(RAYLEIGH, TOWN, links=2)
    assert list(drawn.links) == [2]
    source = rng()
    assert {drawn.draw(source, 3).gain.shape for _ in range(50)} == {(3, 2, 2)}
    assert [name for name, _ in drawn.suites()] == ["rayleigh_k2"]
    with pytest.raises(InputError, match=r"no entry has 7 links \(there are \[2, 4\]\)"):
        mixture(RAYLEIGH, TOWN, links=7)


def test_the_snr_scales_the_gains() -> None:
    low = mixture({**RAYLEIGH, "links": 4, "snr_db": 0}).draw(rng(), 500).gain
    high = mixture({**RAYLEIGH, "links": 4, "snr_db": 10}).draw(rng(), 500).gain
    np.testing.assert_allclose(high, 10 * low, rtol=1e-6)
    spread = mixture({**RAYLEIGH, "links": 4}).draw(rng(), 500).gain.mean(axis=(1, 2))
    # Means of 16 Exp(1) times 10^U(-0.5, 2): nowhere near alike.
    assert spread.max() > 50 * spread.min()


def test_ranges_are_drawn_anew_for_every_batch() -> None:
    drawn = mixture(TOWN)
    source = rng()
    medians = [float(np.median(drawn.draw(source, 200).gain)) for _ in range(20)]
    assert max(medians) > 100 * min(medians)


def test_ranges() -> None:
    assert resolved({"a": [2, 4], "b": "x", "c": {"d": ["10 m", "20 m"]}}, lambda: 0.25) == {
        "a": 2.5,
        "b": "x",
        "c": {"d": "12.5 m"},
    }
    assert resolved([1, 100, "log"], lambda: 0.5) == pytest.approx(10)
    values = [resolved([3, 5], np.random.default_rng(seed).random) for seed in range(50)]
    assert min(values) >= 3
    assert max(values) <= 5
    assert len(set(values)) == 50
    for bad in ([1], [1, 2, 3], [2, 1], ["1 m", "2 km"], [0, 1, "log"], ["a", "b"], [1, 2, "lin"]):
        with pytest.raises(InputError, match="no range"):
            resolved({"side": bad}, lambda: 0.5)


def test_normalising_changes_no_sinr() -> None:
    source = rng()
    gain, power = source.exponential(size=(7, 3, 3)), source.random((7, 3))
    noise_w, p_max_w = 10.0 ** source.uniform(-2, 2, (2, 7, 3))
    problem = PowerControlProblem(gain, noise_w, p_max_w)
    unit = PowerControlProblem(normalised(gain, noise_w, p_max_w), 1.0, 1.0)
    np.testing.assert_allclose(
        sinr(unit, power), sinr(problem, power * p_max_w), rtol=1e-6
    )  # in single precision
    assert normalised(np.full((1, 2, 2), 1e300), 1e-9).max() == np.float32(1e30)


def test_weights_are_spread_about_one() -> None:
    plain = mixture(RAYLEIGH).draw(rng(), 100).weight
    np.testing.assert_array_equal(plain, np.ones_like(plain))
    weight = mixture({**RAYLEIGH, "weight_spread": 0.5}).draw(rng(), 4000).weight.astype(float)
    assert weight.min() > 0
    # ln alpha has deviation 0.5; mean of alpha is 1, its deviation 0.53: five standard errors.
    assert abs(np.log(weight).std() - 0.5) < 5 * 0.5 / np.sqrt(2 * weight.size)
    assert abs(weight.mean() - 1) < 5 * 0.534 / np.sqrt(weight.size)


def test_labels_are_wmmse_answers_weights_and_all() -> None:
    samples = mixture({**RAYLEIGH, "links": 4, "weight_spread": 1.0}).draw(rng(), 20)
    target = samples.labelled().target
    assert target is not None
    for n in range(20):
        problem = PowerControlProblem(samples.gain[n], 1.0, 1.0, samples.weight[n])
        wanted = WMMSE().solve(problem).power_w[0]
        np.testing.assert_array_equal(target[n], wanted.astype(np.float32))
    np.testing.assert_allclose(label(samples), answers(WMMSE(), samples))


def test_batches_do_not_depend_on_what_came_before() -> None:
    for reuse in (1, 3):
        source = DrawnSamples(mixture(RAYLEIGH, TOWN), reuse, seed=4)
        whole = source.batches(0, 5, False)
        batches = [next(whole) for _ in range(170)]
        for first in (1, 49, 50, 149, 150, 169):
            late = next(source.batches(first, 5, False))
            np.testing.assert_array_equal(late.gain, batches[first].gain)
    seen = Counter(batch.gain.tobytes() for batch in batches[:150])
    assert len(seen) == 50
    assert set(seen.values()) == {3}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    # gain = 100 rx + 10 tx + subband, and 1000 times the slot: every draw can be told.
    slot, subband, rx, tx = np.indices((6, 2, 3, 3))
    gain = 1000.0 * slot + 100.0 * rx + 10.0 * tx + subband
    write_trace(tmp_path / "t.h5", gain=gain, sample_interval_s=1e-3)
    return tmp_path


def test_a_trace_is_sampled_at_random_slots(trace: Path) -> None:
    drawn = mixture({"channel": {"trace": "t.h5"}, "snr_db": 0}, folder=trace)
    assert list(drawn.links) == [3]
    gain = drawn.draw(rng(), 400).gain
    slots = gain[:, 0, 0] // 1000
    assert set(slots.tolist()) == set(range(6))
    assert set((gain.min(axis=(1, 2)) % 10).tolist()) == {0, 1}


def test_a_trace_may_be_written_in_full(trace: Path) -> None:
    for channel in ({"model": "trace", "path": "t.h5"}, {"trace": {"path": "t.h5"}}):
        assert mixture({"channel": channel, "snr_db": 0}, folder=trace).links == [3]


def test_a_trace_whose_bandwidth_cannot_be(trace: Path) -> None:
    import h5py

    with h5py.File(trace / "t.h5", "a") as file:
        file.attrs["bandwidth_hz"] = -1.0
    radio = "radio: {noise_figure_db: 7}"
    text = f"slots: 6\nchannel: {{trace: t.h5}}\n{radio}\nallocators: [max_power]\n"
    (trace / "s.yaml").write_text(text)
    with pytest.raises(InputError, match=r"t\.h5: attribute 'bandwidth_hz': -1\.0, want"):
        mixture({"scenario": "s.yaml"}, folder=trace)
    (trace / "s.yaml").write_text(text.replace(radio, "radio: {snr_db: 0}"))
    mixture({"scenario": "s.yaml"}, folder=trace)  # which does not need it


def test_a_trace_of_more_links_gives_random_pairs(trace: Path) -> None:
    drawn = mixture({"channel": {"trace": "t.h5"}, "links": 2, "snr_db": 10}, folder=trace)
    gain = np.rint(drawn.draw(rng(), 400).gain / 10).astype(int)
    assert gain.shape == (400, 2, 2)
    rx, tx = gain // 100 % 10, gain // 10 % 10
    np.testing.assert_array_equal(rx[:, :, 0], rx[:, :, 1])  # a row is one receiver
    np.testing.assert_array_equal(tx[:, 0], tx[:, 1])
    np.testing.assert_array_equal(rx[:, :, 0], tx[:, 0])  # and pairs stay pairs
    assert len({tuple(pair) for pair in tx[:, 0].tolist()}) == 6
    with pytest.raises(InputError, match="has 3 links, fewer than 4"):
        mixture({"channel": {"trace": "t.h5"}, "links": 4, "snr_db": 0}, folder=trace)


def test_a_scenario_brings_its_noise_and_caps() -> None:
    munich = mixture({"scenario": "munich.yaml"}, folder=SCENARIOS)
    gain = munich.draw(rng(), 200).gain
    assert gain.shape == (200, 10, 10)
    direct = 10 * np.log10(np.median(np.diagonal(gain, axis1=1, axis2=2)))
    assert 20 < direct < 70  # dB of SNR at full power
    sun = mixture({"scenario": "sun2018_k10.yaml", "links": [5, 10]}, folder=SCENARIOS)
    assert list(sun.links) == [5, 10]
    assert abs(sun.draw(rng(), 2000).gain.mean() - 1) < 0.05
    imac = mixture({"scenario": "imac.yaml"}, folder=SCENARIOS)
    assert np.isfinite(imac.draw(rng(), 10).gain).all()


def test_validation_entries_are_the_suites() -> None:
    recipe = parse_recipe(
        "test",
        {
            "mixture": [RAYLEIGH],
            "validation": [
                {"name": "quiet", "channel": "rayleigh", "links": [2, 4], "snr_db": 20},
                {"channel": {"rician": {"k_factor": "0 dB"}}, "links": 4, "snr_db": 0},
            ],
        },
    )
    suites = Mixture(recipe, Path()).suites()
    assert [name for name, _ in suites] == ["quiet_k2", "quiet_k4", "rician_k4"]
    suite = ValidationSuite.drawn(*suites[1], 1, 50, seed=1)
    assert suite.share(WMMSE()) == 1.0
    again = ValidationSuite.drawn(*suites[1], 1, 50, seed=1)
    np.testing.assert_array_equal(suite.samples.gain, again.samples.gain)
    # also those that are not trained on; of a network for one K, that K
    other = parse_recipe("t", {**recipe.model_dump(), "mixture": [{**RAYLEIGH, "links": [3, 4]}]})
    assert len(Mixture(other, Path()).suites()) == 3
    named = [name for name, _ in Mixture(other, Path(), links=4).suites()]
    assert named == ["quiet_k4", "rician_k4"]
    assert [name for name, _ in Mixture(other, Path(), links=3).suites()] == ["rayleigh_k3"]


def test_a_suite_where_nothing_can_be_had() -> None:
    samples = mixture({**RAYLEIGH, "links": 2}).draw(rng(), 4)
    silent = type(samples)(0.0 * samples.gain, samples.weight)
    assert weighted_sum_rates(silent, label(silent)).tolist() == [0.0] * 4
    suite = ValidationSuite("silent", silent, np.zeros(4))
    assert suite.share(WMMSE()) == 1.0


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_can_be_drawn_from(name: str) -> None:
    drawn = Mixture(*load_recipe(name))
    source = rng()
    for _ in range(10):
        batch = drawn.draw(source, 3)
        assert np.isfinite(batch.gain).all()
    for _, draw in drawn.suites():
        assert len(draw(source, 2)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "want keys and values"),
        ("mixture: [", "not YAML"),
        ("mixture: []", "mixture: want at least 1"),
        ("mixtur: []", "mixtur: unknown key; did you mean 'mixture'"),
        ("mixture: [{channel: rayleigh, link: 3, snr_db: 0}]", "0.link: .*did you mean 'links'"),
        ("mixture: [{channel: raileigh, links: 3, snr_db: 0}]", "did you mean 'rayleigh'"),
        ("mixture: [{channel: {geometric: {sid: 3}}, links: 3, snr_db: 0}]", "did you mean 'side'"),
        ("mixture: [{links: 3, snr_db: 0}]", "give a channel or a scenario"),
        ("mixture: [{channel: rayleigh, snr_db: 0}]", "links is required"),
        ("mixture: [{channel: rayleigh, links: 3}]", "snr_db is required"),
        ("mixture: [{channel: rayleigh, links: 0, snr_db: 0}]", "greater than or equal to 1"),
        ("mixture: [{channel: rayleigh, links: [], snr_db: 0}]", "links: want at least 1"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: [3, 1]}]", "ends below its start"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: [1, 2, 3]}]", "want at most 2"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: x}]", "want a number"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: .nan}]", "snr_db"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: 0, share: 0}]", "share: .*greater"),
        ("mixture: [{channel: rayleigh, links: 3, snr_db: 0, weight_spread: -1}]", "weight_spread"),
        ("mixture: [{channel: imac, links: 4, snr_db: 0}]", "do not spread evenly"),
        (
            "mixture: [{channel: {geometric: {side: [0 m, 9 m]}}, links: 3, snr_db: 0}]",
            "side: .*greater than 0",
        ),
        (
            "mixture: [{channel: {geometric: {side: [9 m, 2 m]}}, links: 3, snr_db: 0}]",
            "no range",
        ),
        (
            "mixture: [{channel: {imac: {cells: [2, 4]}}, links: 12, snr_db: 0}]",
            r"cells: want a whole number \(got 2\.764",
        ),
        (
            "mixture: [{channel: {geometric: {pair_distance_min: [1 m, 50 m], pair_distance_max: "
            "[10 m, 60 m]}}, links: 3, snr_db: 0}]",
            "pair_distance_min is above pair_distance_max",
        ),
        ("mixture: [{channel: {trace: {path: t.h5, start: 3}}, snr_db: 0}]", "start: unknown key"),
    ],
)
def test_recipes_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml: no such file, want a recipe in YAML"):
        load_recipe(str(tmp_path / "mine.yaml"))
    with pytest.raises(InputError, match="no recipe 'wide' is shipped"):
        load_recipe("wide")
    with pytest.raises(InputError, match=r"nowhere\.h5: no such file"):
        mixture({"channel": {"trace": "nowhere.h5"}, "snr_db": 0}, folder=tmp_path)
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such file"):
        mixture({"scenario": "nowhere.yaml"}, folder=tmp_path)


def test_a_trace_without_slots(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["gain"] = np.zeros((0, 1, 3, 3))
    with pytest.raises(InputError, match="is empty"):
        mixture({"channel": {"trace": "t.h5"}, "snr_db": 0}, folder=tmp_path)
