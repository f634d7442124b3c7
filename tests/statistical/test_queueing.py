"""Queueing theory: the recursion and the pool against closed formulas.

Waiting times of one run are correlated, so each figure is a mean over independent replications,
compared by Student's interval of those means (`replicate_interval`): correlation within a
replication does not matter. At a confidence of 1 - 1e-5 each of the 49 comparisons raises a false
alarm for 1e-5 of seeds, all together for < 5e-4. Every replication starts empty and drops its first
jobs; what is left of the empty start is far below the standard error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import simpy
from numpy.typing import NDArray
from scipy.optimize import brentq

from sim.deadline import (
    Constant,
    Distribution,
    Entrant,
    LatencyModel,
    OnOverrun,
    Outcome,
    Solver,
    Task,
    periodic,
    run,
)
from sim.deadline.stats import replicate_interval
from sim.pool import SLOT, ComputePool, Instant
from sim.seeding import stream

MEAN_NS = 1_000_000  # mean service time; mu = 1 / MEAN_NS
CONFIDENCE = 1.0 - 1e-5
WARM_UP = 200
JOBS = 2200  # of each replication

Waits = NDArray[np.float64]


class Null(Solver[int, int]):
    def solve(self, problem: int) -> int:
        return 0


def exponential(axis: str, replicate: int) -> Distribution:
    return Distribution("exponential", {"mean_ns": MEAN_NS}, stream(11, axis, replicate))


def waits_of_run(releases_ns: Iterable[int], jobs: int, latency: LatencyModel) -> Waits:
    """Waiting times, in mean service times, by `sim.deadline.run`."""
    served = run(
        Entrant(Null(), 0, latency),
        itertools.repeat(0, jobs),
        releases_ns,
        budget_ns=MEAN_NS,
    )
    waits = [(job.start_ns or 0) - job.release_ns for job, _ in served]
    return np.array(waits[WARM_UP:]) / MEAN_NS


def waits_of_pool(
    releases_ns: Iterable[int], jobs: int, latency: LatencyModel, servers: int = 1
) -> Waits:
    """The same, by the compute pool."""
    env = simpy.Environment(initial_time=0)
    pool = ComputePool(env, servers, "fifo")
    entrant = Entrant(Null(), 0, latency, OnOverrun.CONTINUE)
    tasks: list[Task[int, int]] = []

    def release(task: Task[int, int]) -> None:
        entrant.solve(task)
        pool.submit(task, entrant)

    for index, release_ns in zip(range(jobs), releases_ns, strict=False):
        task = Task[int, int](index, 0, release_ns, release_ns + MEAN_NS)
        tasks.append(task)
        Instant(env, release_ns, SLOT, lambda _, task=task: release(task))
    env.run()
    assert all(task.outcome in (Outcome.MET, Outcome.LATE) for task in tasks)
    waits = [(task.start_ns or 0) - task.release_ns for task in tasks]
    return np.array(waits[WARM_UP:]) / MEAN_NS


def assert_mean(expected: float, values: list[float], what: str) -> None:
    low, high = replicate_interval(values, CONFIDENCE)
    assert low <= expected <= high, f"{what}: {expected:.5g} not in [{low:.5g}, {high:.5g}]"
    # The test could fail: an error of a fifth would show.
    assert high - low < 0.4 * expected, f"{what}: the interval is too wide to tell"


def root_of_dm1(period: float) -> float:
    """Return s in (0, 1) with s = exp(-mu (1 - s) T), for mu = 1."""
    return float(brentq(lambda s: s - math.exp(-(1.0 - s) * period), 1e-12, 1.0 - 1e-9))


@pytest.mark.parametrize("load", [0.5, 0.7])
@pytest.mark.parametrize("waits", [waits_of_run, waits_of_pool])
def test_periodic_releases_and_exponential_service(
    waits: Callable[..., Waits], load: float
) -> None:
    """D/M/1: P(W > t) = s exp(-mu (1 - s) t); L. Kleinrock, Queueing Systems 1, Sec. 6.4."""
    period_ns = round(MEAN_NS / load)
    s = root_of_dm1(period_ns / MEAN_NS)
    replications = [
        waits(periodic(period_ns), JOBS, exponential(f"dm1 {load}", replicate))
        for replicate in range(24)
    ]
    for beyond in (0.0, 0.5, 1.0, 2.0):
        shares = [float(np.mean(sample > beyond)) for sample in replications]
        expected = s * math.exp(-(1.0 - s) * beyond)
        low, high = replicate_interval(shares, CONFIDENCE)
        assert low <= expected <= high, f"P(W > {beyond}) = {expected:.5g}: [{low}, {high}]"
    assert_mean(s / (1.0 - s), [float(np.mean(sample)) for sample in replications], "mean wait")


def erlang_c(servers: int, offered: float) -> float:
    """Return the probability that a job waits in M/M/c, ``offered`` = lambda / mu."""
    busy = offered**servers / math.factorial(servers) * servers / (servers - offered)
    idle = sum(offered**k / math.factorial(k) for k in range(servers))
    return busy / (idle + busy)


def test_erlang_c_itself() -> None:
    assert erlang_c(1, 0.6) == pytest.approx(0.6)
    # M/M/2 in closed form: 2 rho^2 / (1 + rho).
    assert erlang_c(2, 1.2) == pytest.approx(2 * 0.6**2 / 1.6)


@pytest.mark.parametrize("servers", [1, 2, 4])
def test_poisson_releases_and_exponential_service(servers: int) -> None:
    """M/M/c: P(W > 0) = C(c, a) and E[W] = C / (c mu - lambda); Erlang, 1917."""
    load = 0.6
    offered = load * servers
    delayed, mean = [], []
    for replicate in range(24):
        gaps_ns = stream(12, f"mmc {servers}", replicate).exponential(MEAN_NS / offered, JOBS)
        releases_ns = np.rint(np.cumsum(gaps_ns)).astype(np.int64).tolist()
        sample = waits_of_pool(releases_ns, JOBS, exponential(f"mmc {servers}", replicate), servers)
        delayed.append(float(np.mean(sample > 0)))
        mean.append(float(np.mean(sample)))
    waiting = erlang_c(servers, offered)
    assert_mean(waiting, delayed, "P(W > 0)")
    low, high = replicate_interval(mean, CONFIDENCE)
    assert low <= waiting / (servers - offered) <= high


def poisson(axis: str, replicate: int, rate: float, jobs: int) -> list[int]:
    """Return releases of a Poisson process, ``rate`` a mean service time."""
    gaps_ns = stream(14, axis, replicate).exponential(MEAN_NS / rate, jobs)
    releases: list[int] = np.rint(np.cumsum(gaps_ns)).astype(np.int64).tolist()
    return releases


def crommelin(wait: float, load: float) -> float:
    """Return P(W <= t) of M/D/1, ``wait`` in service times.

    A. K. Erlang, 1909; C. D. Crommelin, Post Office Electrical Engineers' Journal 25, 1932.
    """
    terms = [
        (-load * (wait - k)) ** k / math.factorial(k) * math.exp(load * (wait - k))
        for k in range(math.floor(wait) + 1)
    ]
    return (1.0 - load) * math.fsum(terms)


def test_the_law_of_crommelin_itself() -> None:
    """Who finds the server idle does not wait; the mean of the law is that of Khinchine."""
    assert crommelin(0.0, 0.6) == pytest.approx(0.4)
    tail = [1.0 - crommelin(t, 0.6) for t in np.arange(0.0005, 20, 0.001)]
    assert sum(tail) * 0.001 == pytest.approx(0.6 / (2 * 0.4), rel=1e-4)


@pytest.mark.parametrize("load", [0.5, 0.7])
@pytest.mark.parametrize("waits", [waits_of_run, waits_of_pool])
def test_poisson_releases_and_constant_service(waits: Callable[..., Waits], load: float) -> None:
    """M/D/1: E[W] = rho / (2 (1 - rho)) service times, and Crommelin's law of W."""
    replications = [
        waits(poisson(f"md1 {load}", replicate, load, JOBS), JOBS, Constant(MEAN_NS))
        for replicate in range(24)
    ]
    for up_to in (0.0, 0.5, 1.5, 3.0):
        shares = [float(np.mean(sample <= up_to)) for sample in replications]
        low, high = replicate_interval(shares, CONFIDENCE)
        expected = crommelin(up_to, load)
        assert low <= expected <= high, f"P(W <= {up_to}) = {expected:.5g}: [{low}, {high}]"
        assert high - low < 0.1
    means = [float(np.mean(sample)) for sample in replications]
    assert_mean(load / (2.0 * (1.0 - load)), means, "mean wait")


