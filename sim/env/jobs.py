"""The race against the deadline, compiled, for N environments side by side.

One controller and one server each: `sim.deadline.run`, job by job to the nanosecond, and the answer
in force as `sim.deadline.policy.InForce` has it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.deadline import OnOverrun, Outcome
from sim.env.deadlines import Deadlines
from sim.env.observation import IntArray
from sim.problem import FloatArray

Flags = NDArray[np.bool_]

#: How the job that was due in a slot ended; the first: no job was due yet.
OUTCOMES = ("initial", Outcome.MET.value, Outcome.LATE.value, Outcome.ABORTED.value,
            Outcome.SKIPPED.value)  # fmt: skip
INITIAL, MET, LATE, ABORTED, SKIPPED = range(len(OUTCOMES))

_CONTINUE, _SKIP, _ABORT = range(3)
_ON_OVERRUN = {
    OnOverrun.CONTINUE: _CONTINUE,
    OnOverrun.SKIP: _SKIP,
    OnOverrun.ABORT: _ABORT,
}


class Jobs:
    """The jobs of N environments.

    A job is kept as long as it may matter: until its slot of use, and while it, or one before it,
    has not ended. What is kept grows with the longest queue.

    Args:
        deadlines: latency and policies.
        size: N.
        shape: of an answer, ``(S, K)``.

    Attributes:
        outcome: how the job due in the current slot ended, a place in `OUTCOMES`, ``(N,)``.
        csi_age: slots since the CSI behind the answer in force, -1 before any, ``(N,)``.
        backlog: jobs of earlier slots that have not ended at the start of this one, ``(N,)``.
        start_ns: when the last jobs started; job n is at n modulo their number; what of a job that
            never started stands here means nothing, ``(N, jobs)``.
        end_ns: when they finished, were cut or dropped, likewise.
        ended: how, places in `OUTCOMES`, likewise.
    """

    def __init__(self, deadlines: Deadlines, size: int, shape: tuple[int, int]) -> None:
        timing = deadlines.timing
        self.lead = timing.budget.lead
        #: start of slot 0, slot length, from a slot to its release, from there to the deadline
        self._grid = (
            timing.offset_ns,
            timing.slot_ns,
            timing.release_after_ns,
            timing.compute_ns,
        )
        self._on_overrun = _ON_OVERRUN[deadlines.on_overrun]
        self._use_late = deadlines.use_late
        capacity = 1 << (self.lead + 1).bit_length()
        self.outcome: NDArray[np.int8] = np.zeros(size, np.int8)
        self.csi_age: IntArray = np.full(size, -1)
        self.backlog: IntArray = np.zeros(size, np.int64)
        self._free_ns: IntArray = np.zeros(size, np.int64)  # when the server is free
        self._in_force: IntArray = np.full(size, -1)  # whose answer it is
        self._open: IntArray = np.zeros(size, np.int64)  # all jobs before this have ended for good
        self.start_ns: IntArray = np.zeros((size, capacity), np.int64)
        self.end_ns: IntArray = np.zeros((size, capacity), np.int64)
        self.ended: NDArray[np.int8] = np.zeros((size, capacity), np.int8)
        self._answer_w: FloatArray = np.zeros((size, capacity, *shape))

    def restart(self, index: int) -> None:
        """Forget the jobs of an environment."""
        self.outcome[index] = INITIAL
        self.csi_age[index] = self._in_force[index] = -1
        self.backlog[index] = self._free_ns[index] = self._open[index] = 0

    def release(
        self,
        active: Flags,
        slot: IntArray,
        power_w: FloatArray,
        cost_ns: IntArray,
        at: IntArray,
    ) -> None:
        """Release the jobs of the current slots, and decide how each will end.

        Args:
            active: whose.
            slot: which slot each is in, ``(N,)``.
            power_w: the answers, ``(N, S, K)``.
            cost_ns: windows of what jobs take to wake up, and then to serve, ``(N, 2, slots)``.
            at: which of its window each releases, ``(N,)``.
        """
        _release(
            active, slot, power_w, cost_ns, at, self._grid, self._on_overrun,
            self._free_ns, self.start_ns, self.end_ns, self.ended, self._answer_w,
        )  # fmt: skip

    def serve(self, active: Flags, slot: IntArray, power_w: FloatArray) -> None:
        """Enter the current slots: put in force what is due, in ``power_w``."""
        full = _serve(
            active, slot, self.lead, self._grid, self._use_late, self.end_ns, self.ended,
            self._answer_w, self._open, self._in_force, self.outcome, self.csi_age, self.backlog,
            power_w,
        )  # fmt: skip
        if full:
            # Twice as many places: job n is at n modulo their number, so each stands in both
            # halves, and the wrong one is overwritten before it is read.
            self.start_ns = np.concatenate([self.start_ns] * 2, axis=1)
            self.end_ns = np.concatenate([self.end_ns] * 2, axis=1)
            self.ended = np.concatenate([self.ended] * 2, axis=1)
            self._answer_w = np.concatenate([self._answer_w] * 2, axis=1)


@njit(cache=True)
def _release(
    active: Flags,
    slot: IntArray,
    power_w: FloatArray,
    cost_ns: IntArray,
    at: IntArray,
    grid: tuple[int, int, int, int],
    on_overrun: int,
    free_ns: IntArray,
    start_ns: IntArray,
    end_ns: IntArray,
    ended: NDArray[np.int8],
    answer_w: FloatArray,
) -> None:
    offset_ns, slot_ns, release_after_ns, compute_ns = grid
    mask = end_ns.shape[1] - 1
    for i in range(len(active)):
        if not active[i]:
            continue
        place = slot[i] & mask
        answer_w[i, place] = power_w[i]
        release_ns = offset_ns + slot[i] * slot_ns + release_after_ns
        deadline_ns = release_ns + compute_ns
        start = max(release_ns, free_ns[i])
        if on_overrun == _SKIP and free_ns[i] > release_ns:
            start, end, outcome = -1, release_ns, SKIPPED
        else:
            start += cost_ns[i, 0, at[i]]
            end = start + cost_ns[i, 1, at[i]]
            outcome = MET if end <= deadline_ns else LATE
            if on_overrun == _ABORT and start >= deadline_ns:  # cut before it woke up
                start, end, outcome = -1, deadline_ns, SKIPPED
            elif on_overrun == _ABORT and end > deadline_ns:
                end, outcome = deadline_ns, ABORTED
            free_ns[i] = end
        start_ns[i, place], end_ns[i, place], ended[i, place] = start, end, outcome


@njit(cache=True)
def _serve(
    active: Flags,
    slot: IntArray,
    lead: int,
    grid: tuple[int, int, int, int],
    use_late: bool,
    end_ns: IntArray,
    ended: NDArray[np.int8],
    answer_w: FloatArray,
    open_: IntArray,
    in_force: IntArray,
    outcome: NDArray[np.int8],
    csi_age: IntArray,
    backlog: IntArray,
    power_w: FloatArray,
) -> bool:
    """Return whether there is no place left for the job of some current slot."""
    offset_ns, slot_ns, release_after_ns, compute_ns = grid
    mask = end_ns.shape[1] - 1
    full = False
    for i in range(len(active)):
        if not active[i]:
            continue
        due = slot[i] - lead
        if due >= 0:
            outcome[i] = ended[i, due & mask]
            if outcome[i] == MET:
                in_force[i] = due
                power_w[i] = answer_w[i, due & mask]
                open_[i] = due + 1  # all before it have ended, on one server, and are outdated
            else:
                deadline_ns = offset_ns + due * slot_ns + release_after_ns + compute_ns
                newest = -1
                while open_[i] < due and end_ns[i, open_[i] & mask] <= deadline_ns:
                    if ended[i, open_[i] & mask] == LATE:
                        newest = open_[i]
                    open_[i] += 1
                if use_late and newest >= 0:
                    in_force[i] = newest
                    power_w[i] = answer_w[i, newest & mask]
        csi_age[i] = -1 if in_force[i] < 0 else slot[i] - in_force[i]
        now_ns = offset_ns + slot[i] * slot_ns
        count = 0
        for job in range(open_[i], slot[i]):
            count += end_ns[i, job & mask] > now_ns
        backlog[i] = count
        full |= slot[i] - min(open_[i], due + 1) > mask
    return full
