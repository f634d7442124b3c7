"""The compute pool driven with plain demands, and what its definition says of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import simpy
from hypothesis import strategies as st

from sim.deadline import Constant, Entrant, LatencyModel, OnOverrun, Outcome, Solver, Task
from sim.deadline.discipline import Discipline
from sim.pool import SERVE, SLOT, ComputePool, Instant


class Demand(NamedTuple):
    release_ns: int
    budget_ns: int
    service_ns: int
    priority: int = 0
    wake_up_ns: int = 0
    controller: int = 0
    work: int = 0
    size: int = 0

    @property
    def deadline_ns(self) -> int:
        return self.release_ns + self.budget_ns


#: A few demands in a few nanoseconds: ties, zero service and overload are the rule.
DEMANDS = st.lists(
    st.builds(
        Demand,
        release_ns=st.integers(0, 12),
        budget_ns=st.integers(1, 15),
        service_ns=st.integers(0, 6),
        priority=st.integers(0, 2),
        wake_up_ns=st.just(0) | st.integers(0, 4),
        controller=st.integers(0, 3),
        work=st.integers(0, 2),
        size=st.just(0) | st.integers(0, 1),
    ),
    min_size=1,
    max_size=10,
)


class Echo(Solver[Demand, Demand]):
    def solve(self, problem: Demand) -> Demand:
        return problem


class Shared(LatencyModel):
    """The chance, a nanosecond a unit of work, and three for every problem but the first."""

    def __init__(self, chance: int) -> None:
        self._chance = chance

    def draw(self) -> float:
        return self._chance

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:
        return int(chance) + work + 3 * (batch - 1)


class Row(NamedTuple):
    """What became of a demand."""

    start_ns: int | None
    finish_ns: int | None
    outcome: Outcome
    received_ns: int | None = None  #: processor time by its deadline, if it was not over by then


Stretch = tuple[int, int]


class Watched(Task[Demand, Demand]):
    """A task that remembers from when to when a server had it."""

    def __init__(self, env: simpy.Environment, index: int, demand: Demand) -> None:
        super().__init__(
            index, demand, demand.release_ns, demand.deadline_ns, controller=demand.controller
        )
        self.env = env
        self.stretches: list[Stretch] = []
        self.received: int | None = None

    def take(self, now_ns: int) -> int:
        self.stretches.append((now_ns, now_ns))
        return super().take(now_ns)

    def leave(self, now_ns: int) -> None:
        self.let_go()
        super().leave(now_ns)

    def let_go(self) -> None:
        self.stretches[-1] = self.stretches[-1][0], int(self.env.now)


class WatchedEntrant(Entrant[Demand, Demand]):
    def end(self, task: Task[Demand, Demand]) -> None:
        assert isinstance(task, Watched)
        task.let_go()
        super().end(task)


def serve(
    demands: list[Demand],
    servers: int,
    discipline: Discipline,
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
    preemptive: bool = False,
    batch: int = 1,
) -> list[Watched]:
    """Run demands; those of one controller that are released together in their order."""
    env = simpy.Environment(initial_time=0)
    pool = ComputePool(env, servers, discipline, preemptive, batch)
    tasks = []

    def release(task: Watched, entrant: Entrant[Demand, Demand], demand: Demand) -> None:
        entrant.solve(task)
        pool.submit(task, entrant, demand.priority)

    def at_deadline(task: Watched) -> None:
        if task.outcome is None or task.outcome in (Outcome.LATE, Outcome.ABORTED):
            task.received = task.received_ns()

    for index, demand in enumerate(demands):
        entrant = WatchedEntrant(
            Echo(),
            demand,
            Shared(demand.service_ns),
            on_overrun,
            release_jitter=Constant(demand.wake_up_ns),
            size=demand.size,
        )
        task = Watched(env, index, demand)
        tasks.append(task)

        def released(
            _: simpy.Event,
            task: Watched = task,
            entrant: WatchedEntrant = entrant,
            demand: Demand = demand,
        ) -> None:
            release(task, entrant, demand)

        def due(_: simpy.Event, task: Watched = task) -> None:
            at_deadline(task)

        Instant(env, demand.release_ns, SLOT, released)
        Instant(env, demand.deadline_ns, SERVE, due)
    env.run()
    assert pool.waiting == 0
    # What a job had by its deadline does not change after it.
    assert all(task.received in (None, task.received_ns()) for task in tasks)
    return tasks


def rows(tasks: list[Watched]) -> list[Row]:
    found = []
    for task in tasks:
        assert task.outcome is not None
        missed = task.outcome in (Outcome.LATE, Outcome.ABORTED)
        received = task.received if missed else None
        found.append(Row(task.start_ns, task.finish_ns, task.outcome, received))
    return found


def pooled(*arguments: Any, **options: Any) -> list[Row]:
    """Return what `serve` made of its demands."""
    return rows(serve(*arguments, **options))


class _Job:
    def __init__(self, number: int, demand: Demand) -> None:
        self.number = number
        self.demand = demand
        self.start: int | None = None
        self.received = 0
        self.row: Row | None = None

    def over(self, finish: int | None, outcome: Outcome) -> None:
        missed = outcome in (Outcome.LATE, Outcome.ABORTED)
        start = None if finish is None else self.start
        self.row = Row(start, finish, outcome, self.received if missed else None)

    def cut(self) -> None:
        if self.start is None:
            self.over(None, Outcome.SKIPPED)
        else:
            self.over(self.demand.deadline_ns, Outcome.ABORTED)


class _Call:
    def __init__(self, jobs: list[_Job]) -> None:
        first = jobs[0].demand
        self.jobs = jobs
        self.wake_up = first.wake_up_ns
        work = sum(job.demand.work for job in jobs)
        self.left = first.service_ns + work + 3 * (len(jobs) - 1)

    @property
    def alive(self) -> bool:
        return any(job.row is None for job in self.jobs)

    def look(self, now: int, abort: bool) -> None:
        """Start what has woken up, and end what is done or to be cut."""
        for job in self.jobs:
            if job.row is not None:
                continue
            late = now >= job.demand.deadline_ns
            if abort and late and (job.start is None or self.left):
                job.cut()
            elif not self.wake_up and not self.left:
                job.start = now if job.start is None else job.start
                met = now <= job.demand.deadline_ns
                job.over(now, Outcome.MET if met else Outcome.LATE)

    def pass_one_nanosecond(self, now: int) -> None:
        for job in self.jobs:
            if not self.wake_up and job.start is None:
                job.start = now
            if job.start is not None and now < job.demand.deadline_ns:
                job.received += 1
        if self.wake_up:
            self.wake_up -= 1
        else:
            self.left -= 1


def by_definition(
    demands: list[Demand],
    servers: int,
    discipline: Discipline,
    on_overrun: OnOverrun = OnOverrun.CONTINUE,
    preemptive: bool = False,
    batch: int = 1,
) -> list[Row]:
    """Step through every nanosecond: who has ended leaves, who is first in rank starts."""
    abort = on_overrun is OnOverrun.ABORT
    jobs = [_Job(number, demand) for number, demand in enumerate(demands)]

    def rank(call: _Call) -> int:
        demand = call.jobs[0].demand
        return {"fifo": 0, "edf": demand.deadline_ns, "priority": demand.priority}[discipline]

    def key(call: _Call) -> tuple[int, int, int, int]:
        demand = call.jobs[0].demand
        return rank(call), demand.release_ns, demand.controller, call.jobs[0].number

    waiting: list[_Call] = []
    running: list[_Call] = []
    now = 0
    while any(job.row is None for job in jobs):
        for call in running:
            call.look(now, abort)
        running = [call for call in running if call.alive]
        waiting += [_Call([job]) for job in jobs if job.demand.release_ns == now]
        waiting.sort(key=key)
        while waiting:
            call = waiting[0]
            if abort and now >= call.jobs[0].demand.deadline_ns:
                waiting.pop(0).jobs[0].cut()
                continue
            last = max(running, key=key, default=None)
            if len(running) == servers:
                if last is None or not preemptive or rank(last) <= rank(call):
                    break
                running.remove(last)
                waiting.append(last)
            waiting.remove(call)
            joined = [call.jobs[0]]
            for other in list(waiting) if batch > 1 else []:
                job = other.jobs[0]
                if abort and now >= job.demand.deadline_ns:
                    continue
                strange = job.demand.size != joined[0].demand.size
                taken = job.demand.controller in [one.demand.controller for one in joined]
                if len(joined) < batch and not strange and not taken:
                    joined.append(job)
                    waiting.remove(other)
            if len(joined) > 1:
                call = _Call(joined)
            call.look(now, abort)
            if call.alive:
                running.append(call)
            waiting.sort(key=key)
        for call in running:
            call.pass_one_nanosecond(now)
        now += 1
    return [job.row for job in jobs if job.row is not None]
