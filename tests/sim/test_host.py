"""A quiet process: how it waits decides what priority it can have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim import host
from sim.deadline import InputError
from sim.host import Conditions, in_own_process, in_words, live_clock, quiet, throttled


@pytest.mark.parametrize(
    ("runtime", "period", "share"),
    [("950000", "1000000", 0.05), ("-1", "1000000", 0.0), ("1000000", "1000000", 0.0)],
)
def test_what_the_kernel_keeps_from_real_time_processes(
    tmp_path: Path, runtime: str, period: str, share: float
) -> None:
    (tmp_path / "sched_rt_runtime_us").write_text(runtime + "\n")
    (tmp_path / "sched_rt_period_us").write_text(period + "\n")
    assert throttled(tmp_path) == pytest.approx(share)


def test_a_kernel_that_does_not_tell_keeps_nothing(tmp_path: Path) -> None:
    assert throttled(tmp_path) == 0.0


class Kernel:
    """Grants everything, and notes what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kept: float) -> None:
        self.policy = os.SCHED_OTHER
        self.nice = os.getpriority(os.PRIO_PROCESS, 0)  # tests may be run under nice
        monkeypatch.setattr(host, "throttled", lambda: kept)
        monkeypatch.setattr(os, "sched_setscheduler", self._policy)
        monkeypatch.setattr(os, "setpriority", self._nice)

    def _policy(self, _: int, policy: int, parameters: object) -> None:
        self.policy = policy

    def _nice(self, which: int, who: int, nice: int) -> None:
        self.nice = nice


@pytest.mark.parametrize(
    ("wait", "kept", "priority"),
    [("poll", 0.05, "nice"), ("poll", 0.0, "fifo"), ("sleep", 0.05, "fifo")],
)
def test_a_process_that_polls_has_real_time_priority_only_where_it_keeps_it(
    monkeypatch: pytest.MonkeyPatch, wait: host.Wait, kept: float, priority: str
) -> None:
    before = os.sched_getaffinity(0)
    kernel = Kernel(monkeypatch, kept)
    nice = kernel.nice
    with quiet(wait=wait) as conditions:
        assert conditions.priority == priority
        assert conditions.wait == wait
        assert (kernel.policy == os.SCHED_FIFO) == (priority == "fifo")
        assert (kernel.nice == -20) == (priority == "nice")
        assert any("5%" in text for text in conditions.refused) == (wait == "poll" and kept > 0)
        assert os.sched_getaffinity(0) == {conditions.cpu}
    assert (kernel.policy, kernel.nice) == (os.SCHED_OTHER, nice)
    assert os.sched_getaffinity(0) == before


def test_only_a_process_that_sleeps_goes_to_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clocks = {wait: live_clock(wait) for wait in ("poll", "sleep")}
    for wait, clock in clocks.items():
        monkeypatch.setattr(clock, "_sleep", lambda seconds, wait=wait: slept.append(wait))
        assert clock.wait_until(clock.now_ns() + 1_000_000) >= 1_000_000
    assert slept == ["sleep"]


def test_conditions_in_words() -> None:
    quiet_host = Conditions(1, "fifo", "poll", ())
    assert in_words(quiet_host.facts()) == "Live: pinned to processor 1, priority fifo, wait: poll."
    refused = Conditions(None, "normal", "sleep", ("pinning: no", "nice -20: no"))
    assert in_words(refused.facts()).endswith("Not permitted here: pinning: no; nice -20: no.")


def _fail(kind: type[Exception], progress: object) -> None:
    raise kind("of its own")


@pytest.mark.parametrize(
    ("kind", "told", "said"),
    [
        (MemoryError, MemoryError, "^of its own$"),
        (InputError, InputError, "^of its own$"),
        (ZeroDivisionError, InputError, "timed failed: ZeroDivisionError: of its own$"),
    ],
)
def test_what_fails_in_a_process_of_its_own_fails_here(
    kind: type[Exception], told: type[Exception], said: str
) -> None:
    with pytest.raises(told, match=said):
        in_own_process(_fail, (kind,), lambda more, text: None)
