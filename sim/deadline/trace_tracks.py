"""The tracks of one solver in a trace, from its log: slots, queue, servers, jobs and misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.job import Job, Outcome
from sim.deadline.log import JOB_COLUMNS
from sim.deadline.summary import integers, missed
from sim.deadline.trace_calls import Call, Pool, calls
from sim.deadline.trace_format import Event, EventMaker, Lanes, in_order

if TYPE_CHECKING:
    import pyarrow as pa

#: Threads of a process, in the order in which they are shown; so many are set apart for the slots
#: of a controller, and for its jobs.
_SLOTS, _SERVERS, _JOBS, _MISSES = 1_000, 100_000, 1_000_000, 2_000_000
_OWN = 20

#: What of one controller overlaps more than this goes on one track that may cross itself, where it
#: has no name and no colour: nobody looks at so many threads.
_MOST_LANES = 16

#: Colour names of the format, the worst outcome last.
_COLOURS = {
    Outcome.MET: "good",
    Outcome.SKIPPED: "grey",
    Outcome.LATE: "bad",
    Outcome.ABORTED: "terrible",
    Outcome.FAILED: "black",
}

#: Places of a job's time from release to deadline, besides the lanes from 1.
_INSIDE, _LOOSE = 0, -1

#: What arrows are called.
_ARROW = "start"

#: Jobs that are looked at at once.
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Grid:
    """A controller's slots, at equal distances, each with one job.

    Attributes:
        name: the controller's.
        slot_ns: from one slot to the next; 0: there is no grid to show.
        release_after_ns: from the start of a slot to the release of its job.
        before: what takes place in that time.
        effect_after_ns: from the start of a slot to that of the slot which its answer is for.
        after_ns: how long before that slot begins what comes after the deadline.
        after: what that is.
        unit: what a slot is called.
    """

    name: str
    slot_ns: int = 0
    release_after_ns: int = 0
    before: str = "before"
    effect_after_ns: int = 0
    after_ns: int = 0
    after: str = "after"
    unit: str = "slot"


class LogColumns:
    """A log in memory, to be gone through in any order.

    Args:
        tables: its parts, at least one, with the columns `JOB_COLUMNS` alone.
    """

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        import pyarrow as pa

        self._table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def integers(self, column: str) -> NDArray[np.int64]:
        """Return a column, without its nulls."""
        return integers(self._table, column)

    @property
    def started(self) -> NDArray[np.int64]:
        """Rows of the jobs that were started."""
        return np.flatnonzero(self._table["start_ns"].is_valid().to_numpy())

    @property
    def missed(self) -> NDArray[np.int64]:
        """Rows of the jobs that missed their deadline."""
        return np.flatnonzero(missed(self._table))

    def rows(self, order: NDArray[np.int64]) -> Iterator[tuple[int, Job]]:
        """Yield jobs in an order of rows, each with its row."""
        for first in range(0, len(order), _BLOCK):
            rows = order[first : first + _BLOCK]
            block = self._table.take(rows)
            columns = [block[column].to_pylist() for column in JOB_COLUMNS]
            yield from zip(rows.tolist(), map(Job._make, zip(*columns, strict=True)), strict=True)


class Tracks:
    """Makes the tracks of one solver, each an iterator over events in the order of time.

    Args:
        make: makes its events.
        log: its jobs.
        grids: of all controllers.
        pool: what computed the jobs.

    Attributes:
        titles: names of the threads that events were made for.
    """

    def __init__(
        self, make: EventMaker, log: LogColumns, grids: Sequence[Grid], pool: Pool
    ) -> None:
        self._make = make
        self._log = log
        self._grids = grids
        self._pool = pool
        self.titles = {_MISSES: "misses"}
        self._controllers = log.integers("controller")
        releases_ns = log.integers("release_ns")
        self._slot_starts_ns = releases_ns - self._of_grids("release_after_ns")
        self._lanes = self._laid_out()

    def slots(self) -> Iterator[Event]:
        """Yield the grid, and the time from every job's release to its deadline."""
        order = np.lexsort((self._controllers, self._slot_starts_ns))
        return in_order(self._slot(row, job) for row, job in self._log.rows(order))

    def queue(self) -> Iterator[Event]:
        """Yield how many of the jobs that are started wait for it, as that changes."""
        released = np.sort(self._log.integers("release_ns")[self._log.started])
        started = np.sort(self._log.integers("start_ns"))
        instants = np.unique(np.concatenate([released, started]))
        waiting = np.searchsorted(released, instants, "right")
        waiting -= np.searchsorted(started, instants, "right")
        changes = np.flatnonzero(np.diff(waiting, prepend=0))
        for first in range(0, len(changes), _BLOCK):
            block = changes[first : first + _BLOCK]
            pairs = zip(instants[block].tolist(), waiting[block].tolist(), strict=True)
            for time_ns, jobs in pairs:
                yield self._make.counter(time_ns, "queue", {"waiting": jobs})

    def servers(self) -> Iterator[Event]:
        """Yield the calls, on the servers that had them."""
        by_start = np.lexsort((self._log.integers("finish_ns"), self._log.integers("start_ns")))
        started = self._log.rows(self._log.started[by_start])
        lanes = Lanes()
        return in_order(self._called(call, lanes) for call in calls(started, self._pool))

    def jobs(self) -> Iterator[Event]:
        """Yield every job from its release to its finish."""
        order = np.argsort(self._log.integers("release_ns"), kind="stable")
        lanes: dict[int, Lanes] = {}
        return in_order(self._job(row, job, lanes) for row, job in self._log.rows(order))

    def misses(self) -> Iterator[Event]:
        """Yield an instant at the deadline of every job that missed it."""
        rows = self._log.missed
        order = np.argsort(self._log.integers("deadline_ns")[rows], kind="stable")
        for _, job in self._log.rows(rows[order]):
            facts = {"in force": job.source}
            yield self._make.instant(_MISSES, job.deadline_ns, self._title(job), facts)

    def _slot(self, row: int, job: Job) -> list[Event]:
        """Return one slot, and what is to be done from its start on."""
        grid, lane = self._grid(job.controller), int(self._lanes[row])
        begin_ns = job.release_ns - grid.release_after_ns
        if lane == _LOOSE:
            budget = self._loose(2 * row, job, job.deadline_ns, "release to deadline")
        elif lane == _INSIDE:
            budget = self._budget(row, job, begin_ns, self._slot_thread(job.controller))
        else:
            title = self._of_owner("budget", job.controller, lane)
            thread = self._thread(_SLOTS, job.controller, lane, title)
            budget = self._budget(row, job, begin_ns, thread)
        if not grid.slot_ns:
            return budget
        thread, name = self._slot_thread(job.controller), f"{grid.unit} {job.index}"
        inside = budget if lane == _INSIDE else []
        slot = self._make.slice(thread, begin_ns, begin_ns + grid.slot_ns, name, inside)
        return slot if inside else slot + budget

    def _budget(self, row: int, job: Job, begin_ns: int, thread: int) -> list[Event]:
        """Return where the time goes from the start of a job's slot until its answer serves."""
        grid, make = self._grid(job.controller), self._make
        found: list[Event] = []
        if grid.release_after_ns:
            found += make.slice(thread, begin_ns, job.release_ns, grid.before)
        arrow = []
        if job.start_ns is not None:
            arrow.append(make.arrow(thread, job.release_ns, row, _ARROW))
        title, colour = self._title(job), _COLOURS[job.outcome]
        found += make.slice(thread, job.release_ns, job.deadline_ns, title, arrow, colour)
        if grid.after_ns:
            effect_ns = begin_ns + grid.effect_after_ns
            found += make.slice(thread, effect_ns - grid.after_ns, effect_ns, grid.after)
        return found

    def _called(self, call: Call, lanes: Lanes) -> list[Event]:
        """Return one call on a server that is free; under preemption nobody knows on which."""
        lane = lanes.take(call.start_ns, call.finish_ns)
        assert lane is not None
        thread = _SERVERS + lane
        kind = "started, not finished" if self._pool.preemptive else "server"
        self.titles[thread] = f"{kind} {lane}"
        titles = [self._title(job) for _, job in call.jobs]
        outcomes = Counter(job.outcome for _, job in call.jobs)
        worst = max(outcomes, key=list(_COLOURS).index)
        name, facts = titles[0], None
        if len(titles) > 1:
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            name, facts = f"{len(titles)} jobs: {told}", {"jobs": titles}
        tips = [
            self._make.arrow(thread, call.start_ns, row, _ARROW, tip=True)
            for row, _ in call.jobs
            if self._lanes[row] != _LOOSE
        ]
        return self._make.slice(
            thread, call.start_ns, call.finish_ns, name, tips, _COLOURS[worst], facts
        )

    def _job(self, row: int, job: Job, lanes: dict[int, Lanes]) -> list[Event]:
        """Return one job; one that was never started is an instant."""
        own = lanes.setdefault(job.controller, Lanes(_MOST_LANES))
        finish_ns = job.release_ns if job.finish_ns is None else job.finish_ns
        lane = 0 if job.finish_ns is None else own.take(job.release_ns, finish_ns)
        if lane is None:
            return self._loose(2 * row + 1, job, finish_ns, "release to finish")
        track = self._of_owner("jobs", job.controller, lane + 1 if lane else 0)
        thread = self._thread(_JOBS, job.controller, lane, track)
        title, facts = self._title(job), self._facts(job)
        if job.finish_ns is None:
            return [self._make.instant(thread, job.release_ns, title, facts)]
        colour = _COLOURS[job.outcome]
        return self._make.slice(thread, job.release_ns, finish_ns, title, (), colour, facts)

    def _loose(self, key: int, job: Job, end_ns: int, what: str) -> list[Event]:
        """Return a job from its release on, where the threads for it are taken."""
        name = self._of_owner(f"more from {what}", job.controller)
        facts = {"job": self._title(job), **self._facts(job)}
        return self._make.loose_slice(key, job.release_ns, end_ns, name, facts)

    def _laid_out(self) -> NDArray[np.int8]:
        """Return the place of every job's budget: inside its slot, on a lane from 1, or loose."""
        begins_ns = self._slot_starts_ns
        ends_ns = np.maximum(
            self._log.integers("deadline_ns"), begins_ns + self._of_grids("effect_after_ns")
        )
        slots_ns = self._of_grids("slot_ns")
        inside = (slots_ns > 0) & (ends_ns - begins_ns <= slots_ns)
        found = np.full(len(begins_ns), _INSIDE, np.int8)
        lanes: dict[int, Lanes] = {}
        order = np.argsort(begins_ns, kind="stable")
        for row in order[~inside[order]].tolist():
            own = lanes.setdefault(int(self._controllers[row]), Lanes(_MOST_LANES))
            lane = own.take(int(begins_ns[row]), int(ends_ns[row]))
            found[row] = _LOOSE if lane is None else lane + 1
        return found

    def _of_grids(self, attribute: str) -> NDArray[np.int64]:
        """Return an attribute of the grid of every job's controller."""
        count = int(self._controllers.max(initial=-1)) + 1
        values = [getattr(self._grid(controller), attribute) for controller in range(count)]
        return np.array(values, np.int64)[self._controllers]

    def _grid(self, controller: int) -> Grid:
        if controller < len(self._grids):
            return self._grids[controller]
        return Grid(f"controller {controller}")

    def _slot_thread(self, controller: int) -> int:
        title = self._of_owner(f"{self._grid(controller).unit}s", controller)
        return self._thread(_SLOTS, controller, 0, title)

    def _thread(self, first: int, controller: int, lane: int, title: str) -> int:
        thread = first + _OWN * controller + lane
        self.titles[thread] = title
        return thread

    def _of_owner(self, what: str, controller: int, number: int = 0) -> str:
        """Return what belongs to a controller, which goes without saying if there is but one."""
        whose = what if len(self._grids) == 1 else f"{what} of {self._grid(controller).name}"
        return f"{whose} {number}" if number else whose

    def _title(self, job: Job) -> str:
        title = f"job {job.index}: {job.outcome}"
        return title if len(self._grids) == 1 else f"{self._grid(job.controller).name} {title}"

    def _facts(self, job: Job) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if len(self._grids) != 1:
            facts["controller"] = self._grid(job.controller).name
        facts |= {
            "outcome": job.outcome,
            "in force": job.source,
            "deadline_us": job.deadline_ns / 1000,
            "work": job.work,
        }
        if job.service_ns is not None:
            facts["service_us"] = job.service_ns / 1000
        if job.reason is not None:
            facts["reason"] = job.reason
        return facts
