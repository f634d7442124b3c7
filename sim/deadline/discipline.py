"""Who is served first, where several jobs wait."""

from __future__ import annotations

from typing import Literal, Protocol

Discipline = Literal["fifo", "edf", "priority"]

#: What the discipline goes by, then release, controller and index: of no two jobs the same.
Rank = tuple[int, int, int, int]


class Ranked(Protocol):
    """What has a place among jobs: a task on its way, or the record of one."""

    @property
    def index(self) -> int:
        """Which of its controller's, from 0."""

    @property
    def release_ns(self) -> int:
        """When it is released."""

    @property
    def deadline_ns(self) -> int:
        """When it is due."""

    @property
    def controller(self) -> int:
        """Whose it is."""


def rank(discipline: Discipline, task: Ranked, priority: int = 0) -> Rank:
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
