"""The garbage collector while something is timed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from sim.deadline import collector
from sim.deadline.collector import collect_now_and_then, collector_paused


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    assert gc.isenabled()
    yield
    assert gc.isenabled()


class Garbage:
    def __init__(self) -> None:
        self.itself = self


def test_it_is_off_while_the_block_runs_and_on_when_asked() -> None:
    with collector_paused() as collect:
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        garbage = weakref.ref(Garbage())
        assert garbage() is not None
        collect()
        assert garbage() is None
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_an_error_leaves_it_on() -> None:
    def fail() -> None:
        with collector_paused():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_who_paused_it_first_has_it_back() -> None:
    with collector_paused():
        with collector_paused() as collect:
            garbage = weakref.ref(Garbage())
            collect()
            assert garbage() is None
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0


@pytest.mark.parametrize(
    ("takes_s", "rests_s"),
    [(0.001, 0.5), (0.2, 4.0)],  # every half a second; or a twentieth of the time
)
def test_a_whole_collection_is_rare(
    takes_s: float, rests_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, collected = 1000.0, []

    def collect() -> None:
        nonlocal now_s
        collected.append(now_s)
        now_s += takes_s

    monkeypatch.setattr(collector, "_next", 0.0)
    monkeypatch.setattr(collector, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(collector, "gc", SimpleNamespace(collect=collect))
    collect_now_and_then()
    ended_s = now_s
    for share in (0.0, 0.99, 1.01):
        now_s = ended_s + share * rests_s
        collect_now_and_then()
    assert collected == [1000.0, ended_s + 1.01 * rests_s]
