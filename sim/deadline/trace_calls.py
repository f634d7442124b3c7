"""Which calls a pool's servers were busy with, as far as a job log tells.

A log holds no servers. But a call that nothing interrupts has its server from its start to its
finish, and servers are alike: any assignment in which no server has two calls at once is as good as
the one that was. Jobs of one call start together and need the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sim.deadline.discipline import Discipline, rank
from sim.deadline.job import Job


@dataclass(frozen=True, slots=True)
class Pool:
    """What computed the jobs of a log.

    Attributes:
        discipline: who goes first.
        preemptive: whether a job can be interrupted.
        batch: how many jobs one call serves at most.
        priorities: of each controller; 0 if not given.
    """

    discipline: Discipline = "fifo"
    preemptive: bool = False
    batch: int = 1
    priorities: tuple[int, ...] = ()


class Call(NamedTuple):
    """Jobs that were computed together.

    Attributes:
        start_ns: when it began.
        finish_ns: when it ended, or was cut for the last of its jobs.
        jobs: each with its row of the log, the first in rank first.
    """

    start_ns: int
    finish_ns: int
    jobs: list[tuple[int, Job]]


def calls(started: Iterable[tuple[int, Job]], pool: Pool) -> Iterator[Call]:
    """Yield the calls of a log in the order of their starts; of one start, the shortest first.

    Args:
        started: the jobs that were started, each with its row, in that same order.
        pool: what computed them.
    """
    if pool.batch == 1:
        for row, job in started:
            yield _call([(row, job)])
        return
    for _, together in groupby(started, key=lambda each: each[1].start_ns):
        found: list[Call] = []
        for _, alike in groupby(
            sorted(together, key=lambda each: each[1].service_ns or 0),
            key=lambda each: each[1].service_ns,
        ):
            found += _shared(list(alike), pool)
        yield from sorted(found, key=lambda call: call.finish_ns)


def _shared(jobs: list[tuple[int, Job]], pool: Pool) -> Iterator[Call]:
    """Yield the calls of jobs with one start and one service time, as a pool makes them up."""

    def place(each: tuple[int, Job]) -> tuple[int, ...]:
        controller = each[1].controller
        known = controller < len(pool.priorities)
        return rank(pool.discipline, each[1], pool.priorities[controller] if known else 0)

    left = sorted(jobs, key=place)
    while left:
        taken: list[tuple[int, Job]] = []
        passed = []
        present: set[int] = set()
        for each in left:
            controller = each[1].controller
            if len(taken) == pool.batch or controller in present:
                passed.append(each)
            else:
                present.add(controller)
                taken.append(each)
        yield _call(taken)
        left = passed


def _call(jobs: list[tuple[int, Job]]) -> Call:
    starts = [job.start_ns for _, job in jobs if job.start_ns is not None]
    finishes = [job.finish_ns for _, job in jobs if job.finish_ns is not None]
    return Call(starts[0], max(finishes), jobs)
