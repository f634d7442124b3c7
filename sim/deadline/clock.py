"""Two clocks, one semantics: simulated time jumps, live time passes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable


class Clock(ABC):
    """Where one server stands in time, in integer nanoseconds from the start of the run."""

    #: whether time passes while the solver runs
    live: bool

    @abstractmethod
    def now_ns(self) -> int:
        """Return the time."""

    @abstractmethod
    def wait_until(self, instant_ns: int) -> int:
        """Go on at ``instant_ns``, or at once if that has passed; return the time then."""


class VirtualClock(Clock):
    """Simulated time: waiting takes none, and only what is charged passes."""

    live = False

    def __init__(self) -> None:
        self._now = 0

    def now_ns(self) -> int:
        """Return the simulated time."""
        return self._now

    def wait_until(self, instant_ns: int) -> int:
        """Jump to ``instant_ns``, never back."""
        self._now = max(self._now, instant_ns)
        return self._now


class LiveClock(Clock):
    """Wall-clock time on an absolute grid: it sleeps, then spins over the last stretch.

    Args:
        spin_ns: how long before the instant the sleep ends; hosts wake late by up to this much.
            None: it never sleeps, and keeps its processor to itself.
        source: monotonic time in ns.
        sleep: sleeps for so many seconds.
        start_ns: what it shows when it is made.
    """

    live = True

    def __init__(
        self,
        spin_ns: int | None = 200_000,
        source: Callable[[], int] = time.perf_counter_ns,
        sleep: Callable[[float], None] = time.sleep,
        start_ns: int = 0,
    ) -> None:
        self._spin = spin_ns
        self._source = source
        self._sleep = sleep
        self._origin = source() - start_ns

    def now_ns(self) -> int:
        """Return the time."""
        return self._source() - self._origin

    def wait_until(self, instant_ns: int) -> int:
        """Sleep, then spin, until ``instant_ns``."""
        if self._spin is not None and (ahead := instant_ns - self.now_ns()) > self._spin:
            self._sleep((ahead - self._spin) / 1e9)
        while (now := self.now_ns()) < instant_ns:
            pass
        return now
