"""Costs fitted to calls, mixed between sizes, and replayed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from sim.deadline.cost import CHANCES, Calibrated, Cost, _strata, fit_cost, mixed
from sim.deadline.latency import LONGEST_NS


def calls(
    rng: np.random.Generator, count: int, base: float, per_work: float, spikes: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return times and work: a line, 2% of noise, and now and then an interrupt of 50 us."""
    work = rng.integers(3, 40, count)
    time = (base + per_work * work) * rng.normal(1.0, 0.02, count)
    time += 50_000 * (rng.random(count) < spikes)
    return time.astype(np.int64), work


def flat(value: float, jitter: float = 0.0) -> Cost:
    return Cost(value, 0.0, value, np.full(len(CHANCES), jitter))


def test_chances_rise_from_zero_to_one() -> None:
    assert CHANCES[0] == 0.0
    assert CHANCES[-1] == 1.0
    assert (np.diff(CHANCES) > 0).all()


@pytest.mark.parametrize("spikes", [0.0, 0.05])
def test_a_fit_finds_base_and_price_in_spite_of_interrupts(spikes: float) -> None:
    service, work = calls(np.random.default_rng(1), 4000, 2000.0, 150.0, spikes)
    cost = fit_cost(service, work)
    # Medians of 4000 calls with 2% of noise: both within 3%, a tenth of what a spike would move.
    assert cost.per_work_ns == pytest.approx(150.0, rel=0.03)
    assert cost.base_ns == pytest.approx(2000.0, rel=0.05)


def test_work_that_does_not_vary_has_no_price() -> None:
    service = np.array([100, 120, 110, 130, 105] * 10)
    cost = fit_cost(service, np.full(50, 7))
    assert (cost.base_ns, cost.per_work_ns, cost.typical_ns) == (110.0, 0.0, 110.0)
    assert cost.time_ns(7, 0.0) == pytest.approx(100.0)
    assert cost.time_ns(7, 1.0) == pytest.approx(130.0)


def test_more_work_never_costs_less_and_no_work_never_less_than_nothing() -> None:
    work = np.repeat([1, 2, 3, 4], 50)
    falling = fit_cost(1000 - 100 * work, work)
    assert (falling.base_ns, falling.per_work_ns) == (750.0, 0.0)
    sizes = [20, 30, 40, 50]
    work = np.repeat([1, 2, 3, 4], sizes)
    through_zero = fit_cost(100 * work - 90, work)
    # Least squares through the origin: sum of n x y over sum of n x^2.
    price = np.dot(sizes, [10, 220, 630, 1240]) / np.dot(sizes, [1, 4, 9, 16])
    assert through_zero.base_ns == 0.0
    assert through_zero.per_work_ns == pytest.approx(price)


def test_the_line_is_that_of_the_medians_weighted_by_how_many_calls_each_is_of() -> None:
    sizes, amounts, times = [20, 30, 50], [1, 2, 4], [1000, 1300, 1400]
    cost = fit_cost(np.repeat(times, sizes), np.repeat(amounts, sizes))
    price, base = np.polyfit(amounts, times, 1, w=np.sqrt(sizes))
    assert (cost.base_ns, cost.per_work_ns) == pytest.approx((base, price))


