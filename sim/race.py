"""The race: every allocator over the same slots, each on a compute pool of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import simpy

from sim.build import build_entrant, build_feed, build_joined
from sim.channel import TraceChannel
from sim.deadline import InputError, JobLog
from sim.deadline.collector import collector_paused
from sim.deadline.log import JobMemory, Jobs
from sim.feed import Feed, Problems
from sim.ledger import RATE_COLUMNS, Tally
from sim.network import ControllerProcess, PowerEntrant
from sim.pool import ComputePool
from sim.scenario import AllocatorModel, Scenario

#: Called with the slots simulated since the last call, summed over allocators and controllers.
Progress = Callable[[int], None]


class Contestant:
    """One allocator's pool and controllers, in simulated time."""

    def __init__(
        self,
        model: AllocatorModel,
        env: simpy.Environment,
        controllers: list[ControllerProcess],
        log: Jobs,
    ) -> None:
        self.label = model.label
        self.env = env
        self.controllers = controllers
        self.log = log

    @property
    def tallies(self) -> list[Tally]:
        """The sums over slots, of each controller."""
        return [controller.tally for controller in self.controllers]


class Race:
    """A scenario, built and ready to run.

    Building checks all that can be checked before the first slot: the channel, every allocator,
    its parameters and its fit.

    Args:
        scenario: the scenario.
        folder: what its paths are relative to.
        feeds: each controller's problems, if not those of the scenario.

    Raises:
        InputError: something does not fit; the message says what.
    """

    def __init__(
        self, scenario: Scenario, folder: Path, feeds: Sequence[Feed] | None = None
    ) -> None:
        self.scenario = scenario
        self.timings = [scenario.controller(i) for i in range(len(scenario.controllers))]
        self.feeds = feeds or [build_feed(scenario, timing, folder) for timing in self.timings]
        self._entrants = [self._build(model, folder) for model in scenario.allocators]

    def _build(self, model: AllocatorModel, folder: Path) -> list[PowerEntrant]:
        """Return one allocator's entrants, one a controller."""
        joined = build_joined(self.scenario, model, self.timings, self.feeds[0], folder)
        return [
            build_entrant(self.scenario, model, timing, feed, folder, joined)
            for timing, feed in zip(self.timings, self.feeds, strict=True)
        ]

    @property
    def budget_us(self) -> float | dict[str, float]:
        """What is left to compute in, in us: one figure, or one a controller where they differ."""
        budgets = {timing.name: timing.compute_ns / 1e3 for timing in self.timings}
        return next(iter(budgets.values())) if len(set(budgets.values())) == 1 else budgets

    @property
    def warnings(self) -> list[str]:
        """What the scenario asks for and cannot have, though it can run."""
        batch, controllers = self.scenario.compute.batch, len(self.timings)
        found = []
        if batch > controllers:
            found.append(
                f"compute.batch: {batch}, but no call serves more than {controllers}: one job of "
                "each controller"
            )
        for timing in self.timings:
            if timing.slots <= timing.budget.lead:
                of = f" of controller {timing.name}" if controllers > 1 else ""
                found.append(
                    f"slots: {timing.slots}{of}, but with budget.lead {timing.budget.lead} the "
                    f"first answer serves slot {timing.budget.lead}, counted from 0: no rate can "
                    "be told; want more slots, or a smaller lead"
                )
        channel = self.feeds[0].channel
        if isinstance(channel, TraceChannel) and channel.real_amplitude:
            found.append(
                f"{channel.path}: dataset 'H' holds real numbers, which are taken for amplitude, "
                "and squared; power gain is called gain"
            )
        return found

    @property
    def total_slots(self) -> int:
        """Slots to simulate, over all controllers and allocators."""
        return sum(timing.slots for timing in self.timings) * len(self._entrants)

    def run(self, log_folder: Path | None, progress: Progress | None = None) -> list[Contestant]:
        """Run the race, once; the logs are complete up to where it stops, however it stops.

        All allocators go through one window of slots before any enters the next: they see the
        same channels, drawn once, and a machine that changes its speed treats them alike.

        Args:
            log_folder: where the logs go; none: they stay in memory.
            progress: told how far it is.
        """
        with contextlib.ExitStack() as stack:
            contestants = [
                self._enter(number, stack, log_folder) for number in range(len(self._entrants))
            ]
            collect = stack.enter_context(collector_paused())
            for until_ns, windows, slots in self._windows():
                for contestant in contestants:
                    for controller, window in zip(contestant.controllers, windows, strict=True):
                        controller.supply(window)
                    contestant.env.run(until=until_ns)
                    collect()
                    if progress is not None:
                        progress(slots)
            for contestant in contestants:
                contestant.env.run()  # no slots are left: the pool runs dry
                for controller in contestant.controllers:
                    controller.close()
        return contestants

    def _enter(
        self, number: int, stack: contextlib.ExitStack, log_folder: Path | None
    ) -> Contestant:
        model, compute = self.scenario.allocators[number], self.scenario.compute
        env = simpy.Environment(initial_time=0)
        # A batch that nobody can fill would have the pool look through its whole queue.
        batch = min(compute.batch, len(self.timings))
        pool = ComputePool(env, compute.servers, compute.discipline, compute.preemptive, batch)
        named = model.label, "allocator", RATE_COLUMNS
        log: Jobs = JobMemory(*named) if log_folder is None else JobLog(log_folder, *named)
        stack.enter_context(log)
        controllers = [
            ControllerProcess(env, timing, entrant, pool, log, feed.channel.links)
            for timing, entrant, feed in zip(
                self.timings, self._entrants[number], self.feeds, strict=True
            )
        ]
        return Contestant(model, env, controllers, log)

    def _windows(self) -> Iterator[tuple[int, list[Problems], int]]:
        """Yield windows of time: their end, each controller's problems, slots in all."""
        length_ns = min(
            feed.window_slots * timing.slot_ns
            for feed, timing in zip(self.feeds, self.timings, strict=True)
        )
        end_ns = max(timing.offset_ns + timing.slots * timing.slot_ns for timing in self.timings)
        for until_ns in range(length_ns, end_ns + length_ns, length_ns):
            windows = [
                feed.draw(-((timing.offset_ns - until_ns) // timing.slot_ns))
                for feed, timing in zip(self.feeds, self.timings, strict=True)
            ]
            yield until_ns, windows, sum(len(window) for window in windows)


def load_race(scenario: Scenario, path: Path) -> Race:
    """Build a race from a scenario that was read from ``path``.

    Raises:
        InputError: as `Race`, with the file named.
    """
    try:
        return Race(scenario, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
