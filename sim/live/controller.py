"""One controller in a live race, and its rates, worked out once the clock has stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.deadline import Clock, OnOverrun, Stream, periodic, serve
from sim.deadline.discipline import Discipline
from sim.deadline.log import Jobs
from sim.feed import Problems
from sim.ledger import Ledger, PowerTask, Tally
from sim.live.recording import Recording
from sim.network import PowerEntrant
from sim.problem import Allocation, PowerControlProblem
from sim.scenario import Controller


class LiveController:
    """One controller in its slots, with one allocator.

    Args:
        recording: its slots and problems.
        entrant: the allocator that serves it.
    """

    def __init__(self, recording: Recording, entrant: PowerEntrant) -> None:
        self.timing = recording.timing
        self._entrant = entrant
        self._true = recording.problems
        # As in the simulation, the allocator works on a copy.
        self._given = recording.problems.copy()
        self._tasks: list[PowerTask] = []
        self._served: list[Allocation] = []  # what was in force after each job's deadline

    def warm_up(self) -> None:
        """Call the allocator untimed, as others may have had the processor."""
        self._entrant.warm_up(self._given.copy(1).at(0))

    def stream(self) -> Stream[PowerControlProblem, Allocation]:
        """Return its jobs."""
        return stream_of(self._entrant, self._given, self.timing, 0, self.timing.slots)

    def note(self, task: PowerTask) -> None:
        """Note its job that was settled last."""
        self._tasks.append(task)
        self._served.append(self._entrant.in_force.answer)

    def ledger(self, log: Jobs) -> Ledger:
        """Return a ledger for its rates."""
        initial = Allocation(self._true.p_max_w.copy(), status="initial")
        return Ledger(self._true.gain.shape[-1], initial, log)

    def rate(self, slot: int, ledger: Ledger) -> None:
        """Rate a slot; what was not computed as the clock ran is computed now."""
        task, lead = self._tasks[slot], self.timing.budget.lead
        answer = task.answer
        if answer is None and task.reason is None:
            answer = self._entrant.answer(self._given.at(slot))
        ledger.answered(answer)
        if slot >= lead:
            ledger.serve(self._tasks[slot - lead], self._true.at(slot), self._served[slot - lead])
        ledger.advance()

    def close(self, ledger: Ledger) -> None:
        """Log the jobs whose answers would serve after the last slot."""
        for task in self._tasks[-self.timing.budget.lead :]:
            ledger.leave(task)
        ledger.write()


def play(
    controllers: Sequence[LiveController], clock: Clock, discipline: Discipline
) -> Iterator[PowerTask]:
    """Play all slots of all controllers, in the order of their numbers, on one server.

    Yields:
        Each job, once it was settled and noted.
    """
    streams = [controller.stream() for controller in controllers]
    for task in serve(streams, clock, discipline):
        controllers[task.controller].note(task)
        yield task


def rated(controllers: Sequence[LiveController], log: Jobs) -> list[Tally]:
    """Rate what was played and log it, slot by slot in the order of time; return the sums."""
    ledgers = [controller.ledger(log) for controller in controllers]
    timings = [controller.timing for controller in controllers]
    slots = sorted(
        (timing.offset_ns + slot * timing.slot_ns, place, slot)
        for place, timing in enumerate(timings)
        for slot in range(timing.slots)
    )
    for _, place, slot in slots:
        controllers[place].rate(slot, ledgers[place])
    for controller, ledger in zip(controllers, ledgers, strict=True):
        controller.close(ledger)
    return [ledger.tally for ledger in ledgers]


def stream_of(
    entrant: PowerEntrant, problems: Problems, timing: Controller, first: int, until: int
) -> Stream[PowerControlProblem, Allocation]:
    """Return a controller's jobs in the slots from ``first`` up to ``until``.

    Args:
        entrant: an allocator.
        problems: with at least those slots, for nobody else.
        timing: slot and budget.
        first: slot.
        until: slot.
    """
    first_ns = timing.offset_ns + first * timing.slot_ns + timing.release_after_ns
    return Stream(
        entrant,
        (problems.at(slot) for slot in range(first, until)),
        periodic(timing.slot_ns, first_ns),
        timing.compute_ns,
        timing.number,
        timing.priority,
        first,
    )


def lateness_ns(tasks: Sequence[PowerTask], on_overrun: OnOverrun) -> list[int]:
    """Return how late the host began each job: after its release and the end of the one before.

    What a job waits for another one is not the host's doing. A job that the host woke up for only
    when its deadline had passed counts with the time up to there; it was later still. One that was
    dropped at its release (`skip`) had nobody wake up for it.

    Args:
        tasks: in the order in which the server was done with them.
        on_overrun: the allocator's policy.
    """
    late, free_ns = [], 0
    for task in tasks:
        ready_ns = max(task.release_ns, free_ns)
        if task.start_ns is not None and task.finish_ns is not None:
            late.append(task.start_ns - ready_ns)
            free_ns = task.finish_ns
        elif on_overrun is OnOverrun.ABORT and ready_ns < task.deadline_ns:
            late.append(task.deadline_ns - ready_ns)
    return late
