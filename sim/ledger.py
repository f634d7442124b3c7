"""What each slot yields, told apart exactly, and the log of the jobs that were to serve it.

genie rate (same allocator, that slot's own channel, no time)
- ageing loss (the answer is `lead` slots old)  = aged rate
- miss loss (the answer did not come)           = rate in force
"""

from __future__ import annotations

from collections import deque

import numpy as np

from sim.deadline import Outcome, Task
from sim.deadline.log import Jobs
from sim.problem import Allocation, FloatArray, PowerControlProblem, evaluate

#: What the radio adds to the job log: rates of the slot that the job's answer is for.
RATE_COLUMNS = {
    "genie_bps_hz": "float64",
    "aged_bps_hz": "float64",
    "in_force_bps_hz": "float64",
}

PowerTask = Task[PowerControlProblem, Allocation]


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


class Ledger:
    """One controller's rates and jobs, slot by slot: `answered`, `serve`, `advance`.

    Args:
        links: K.
        initial: the answer in force before any other.
        log: where its jobs are logged.
    """

    def __init__(self, links: int, initial: Allocation, log: Jobs) -> None:
        self.tally = Tally(links)
        self._log = log
        # The last usable answers: those of the last `lead` slots, the oldest first, and the
        # newest; a failed call repeats the one before it.
        self._recent: deque[Allocation] = deque()
        self._newest = initial
        self._unlogged: deque[tuple[PowerTask, tuple[float | None, ...]]] = deque()
        self._rates: FloatArray = np.empty(links)

    def answered(self, answer: Allocation | None) -> None:
        """Note the answer to this slot's own problem; None if the call failed."""
        if answer is not None:
            self._newest = answer

    def serve(self, task: PowerTask, problem: PowerControlProblem, served: Allocation) -> None:
        """Rate this slot.

        Args:
            task: the job that was to serve it, settled.
            problem: the slot's channel.
            served: the answer in force.
        """
        tally = self.tally
        genie = evaluate(problem, self._newest.power_w, self._rates)
        aged_answer = self._recent.popleft()
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
        self.write()

    def advance(self) -> None:
        """Go on to the next slot."""
        self._recent.append(self._newest)

    def leave(self, task: PowerTask) -> None:
        """Note a settled job whose answer would serve after the last slot."""
        self._unlogged.append((task, (None, None, None)))

    def write(self) -> None:
        """Log the settled jobs that have ended, in their order."""
        while self._unlogged and self._unlogged[0][0].outcome is not None:
            task, rates = self._unlogged.popleft()
            self.tally.jobs += 1
            self.tally.met += task.outcome is Outcome.MET
            self._log.append(task.job(), rates)


def kept(answer: Allocation, p_max_w: FloatArray) -> Allocation:
    """Return an answer in memory of its own, as it may be in force long after the next call.

    What single precision rounded up above a cap is brought back to it.
    """
    return answer._replace(power_w=np.minimum(answer.power_w, p_max_w))
