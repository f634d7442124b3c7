"""One record per release: when it ran, how it ended, whose answer served instead."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """How a release ended; each ends in exactly one of these."""

    MET = "met"  #: finished by its deadline (a tie is met)
    LATE = "late"  #: finished after its deadline
    ABORTED = "aborted"  #: cut at its deadline
    SKIPPED = "skipped"  #: never started
    FAILED = "failed"  #: the solver raised, or its answer was not usable


class Source(StrEnum):
    """Where the answer in force came from once a job's deadline had passed."""

    OWN = "own"  #: this job's own answer
    BEST_SO_FAR = "best_so_far"  #: the last iterate this job completed by its deadline
    FALLBACK = "fallback"  #: the fallback solver's answer to this job
    LATE = "late"  #: the answer of an earlier job that came after its own deadline
    HELD = "held"  #: the answer already in force
    INITIAL = "initial"  #: no job had been answered yet


class Job(NamedTuple):
    """One release. All times are integer nanoseconds on one absolute grid.

    Attributes:
        index: which release, from 0.
        release_ns: when it was meant to be released, whatever the host did.
        start_ns: when a server began it; None if none did.
        finish_ns: when it finished or was cut; None if it never started.
        deadline_ns: an answer at this instant is still in time.
        outcome: how it ended.
        source: whose answer was in force after the deadline.
        service_ns: the time its solver needed (also beyond the cut); None if it never started.
        work: units of work the solver reported.
        controller: which controller released it.
        reason: why it failed, if it did.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, of no use to a record
    release_ns: int
    start_ns: int | None
    finish_ns: int | None
    deadline_ns: int
    outcome: Outcome
    source: Source
    service_ns: int | None = None
    work: int = 0
    controller: int = 0
    reason: str | None = None

    @property
    def response_ns(self) -> int | None:
        """Time from the intended release to the finish or the cut; None if it never started."""
        return None if self.finish_ns is None else self.finish_ns - self.release_ns
