"""Statistics that claim no more than the data carry."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.deadline.stats import (
    binomial_interval,
    drift,
    histogram,
    percentile,
    ratio_error,
    replicate_interval,
)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_binomial_interval_is_clopper_and_pearson(case: tuple[int, int]) -> None:
    count, trials = case
    exact = stats.binomtest(count, trials).proportion_ci(0.95, method="exact")
    assert binomial_interval(count, trials) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_binomial_interval_at_its_ends() -> None:
    assert binomial_interval(0, 0) == (0.0, 1.0)
    assert binomial_interval(0, 10)[0] == 0.0
    assert binomial_interval(10, 10)[1] == 1.0
    # The rule of three: none in n is below 3.7 / n at 97.5%.
    assert binomial_interval(0, 1000)[1] == pytest.approx(3.68e-3, rel=1e-2)


def test_replicate_interval_is_students() -> None:
    values = [0.1, 0.4, 0.2, 0.25]
    low, high = replicate_interval(values, 0.9)
    expected = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_the_bounds_of_a_percentile_stay_in_the_sample() -> None:
    sample = np.arange(1000, 1459)  # the fewest that carry a p99
    found = percentile(sample, 0.99, confidence=1.0 - 1e-6)
    assert found is not None
    assert 1000 <= found.low < found.value < found.high == 1458
    assert percentile(sample[1:], 0.99) is None


@pytest.mark.parametrize("values", [[], [0.5]])
def test_one_replicate_carries_no_interval(values: list[float]) -> None:
    with pytest.raises(ValueError, match="replicate"):
        replicate_interval(values)


def test_replicate_interval_covers_in_spite_of_bursts() -> None:
    """95% coverage over 2000 trials: 4.4 deviations, a false alarm in 1e-5 of seeds.

    Misses come in bursts of 50 jobs, so that the binomial interval of all jobs covers far less.
    """
    rng = np.random.default_rng(5)
    trials, replicates, bursts, probability = 2000, 12, 40, 0.3
    missed = rng.binomial(bursts, probability, (trials, replicates))
    covered = naive = 0
    for row in missed:
        low, high = replicate_interval((row / bursts).tolist())
        covered += low <= probability <= high
        low, high = binomial_interval(int(50 * row.sum()), 50 * replicates * bursts)
        naive += low <= probability <= high
    deviation = math.sqrt(0.95 * 0.05 / trials)
    assert abs(covered / trials - 0.95) < 4.4 * deviation + 0.005  # Student on binomials: nearly
    assert naive / trials < 0.5


def test_the_error_of_a_ratio_is_what_the_ratio_varies_by() -> None:
    """Over 4000 trials: a deviation of them is 1.1% off, one in 1e-5 by 4.4 times that."""
    rng = np.random.default_rng(8)
    ratios, errors = [], []
    for _ in range(4000):
        reference = rng.uniform(5.0, 15.0, 200)
        values = 0.8 * reference + rng.normal(1.0, 2.0, 200)
        ratios.append(values.mean() / reference.mean())
        errors.append(ratio_error(values, reference))
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.05)


def test_a_ratio_that_never_varies_has_no_error_and_one_pair_shows_none() -> None:
    reference = np.array([1.0, 2.0, 4.0])
    assert ratio_error(0.7 * reference, reference) == pytest.approx(0.0, abs=1e-15)
    assert ratio_error(reference[:1], reference[:1]) is None
    # Two pairs: residuals -1/3 and 1/3 of the ratio 2/3, over sqrt(2) times the mean 1.5.
    two = ratio_error(np.array([1.0, 1.0]), np.array([1.0, 2.0]))
    assert two == pytest.approx(math.sqrt(2) / 3 / (math.sqrt(2) * 1.5))


@pytest.mark.parametrize(("q", "fewest"), [(0.5, 7), (0.99, 459), (0.999, 4603)])
def test_a_percentile_needs_enough_jobs(q: float, fewest: int) -> None:
    assert percentile(np.arange(fewest - 1), q) is None
    assert percentile(np.arange(fewest), q) is not None


def test_no_percentile_of_nothing() -> None:
    assert percentile(np.empty(0, np.int64), 0.5) is None


@given(st.integers(4603, 60_000), st.sampled_from(["0.5", "0.9", "0.95", "0.99", "0.999"]))
def test_a_percentile_is_the_observed_order_statistic(n: int, q: str) -> None:
    found = percentile(np.arange(1, n + 1), float(q))
    assert found is not None
    assert found.value == math.ceil(Fraction(q) * n)
    assert 1 <= found.low <= found.value <= found.high <= n


@pytest.mark.parametrize(("q", "n"), [(0.5, 7), (0.5, 100), (0.99, 459), (0.99, 5000)])
def test_the_bounds_of_a_percentile_are_the_tightest_that_hold(q: float, n: int) -> None:
    """P(X_(r) <= x_q <= X_(s)), exactly, by the binomial distribution."""
    found = percentile(np.arange(1, n + 1), q)
    assert found is not None
    r, s = int(found.low), int(found.high)
    below = stats.binom(n, q)
    assert below.cdf(r - 1) <= 0.025 < below.cdf(r)
    assert below.sf(s - 1) <= 0.025 < below.sf(s - 2)


@pytest.mark.parametrize(("q", "n"), [(0.5, 60), (0.99, 1000)])
def test_the_bounds_of_a_percentile_cover(q: float, n: int) -> None:
    """At least 95% over 2000 trials, less 4.4 deviations: a false alarm in < 1e-5 of seeds."""
    rng = np.random.default_rng(6)
    trials, covered = 2000, 0
    true = -1e6 * math.log(1 - q)
    for _ in range(trials):
        found = percentile(np.sort(rng.exponential(1e6, n).astype(np.int64)), q)
        assert found is not None
        covered += found.low <= true <= found.high
    assert covered / trials > 0.95 - 4.4 * math.sqrt(0.95 * 0.05 / trials)


@given(st.lists(st.integers(0, 1000), max_size=50))
def test_histogram_loses_nothing(sample: list[int]) -> None:
    edges = np.array([0.0, 10.0, 100.0])
    found = histogram(np.array(sample, np.int64), edges)
    assert found.edges is edges
    assert found.counts.tolist() == [
        sum(v < 10 for v in sample),
        sum(10 <= v <= 100 for v in sample),
    ]
    assert found.overflow == sum(v > 100 for v in sample)
    assert found.counts.sum() + found.overflow == len(sample)
    assert found.maximum == max(sample) if sample else math.isnan(found.maximum)


def test_drift() -> None:
    rng = np.random.default_rng(7)
    steady = rng.normal(100.0, 1.0, 800)
    assert drift(steady) < 0.02
    slower = steady * np.where(np.arange(800) < 600, 1.0, 2.0)
    assert drift(slower) == pytest.approx(1.0, abs=0.05)
    assert drift(slower[:159]) == 0.0  # too short to be cut into eight
    assert drift(np.repeat([0.2, 0.3], 80)) == pytest.approx(0.5)
    assert drift(np.r_[np.zeros(400), np.ones(400)]) == math.inf
    outliers = steady.copy()
    outliers[::10] = 1e6  # medians do not mind
    assert drift(outliers) < 0.02
