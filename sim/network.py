"""The network in time, on SimPy: slots, CSI, the compute pool, and the answers in force.

Slot n starts at t_n = offset + n slot. Its CSI is sampled at t_n and reaches the pool, as a job, at
t_n + csi + fronthaul; the answer is due at t_{n + lead} - control, and serves in slot n + lead, on
the channel as it is then. What that slot yields is told apart exactly:

    genie rate (same allocator, that slot's own channel, no time)
      - ageing loss (the answer is `lead` slots old)  = aged rate
      - miss loss (the answer did not come)           = rate in force
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import numpy as np
import simpy

from sim.deadline import Entrant, Outcome, Task, admits
from sim.deadline.log import Jobs
from sim.feed import Problems
from sim.pool import SERVE, SLOT, ComputePool, Instant
from sim.problem import Allocation, FloatArray, PowerControlProblem, evaluate
from sim.scenario import Controller

#: What the radio adds to the job log: rates of the slot that the job's answer is for.
RATE_COLUMNS = {
    "genie_bps_hz": "float64",
    "aged_bps_hz": "float64",
    "in_force_bps_hz": "float64",
}

PowerTask = Task[PowerControlProblem, Allocation]
PowerEntrant = Entrant[PowerControlProblem, Allocation]


class Tally:
    """Sums over the slots that a controller was served in.

    Attributes:
        jobs: jobs that have ended.
        met: those that met their deadline.
        slots: slots served.
        genie: sum of genie rates, bit/s/Hz.
        aged: sum of aged rates.
        in_force: sum of rates in force.
        user: sum of each link's rate in force, ``(K,)``.
    """

    def __init__(self, links: int) -> None:
        self.jobs = 0
        self.met = 0
        self.slots = 0
        self.genie = 0.0
        self.aged = 0.0
        self.in_force = 0.0
        self.user: FloatArray = np.zeros(links)


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
        self.tally = Tally(links)
        self._env = env
        self._timing = timing
        self._entrant = entrant
        self._pool = pool
        self._log = log
        self._given: Problems
        self._true: Problems
        # The last usable answers: those of the last `lead` slots, the oldest first, and the
        # newest; a failed call repeats the one before it.
        self._recent: deque[Allocation] = deque()
        self._newest = entrant.in_force.answer
        self._due: deque[PowerTask] = deque()  # not settled yet, the oldest first
        self._unlogged: deque[tuple[PowerTask, tuple[float | None, ...]]] = deque()
        self._previous: PowerTask | None = None
        self._rates: FloatArray = np.empty(links)
        env.process(self._run())

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
            self._unlogged.append((task, (None, None, None)))
        self._write()

    def _run(self) -> Generator[simpy.Event, None, None]:
        timing = self._timing
        yield Instant(self._env, timing.offset_ns, SLOT)
        for slot in range(timing.slots):
            self._slot(slot)
            yield Instant(self._env, timing.slot_ns, SLOT)

    def _slot(self, slot: int) -> None:
        timing = self._timing
        now = int(self._env.now)
        release_ns = now + timing.release_after_ns
        task: PowerTask = Task(
            slot, self._given.at(slot), release_ns, release_ns + timing.compute_ns, timing.number
        )
        self._entrant.solve(task)
        p_max_w = self._true.p_max_w
        if task.answer is not None:
            self._newest = task.answer = _kept(task.answer, p_max_w)
        if task.fallback_answer is not None:
            task.fallback_answer = _kept(task.fallback_answer, p_max_w)
        if slot >= timing.budget.lead:
            if timing.budget.control_ns or not self._pool.waiting:
                self._serve(slot)
            else:  # a job that waits may yet start and end at this instant, its deadline
                Instant(self._env, 0, SERVE, lambda _: self._serve(slot))
        self._recent.append(self._newest)
        self._due.append(task)
        if release_ns == now:
            self._release(task)
        else:
            Instant(self._env, release_ns - now, SLOT, lambda _: self._release(task))

    def _serve(self, slot: int) -> None:
        """Settle the job whose answer is due in this slot, and rate the slot."""
        task = self._due.popleft()
        self._entrant.settle(task)
        problem = self._true.at(slot)
        tally = self.tally
        genie = evaluate(problem, self._newest.power_w, self._rates)
        aged_answer = self._recent.popleft()
        served = self._entrant.in_force.answer
        in_force = evaluate(problem, served.power_w, self._rates)
        tally.user += self._rates
        aged = (
            in_force
            if served is aged_answer
            else evaluate(problem, aged_answer.power_w, self._rates)
        )
        tally.slots += 1
        tally.genie += genie
        tally.aged += aged
        tally.in_force += in_force
        self._unlogged.append((task, (genie, aged, in_force)))
        self._write()

    def _release(self, task: PowerTask) -> None:
        previous, now = self._previous, int(self._env.now)
        busy = previous is not None and (
            previous.outcome is None
            or (previous.finish_ns is not None and previous.finish_ns > now)
        )
        if admits(self._entrant.on_overrun, busy):
            self._previous = task
            self._pool.submit(task, self._entrant, self._timing.priority)
        else:
            task.outcome = Outcome.SKIPPED

    def _write(self) -> None:
        """Log the settled jobs that have ended, in their order."""
        while self._unlogged and self._unlogged[0][0].outcome is not None:
            task, rates = self._unlogged.popleft()
            self.tally.jobs += 1
            self.tally.met += task.outcome is Outcome.MET
            self._log.append(task.job(), rates)


def _kept(answer: Allocation, p_max_w: FloatArray) -> Allocation:
    """Return an answer in memory of its own, as it may be in force long after the next call.

    What single precision rounded up above a cap is brought back to it.
    """
    return answer._replace(power_w=np.minimum(answer.power_w, p_max_w))
