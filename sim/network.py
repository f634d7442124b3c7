"""The network in time, on SimPy: slots, CSI, the compute pool, and the answers in force.

Slot n starts at t_n = offset + n slot. Its CSI is sampled at t_n and reaches the pool, as a job, at
t_n + csi + fronthaul; the answer is due at t_{n + lead} - control, and serves in slot n + lead, on
the channel as it is then (`sim.ledger` says what it yields).
"""

from __future__ import annotations

from collections import deque

import simpy

from sim.deadline import Entrant, Outcome, Task, admits
from sim.deadline.log import Jobs
from sim.feed import Problems
from sim.ledger import Ledger, PowerTask, Tally
from sim.pool import SERVE, SLOT, ComputePool, Instant
from sim.problem import Allocation, PowerControlProblem
from sim.scenario import Controller

PowerEntrant = Entrant[PowerControlProblem, Allocation]


class ControllerProcess:
    """One controller in its slots, with one allocator.

    Args:
        env: a SimPy environment that counts integer nanoseconds.
        timing: its slots and budget.
        entrant: the allocator that serves it.
        pool: where its jobs are computed.
        log: where its jobs are logged.
        links: K.
    """

    def __init__(
        self,
        env: simpy.Environment,
        timing: Controller,
        entrant: PowerEntrant,
        pool: ComputePool,
        log: Jobs,
        links: int,
    ) -> None:
        self._env = env
        self._timing = timing
        # Kept here: each slot asks for them.
        self._release_after_ns, self._compute_ns = timing.release_after_ns, timing.compute_ns
        self._deadline_at_boundary = timing.deadline_at_boundary
        self._entrant = entrant
        self._pool = pool
        self._ledger = Ledger(links, entrant.in_force.answer, log)
        self._given: Problems
        self._true: Problems
        self._due: deque[PowerTask] = deque()  # not settled yet, the oldest first
        self._previous: PowerTask | None = None
        self._next = 0  # slot
        Instant(env, timing.offset_ns, SLOT, self._start)

    @property
    def tally(self) -> Tally:
        """Sums over the slots it was served in."""
        return self._ledger.tally

    def supply(self, problems: Problems) -> None:
        """Set the window of problems for the slots to come."""
        self._true = problems
        # The allocator works on a copy: whatever it does to it, rates are those of the channel.
        self._given = problems.copy()
        if len(problems):
            self._entrant.warm_up(problems.copy(1).at(problems.first))

    def close(self) -> None:
        """Settle and log what is left, once the pool has run dry."""
        while self._due:
            task = self._due.popleft()
            self._entrant.settle(task)
            self._ledger.leave(task)
        self._ledger.write()

    def _start(self, _: simpy.Event) -> None:
        """Start a slot, and have the next one started."""
        slot = self._next
        timing = self._timing
        now = int(self._env.now)
        release_ns = now + self._release_after_ns
        task: PowerTask = Task(
            slot, self._given.at(slot), release_ns, release_ns + self._compute_ns, timing.number
        )
        self._entrant.solve(task)
        self._ledger.answered(task.answer)
        if slot >= timing.budget.lead:
            if not self._deadline_at_boundary or not self._pool.waiting:
                self._serve(slot)
            else:  # a job that waits may yet start and end at this instant, its deadline
                Instant(self._env, 0, SERVE, lambda _: self._serve(slot))
        self._ledger.advance()
        self._due.append(task)
        if release_ns == now:
            self._release(task)
        else:
            Instant(self._env, release_ns - now, SLOT, lambda _: self._release(task))
        self._next = slot + 1
        if self._next < timing.slots:
            Instant(self._env, timing.slot_ns, SLOT, self._start)

    def _serve(self, slot: int) -> None:
        """Settle the job whose answer is due in this slot, and rate the slot."""
        task = self._due.popleft()
        self._entrant.settle(task)
        self._ledger.serve(task, self._true.at(slot), self._entrant.in_force.answer)

    def _release(self, task: PowerTask) -> None:
        busy = self._previous is not None and self._previous.outcome is None
        if admits(self._entrant.on_overrun, busy):
            self._previous = task
            self._pool.submit(task, self._entrant, self._timing.priority)
        else:
            task.outcome = Outcome.SKIPPED
