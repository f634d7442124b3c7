"""What of the live race needs no clock: budgets, intervals, lateness, what cannot be played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline import InputError, OnOverrun, Outcome, Task
from sim.deadline.stats import binomial_interval
from sim.live import playable
from sim.live.controller import lateness_ns
from sim.live.recording import recordings, verifiable
from sim.live.trial import budget_for, with_budget
from sim.live.verify import CONFIDENCE, live_interval
from sim.problem import Allocation, PowerControlProblem
from sim.scenario import Scenario

BASE: dict[str, Any] = {
    "name": "street",
    "slots": 20,
    "channel": {"rayleigh": {"links": 3}},
    "radio": {"snr_db": 0},
    "compute": {"latency": {"constant": "10 us"}},
    "allocators": [{"max_power": {}, "latency": {"constant": "5 us"}}, "random"],
}


def scenario(**changes: Any) -> Scenario:
    return Scenario.model_validate({**BASE, **changes})


def test_what_is_played_live_is_measured() -> None:
    played = playable(scenario())
    assert played.compute.latency.model == "measured"
    assert [model.latency for model in played.allocators] == [None, None]
    assert played.slots == 20


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"compute": {"servers": 2}},
            r"^compute.servers: 2 cannot be played live, as one pinned processor plays; want 1 "
            r"\(--set compute.servers=1\)$",
        ),
        (
            {"compute": {"preemptive": True}},
            "^compute.preemptive: true .* a call that runs keeps its processor; want false",
        ),
        ({"compute": {"batch": 3}}, "^compute.batch: 3 .* a call of its own, .*; want 1"),
        ({"compute": {"speed": 0.5}}, "^compute.speed: 0.5 cannot be played live, .* want 1"),
    ],
)
def test_what_cannot_be_played_live(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        playable(scenario(**changes))


def test_several_controllers_are_played_but_not_verified() -> None:
    several = scenario(controllers=3)
    assert len(playable(several).controllers) == 3
    with pytest.raises(InputError, match=r"^controllers: 3 cannot be verified, .* want 1$"):
        verifiable(several)
    with pytest.raises(InputError, match=r"^compute.servers: 2 cannot be played live"):
        verifiable(scenario(compute={"servers": 2}))


def test_recordings_hold_every_slot_and_refuse_what_does_not_fit(tmp_path: Path) -> None:
    controllers = [{"numerology": 1}, {"offset": "3 ms"}]
    both = recordings(scenario(controllers=controllers), tmp_path)
    assert [len(recording.problems) for recording in both] == [40, 20]
    assert not np.array_equal(both[0].problems.gain[:20], both[1].problems.gain)
    # 1500 slots of 500 links are 2.8 GiB, and twice that with a copy.
    large = {"channel": {"rayleigh": {"links": 500}}, "slots": 500, "controllers": 3}
    with pytest.raises(InputError, match=r"1500 slots .* take 5.6 GiB; want at most 4: fewer sl"):
        recordings(scenario(**large), tmp_path)


def task(release: int, start: int | None, finish: int | None, deadline: int) -> Any:
    one: Task[PowerControlProblem, Allocation] = Task(0, None, release, deadline)  # type: ignore[arg-type]
    one.start_ns, one.finish_ns = start, finish
    one.outcome = Outcome.SKIPPED if start is None else Outcome.MET
    return one


def test_lateness_is_the_hosts_alone() -> None:
    tasks = [
        task(0, 3, 40, 50),  # 3 late
        task(20, 45, 60, 70),  # waited for the first until 40: 5 late
        task(70, None, None, 60),  # never started, its deadline long gone: nothing to tell
        task(100, None, None, 150),  # the host slept past the deadline: at least 50
        task(200, 200, 210, 250),
    ]
    assert lateness_ns(tasks, OnOverrun.ABORT) == [3, 5, 50, 0]


def test_a_dropped_release_is_no_lateness_of_the_hosts() -> None:
    tasks = [
        task(0, 2, 60, 50),
        task(50, None, None, 100),  # dropped while the first ran
        task(100, 101, 120, 150),
    ]
    assert lateness_ns(tasks, OnOverrun.SKIP) == [2, 1]


@given(
    st.lists(st.integers(1, 10**6), min_size=20, max_size=200),
    st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.9, 1.0]),
)
def test_budgets_miss_as_much_as_is_wanted(times: list[int], wanted: float) -> None:
    response = np.array(times, dtype=np.int64)
    budget = budget_for(wanted, response)
    assert budget >= 1
    ratio = float(np.mean(response > budget))
    ties = float(np.mean(response == budget)) + 2.0 / len(times)
    if wanted == 0.0:
        assert ratio == 0.0
    elif wanted < 1.0:
        assert abs(ratio - wanted) <= ties
    else:
        assert ratio + ties >= 1.0


def test_a_budget_that_was_sought_is_given() -> None:
    timing = scenario(budget={"lead": 1, "csi": "100 us", "control": "50 us"}).controller(0)
    assert with_budget(timing, 7_000).compute_ns == 7_000
    assert with_budget(timing, 850_000).compute_ns == 850_000
    with pytest.raises(InputError, match=r"leaves 850 us to compute, not the 851 us .*one of"):
        with_budget(timing, 851_000)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20))
def test_the_live_interval_holds_the_binomial_one(missed: list[int]) -> None:
    jobs = [50] * len(missed)
    low, high = live_interval(missed, jobs)
    left, right = binomial_interval(sum(missed), sum(jobs), CONFIDENCE)
    assert 0.0 <= low <= left <= right <= high <= 1.0


def test_bursts_widen_the_live_interval() -> None:
    steady = live_interval([10] * 20, [50] * 20)
    bursts = live_interval([0] * 16 + [50] * 4, [50] * 20)
    assert steady == binomial_interval(200, 1000, CONFIDENCE)
    assert bursts[1] - bursts[0] > 4 * (steady[1] - steady[0])