@pytest.mark.parametrize(
    ("name", "parameters", "squared_variation"),
    [
        ("gamma", {"mean_ns": MEAN_NS, "shape": 2.0}, 1 / 2),
        ("uniform", {"low_ns": 0, "high_ns": 2 * MEAN_NS}, 1 / 3),
        (
            "lognormal",
            {"median_ns": MEAN_NS * math.exp(-0.125), "sigma": 0.5},
            math.exp(0.25) - 1.0,
        ),
    ],
)
def test_poisson_releases_and_general_service(
    name: str, parameters: dict[str, float], squared_variation: float
) -> None:
    """M/G/1: E[W] = rho (1 + c^2) / (2 (1 - rho)) service times (Pollaczek, Khinchine)."""
    load = 0.6
    means = []
    for replicate in range(24):
        latency = Distribution(name, parameters, stream(15, name, replicate))
        releases_ns = poisson(f"mg1 {name}", replicate, load, JOBS)
        means.append(float(np.mean(waits_of_pool(releases_ns, JOBS, latency))))
    assert_mean(load * (1.0 + squared_variation) / (2.0 * (1.0 - load)), means, name)


def test_the_pool_with_one_server_is_the_recursion() -> None:
    """Poisson releases and exponential service, job by job."""
    gaps_ns = stream(13, "releases").exponential(1.3 * MEAN_NS, 3000)
    releases_ns = np.rint(np.cumsum(gaps_ns)).astype(np.int64).tolist()
    ours = waits_of_pool(releases_ns, 3000, exponential("one", 0))
    assert ours.tolist() == waits_of_run(releases_ns, 3000, exponential("one", 0)).tolist()
