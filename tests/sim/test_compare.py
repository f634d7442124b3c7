"""Allocators on a file of channels: rates against the definition, failures, leaving out."""

from __future__ import annotations

import numpy as np
import pytest

import sim.registry as registry
from sim.compare import compare
from sim.deadline import InputError, Solver
from sim.problem import Allocation, PowerControlProblem, sum_rate

GAIN = np.random.default_rng(5).exponential(size=(300, 2, 3, 3))


class EveryThird(Solver[PowerControlProblem, Allocation]):
    """Fails on every third call; the untimed call before a turn counts too."""

    def __init__(self) -> None:
        self.calls = 0

    def solve(self, problem: PowerControlProblem) -> Allocation:
        self.calls += 1
        if self.calls % 3 == 0:
            raise RuntimeError("third")
        return Allocation(problem.p_max_w)


def test_mean_rate_is_that_of_each_answer() -> None:
    result = compare(["max_power", "wmmse"], [GAIN[:100], GAIN[100:]], 0.5, 2.0)
    assert (result["instances"], result["subbands"], result["links"]) == (300, 2, 3)
    want = np.mean([sum_rate(PowerControlProblem(g, 0.5, 2.0), np.full((2, 3), 2.0)) for g in GAIN])
    first, second = result["allocators"]
    assert first["sum_rate_bps_hz"] == pytest.approx(want, rel=1e-12)
    assert first["share"] == 1.0
    assert second["share"] == pytest.approx(second["sum_rate_bps_hz"] / want, rel=1e-12)
    assert second["share"] > 1.0
    assert first["failed"] == second["failed"] == 0
    # 300 instances carry a median; a p99 takes 459
    assert first["time_us"]["p50"] > 0
    assert first["time_us"]["p99"] is None


def test_blocks_do_not_matter() -> None:
    whole = compare(["wmmse", "random"], [GAIN], 1.0, 1.0, seed=3)
    cut = compare(["wmmse", "random"], [GAIN[:256], GAIN[256:]], 1.0, 1.0, seed=3)
    for a, b in zip(whole["allocators"], cut["allocators"], strict=True):
        assert a["sum_rate_bps_hz"] == pytest.approx(b["sum_rate_bps_hz"], rel=1e-12)


def test_failures_are_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"third": EveryThird})
    entry = compare(["third"], [GAIN[:30]], 1.0, 1.0)["allocators"][0]
    assert entry["failed"] == 10
    assert entry["failure"] == "RuntimeError: third"


def test_a_share_is_over_the_instances_that_both_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    # it answers as max_power does, where it answers: its share of that is one
    monkeypatch.setattr(registry, "_registered", {"third": EveryThird})
    entry = compare(["max_power", "third"], [GAIN[:30]], 1.0, 1.0)["allocators"][1]
    assert entry["failed"] == 10
    assert entry["share"] == 1.0


def test_what_does_not_fit() -> None:
    gain = np.ones((1, 1, 20, 20))
    with pytest.raises(InputError, match="at most 14 links"):
        compare(["exhaustive", "max_power"], [gain], 1.0, 1.0)
    result = compare(["exhaustive", "max_power"], [gain], 1.0, 1.0, leave_out=True)
    assert [entry["name"] for entry in result["allocators"]] == ["max_power"]
    assert "at most 14 links" in result["left_out"][0]


def test_rates_must_be_finite() -> None:
    with pytest.raises(InputError, match="not finite; check the scale"):
        compare(["max_power"], [np.ones((3, 1, 1, 1))], 1e-320, 1.0)
