"""How far an ascent may go before its time is up, judged by what iterations took so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_REMEMBERED = 9  # problems


class DeadlinePace:
    """Lets an ascent take as many iterations as should end in time.

    The estimate of an iteration's cost is the longest that a problem saw, the median over the last
    nine problems: a problem during which the machine did something else has no say. As it holds a
    part of the cost of a call, the estimate is high where calls are short; what it left unused is
    asked for again, until not even one more iteration fits.

    Args:
        budget_ns: from `begin` to the deadline.
        reserve_ns: how long before the deadline to be done.
        clock: monotonic time in ns.

    Attributes:
        over: whether it has said stop, since `begin`.
    """

    def __init__(self, budget_ns: int, reserve_ns: int, clock: Callable[[], int]) -> None:
        self._allowed = budget_ns - reserve_ns
        self._clock = clock
        self.over = False
        self._end = 0
        self._asked = 0
        # ns an iteration, on one subband: the longest of this problem, those of the ones before
        self._longest = 0.0
        self._before: deque[float] = deque(maxlen=_REMEMBERED)
        self._estimate = 0.0

    def begin(self) -> None:
        """Start the clock for a new problem."""
        self._end = self._clock() + self._allowed
        if self._longest:
            self._before.append(self._longest)
        elif self.over and self._before:
            self._before.remove(max(self._before))  # no iteration fits, so no better one is seen
        ordered = sorted(self._before)
        self._estimate = ordered[(len(ordered) - 1) // 2] if ordered else 0.0
        self._longest = 0.0
        self.over = False

    def passes(self, running: int) -> int:
        """Return how many iterations on each of ``running`` subbands fit; 0: the time is up."""
        self._asked = self._clock()
        left = self._end - self._asked
        fit = int(left > 0)  # the first iteration is the first estimate
        if fit and (iteration := self._estimate or self._longest):
            fit = int(left / (iteration * running))
        self.over = not fit
        return fit

    def took(self, work: int) -> None:
        """Learn that ``work`` iterations, over all subbands, were done since `passes`."""
        if work:
            self._longest = max(self._longest, (self._clock() - self._asked) / work)
