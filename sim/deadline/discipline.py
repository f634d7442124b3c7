"""Who is served first, where several jobs wait."""

from __future__ import annotations

from typing import Any, Literal

from sim.deadline.task import Task

Discipline = Literal["fifo", "edf", "priority"]

#: What the discipline goes by, then release, controller and index: of no two jobs the same.
Rank = tuple[int, int, int, int]


def rank(discipline: Discipline, task: Task[Any, Any], priority: int = 0) -> Rank:
    """Return a job's place among those that wait; the smallest goes first.

    Args:
        discipline: ``fifo`` by release, ``edf`` by deadline, ``priority`` by that number; ties by
            release, then in the order of the controllers.
        task: the job.
        priority: of its controller.
    """
    first = 0
    if discipline == "edf":
        first = task.deadline_ns
    elif discipline == "priority":
        first = priority
    return first, task.release_ns, task.controller, task.index