def test_a_price_or_a_base_below_a_nanosecond_is_one() -> None:
    work = np.repeat([1000, 2000, 3000], 20)
    cheap = fit_cost(1000 + work // 2, work)
    assert (cheap.base_ns, cheap.per_work_ns) == pytest.approx((1000.0, 0.5))
    work = np.repeat([1, 2, 3], 20)
    baseless = fit_cost(10 * work + np.arange(60) % 2, work)
    assert (baseless.base_ns, baseless.per_work_ns) == pytest.approx((0.5, 10.0))


def test_calls_below_the_grain_of_the_clock_are_replayed_too() -> None:
    cost = fit_cost(np.repeat([0, 1], [30, 3]), np.full(33, 7))
    assert (cost.time_ns(7, 0.0), cost.time_ns(7, 1.0)) == (0.0, 1.0)
    assert cost.typical_ns == 1.0


@pytest.mark.parametrize(
    ("calls_of_each_work", "sizes"),
    [
        ([1] * 7, [1] * 7),  # few calls: at least four strata, if their work differs
        ([1] * 10, [2] * 5),
        ([1] * 11, [2] * 4 + [3]),  # what is left is too little for one of its own
        ([1] * 64, [16] * 4),
        ([1] * 70, [16] * 3 + [22]),
        ([1] * 480, [20] * 24),  # many calls: no more than 24
        ([1] * 481, [21] * 22 + [19]),
        ([40, 1, 40, 40], [40, 41, 40]),  # equal work is never cut apart
        ([15, 30, 1, 30], [45, 31]),
        ([100], [100]),
    ],
)
def test_strata_are_large_enough_and_few(calls_of_each_work: list[int], sizes: list[int]) -> None:
    work = np.repeat(np.arange(len(calls_of_each_work)), calls_of_each_work).astype(float)
    shuffled = np.random.default_rng(9).permutation(work)
    strata = _strata(shuffled)
    assert [len(stratum) for stratum in strata] == sizes
    assert shuffled[np.concatenate(strata)].tolist() == work.tolist()


@pytest.mark.parametrize("count", [8, 12, 28])
def test_few_slow_calls_show_the_price_of_work_too(count: int) -> None:
    """Eight calls of 0.1 s are all that a minute holds, and work is what they differ in."""
    service, work = calls(np.random.default_rng(7), count, 2e6, 1e6)
    cost = fit_cost(service, work)
    # Medians of two calls at least, with 2% of noise, over work that differs by a factor of ten.
    assert cost.per_work_ns == pytest.approx(1e6, rel=0.1)
    # What is left is noise, and no longer a factor of ten between little work and much.
    assert np.std(service / cost.expected_ns(work)) < 0.1 < np.std(service / np.median(service))


def test_fits_refuse_nothing_and_unequal_lengths() -> None:
    for service, work in (([], []), ([1, 2], [1])):
        with pytest.raises(ValueError, match="want as many"):
            fit_cost(np.array(service, dtype=np.int64), np.array(work, dtype=np.int64))


def test_a_replay_has_the_distribution_that_was_measured() -> None:
    rng = np.random.default_rng(2)
    service, work = calls(rng, 5000, 3000.0, 100.0, 0.02)
    model = Calibrated(lambda _: fit_cost(service, work), rng)
    again = np.array([model.service_ns(model.draw(), 0, int(one)) for one in work])
    # Kolmogorov and Smirnov, two samples of 5000; false alarm below 1e-4 at this seed's first try.
    assert ks_2samp(service, again).pvalue > 1e-4
    assert abs(np.quantile(again, 0.99) / np.quantile(service, 0.99) - 1.0) < 0.05


def test_no_replayed_call_is_quicker_than_the_quickest_measured_one() -> None:
    """Where the price rises with the work, the line runs above the middle, and jitter below it."""
    rng = np.random.default_rng(6)
    work = rng.integers(1, 60, 4000)
    service = np.rint(5000.0 + 5.0 * work**2 + rng.exponential(200.0, len(work)))
    cost = fit_cost(service.astype(np.int64), work)
    free = Cost(cost.base_ns, cost.per_work_ns, cost.typical_ns, cost.jitter)
    chances = np.linspace(0.0, 0.999, 500)
    assert min(free.time_ns(1, chance) for chance in chances) < 0.9 * service.min()
    assert min(cost.time_ns(1, chance) for chance in chances) == service.min()


def test_the_same_generator_replays_the_same_times() -> None:
    service, work = calls(np.random.default_rng(3), 500, 3000.0, 100.0)
    cost = fit_cost(service, work)
    runs = []
    for _ in range(2):
        model = Calibrated(lambda _: cost, np.random.default_rng(4))
        runs.append([model.service_ns(model.draw(), 999, 10) for _ in range(3000)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 100


@given(
    st.integers(0, 10**6),
    st.floats(0.0, 1.0),
    st.floats(1e-3, 1e3),
    st.floats(0.0, 1e9),
    st.floats(0.0, 1e9),
)
def test_times_are_never_negative_never_endless_and_scale_with_speed(
    work: int, chance: float, speed: float, base: float, per_work: float
) -> None:
    jitter = np.linspace(-2.0, 5.0, len(CHANCES))
    cost = Cost(base, per_work, max(base, 1.0), jitter)
    found = Calibrated(lambda _: cost, np.random.default_rng(), speed).service_ns(chance, 0, work)
    assert 0 <= found <= LONGEST_NS
    exact = max(cost.time_ns(work, chance) / speed, 0.0)
    assert found == round(min(exact, LONGEST_NS))


@given(st.floats(0.0, 1.0))
@example(1.0)
@example(1.0 - 5e-6)  # in the last step
def test_jitter_is_interpolated_as_numpy_does(chance: float) -> None:
    jitter = np.sort(np.random.default_rng(5).normal(size=len(CHANCES)))
    cost = Cost(0.0, 0.0, 1.0, jitter, least_ns=-9.0)
    assert cost.time_ns(0, chance) == pytest.approx(float(np.interp(chance, CHANCES, jitter)))


def test_a_batch_asks_for_the_cost_of_its_size_once() -> None:
    asked = []

    def cost(batch: int) -> Cost:
        asked.append(batch)
        return flat(100.0 * batch)

    model = Calibrated(cost, np.random.default_rng())
    assert [model.service_ns(0.5, 0, 0, batch) for batch in (1, 3, 3, 1)] == [100, 300, 300, 100]
    assert asked == [1, 3]
    assert model.service_ns(0.5, 0, 0) == 100


def test_chances_are_the_generators_each_once_and_in_its_order() -> None:
    model = Calibrated(lambda _: flat(1.0), np.random.default_rng(10))
    drawn = [model.draw() for _ in range(5000)]
    assert drawn == np.random.default_rng(10).random(5000).tolist()


@pytest.mark.parametrize(
    ("base", "per_work", "typical", "work"),
    [(100.0, 10.0, 250.0, 15), (100.0, 10.0, 256.0, 16), (100.0, 0.0, 100.0, 0), (9, 2, 5, 0)],
)
def test_typical_work_is_what_the_median_call_paid_for(
    base: float, per_work: float, typical: float, work: int
) -> None:
    cost = Cost(base, per_work, typical, np.zeros(len(CHANCES)))
    assert Calibrated(lambda _: cost, np.random.default_rng()).typical_work == work


def test_between_two_costs_lies_the_power_law() -> None:
    small, large = flat(100.0, 0.1), flat(400.0, 0.3)
    middle = mixed([small, large], [0.5, 0.5])
    assert middle.base_ns == pytest.approx(200.0)
    assert middle.per_work_ns == 0.0
    assert middle.jitter == pytest.approx(np.full(len(CHANCES), 0.2))
    partly = mixed([flat(0.0), large], [0.25, 0.75])
    assert partly.base_ns == pytest.approx(300.0)
    assert mixed([large, flat(0.0)], [-0.5, 1.5]).base_ns == 0.0
    assert mixed([flat(0.25), flat(1.0)], [0.5, 0.5]).base_ns == pytest.approx(0.5)
    floors = [Cost(100.0, 0.0, 100.0, small.jitter, least) for least in (90.0, 360.0)]
    assert mixed(floors, [0.5, 0.5]).least_ns == pytest.approx(180.0)
    beyond = mixed([small, large], [-0.5, 1.5])
    assert beyond.base_ns == pytest.approx(800.0)
    assert beyond.jitter == pytest.approx(large.jitter)
