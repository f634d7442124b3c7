"""Latency models: what they charge, and the laws of what they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sim.deadline import Constant, Distribution, InputError, LatencyModel, Measured
from sim.deadline.latency import LONGEST_NS, SAMPLERS

LAWS: dict[str, tuple[dict[str, float], Any]] = {
    "exponential": ({"mean_ns": 1e6}, stats.expon(scale=1e6)),
    "uniform": ({"low_ns": 2e5, "high_ns": 9e5}, stats.uniform(2e5, 7e5)),
    "lognormal": ({"median_ns": 1e6, "sigma": 0.5}, stats.lognorm(0.5, scale=1e6)),
    "gamma": ({"mean_ns": 1e6, "shape": 4.0}, stats.gamma(4.0, scale=2.5e5)),
    "weibull": ({"scale_ns": 1e6, "shape": 0.7}, stats.weibull_min(0.7, scale=1e6)),
    "pareto": ({"minimum_ns": 1e6, "shape": 5.0}, stats.pareto(5.0, scale=1e6)),
}


def draws(model: Distribution, count: int) -> list[int]:
    return [model.service_ns(model.draw(), 0, 0) for _ in range(count)]


@pytest.mark.parametrize(
    ("speed", "elapsed", "charged"),
    [(1.0, 1001, 1001), (2.0, 1001, 500), (0.5, 1001, 2002), (3.0, 110, 37)],
)
def test_measured(speed: float, elapsed: int, charged: int) -> None:
    assert Measured(speed).service_ns(0.0, elapsed, 7) == charged
    assert Measured().service_ns(0.0, elapsed, 7) == elapsed
    assert Measured().measured


@pytest.mark.parametrize(
    ("base", "per_work", "speed", "work", "charged"),
    [
        (100, 0, 1, 9, 100),
        (100, 10, 1, 9, 190),
        (100, 10, 4, 9, 48),
        (0, 0.4, 1, 3, 1),
        (110, 0, 3, 9, 37),
    ],
)
def test_constant(base: float, per_work: float, speed: float, work: int, charged: int) -> None:
    assert Constant(base, per_work, speed).service_ns(0.0, 12345, work) == charged


def test_work_costs_nothing_unless_it_is_said() -> None:
    assert Constant(100.0).service_ns(0.0, 12345, 9) == 100
    assert Constant(100.0, 1.0).service_ns(0.0, 12345, 9) == 109
    assert not Constant(100.0).measured


@pytest.mark.parametrize("model", [Measured(1e-300), Constant(1e9, speed=1e-300), Constant(0, 1e9)])
def test_nothing_takes_longer_than_a_day(model: LatencyModel) -> None:
    assert model.service_ns(0.0, 10**9, 1 << 39) == LONGEST_NS == 24 * 3600 * 10**9


def test_every_distribution_is_tested_here() -> None:
    assert set(LAWS) == set(SAMPLERS)


@pytest.mark.parametrize("name", LAWS)
def test_law(name: str) -> None:
    """Kolmogorov and Smirnov: a false alarm in 1e-5 of seeds. Rounding to ns moves it by < 1e-6."""
    parameters, law = LAWS[name]
    sample = draws(Distribution(name, parameters, np.random.default_rng(20)), 30_000)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-5


@pytest.mark.parametrize("name", LAWS)
def test_mean(name: str) -> None:
    """A z-test with the law's own deviation: a false alarm in 1e-5 of seeds (4.4 deviations)."""
    parameters, law = LAWS[name]
    sample = draws(Distribution(name, parameters, np.random.default_rng(21)), 30_000)
    z = (np.mean(sample) - law.mean()) / (law.std() / np.sqrt(len(sample)))
    assert abs(z) < 4.4


def test_a_sigma_of_minus_zero_is_zero() -> None:
    parameters = {"median_ns": 5e3, "sigma": -0.0}
    assert set(draws(Distribution("lognormal", parameters, np.random.default_rng(5)), 9)) == {5000}


@pytest.mark.parametrize("name", LAWS)
def test_speed_scales_the_same_draws(name: str) -> None:
    parameters, _ = LAWS[name]
    ours = draws(Distribution(name, parameters, np.random.default_rng(3)), 3000)
    faster = draws(Distribution(name, parameters, np.random.default_rng(3), speed=4.0), 3000)
    assert np.max(np.abs(np.array(ours) / 4 - faster)) <= 1.0


def test_draws_are_the_generators_each_once_and_in_its_order() -> None:
    parameters = {"low_ns": 2e5, "high_ns": 9e5}
    drawn = draws(Distribution("uniform", parameters, np.random.default_rng(4)), 3000)
    assert drawn == np.rint(np.random.default_rng(4).uniform(2e5, 9e5, 3000)).tolist()


def test_a_draw_does_not_depend_on_the_call() -> None:
    one = Distribution("gamma", LAWS["gamma"][0], np.random.default_rng(3))
    other = Distribution("gamma", LAWS["gamma"][0], np.random.default_rng(3))
    assert [one.service_ns(one.draw(), n, 3 * n, 1 + n % 4) for n in range(3000)] == draws(
        other, 3000
    )


def test_draws_are_plain_integers_in_nanoseconds() -> None:
    heavy = Distribution("pareto", {"minimum_ns": 1.0, "shape": 0.01}, np.random.default_rng(1))
    sample = draws(heavy, 2000)
    assert {type(value) for value in sample} == {int}
    assert min(sample) >= 1
    assert max(sample) == LONGEST_NS


def test_unknown_distribution() -> None:
    with pytest.raises(InputError, match=r"'gama' is not known; did you mean 'gamma'\?"):
        Distribution("gama", {}, np.random.default_rng(1))


@pytest.mark.parametrize("parameters", [{}, {"mean": 1.0}, {"mean_ns": 1.0, "shape": 2.0}])
def test_wrong_parameters(parameters: dict[str, float]) -> None:
    with pytest.raises(InputError, match="takes mean_ns, got"):
        Distribution("exponential", parameters, np.random.default_rng(1))
    with pytest.raises(InputError, match="takes median_ns, sigma, got"):
        Distribution("lognormal", parameters, np.random.default_rng(1))
