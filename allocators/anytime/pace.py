"""How far an ascent may go before its time is up, judged by what iterations took so far."""

from __future__ import annotations

from collections.abc import Callable

# The longest iteration is that of the last 8 to 16 problems: one that the machine disturbed must
# not keep an allocator from iterating for ever.
_REMEMBERED = 8


class DeadlinePace:
    """Lets an ascent take as many iterations as are sure to end in time.

    The longest cost of an iteration seen lately is the estimate of the next. As it holds a part of
    the cost of a call, the estimate is high where calls are short; what it left unused is asked for
    again, until not even one more iteration fits.

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
        # ns, on one subband: the longest of the problems up to now, and of the 8 before those
        self._longest = self._before = 0.0
        self._problems = 0

    def begin(self) -> None:
        """Start the clock for a new problem."""
        self._end = self._clock() + self._allowed
        self._problems += 1
        if self._problems == _REMEMBERED:
            self._problems = 0
            self._longest, self._before = 0.0, self._longest
        self.over = False

    def passes(self, running: int) -> int:
        """Return how many iterations on each of ``running`` subbands fit; 0: the time is up."""
        self._asked = self._clock()
        left = self._end - self._asked
        fit = int(left > 0)  # the first iteration is the first estimate
        iteration = max(self._longest, self._before)
        if fit and iteration > 0.0:
            fit = int(left / (iteration * running))
        self.over = not fit
        return fit

    def took(self, work: int) -> None:
        """Learn that ``work`` iterations, over all subbands, were done since `passes`."""
        if work:
            self._longest = max(self._longest, (self._clock() - self._asked) / work)
