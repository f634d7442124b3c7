"""A scenario's problems, all drawn before the clock runs: its slots leave no time for that."""

from __future__ import annotations

from pathlib import Path

from sim.build import build_entrant, build_feed
from sim.deadline import InputError
from sim.feed import Feed
from sim.network import PowerEntrant
from sim.scenario import AllocatorModel, Controller, Scenario
from sim.scenario.latency import MeasuredLatency

_LARGEST_BYTES = 4 << 30


class Recording:
    """One controller's problems, in memory.

    Args:
        scenario: the scenario.
        timing: the controller.
        feed: its problems, not drawn yet.
        folder: what the scenario's paths are relative to.
    """

    def __init__(self, scenario: Scenario, timing: Controller, feed: Feed, folder: Path) -> None:
        self.scenario = scenario
        self.timing = timing
        self.feed = feed
        self.folder = folder
        self.problems = feed.draw(timing.slots)

    def entrant(self, model: AllocatorModel, timing: Controller | None = None) -> PowerEntrant:
        """Return an allocator, prepared and warm.

        Args:
            model: which one.
            timing: with the budget that it is told; the controller's if not given.
        """
        entrant = build_entrant(self.scenario, model, timing or self.timing, self.feed, self.folder)
        first = self.problems.copy(1)
        for _ in range(3):  # compiled, and its memory touched
            entrant.warm_up(first.at(0))
        return entrant


def recordings(scenario: Scenario, folder: Path, copies: int = 1) -> list[Recording]:
    """Return the problems of every controller.

    Args:
        scenario: the scenario.
        folder: what its paths are relative to.
        copies: how many times they will be gone through: an allocator that had seen a slot's
            memory before would find it in the caches.

    Raises:
        InputError: a channel cannot be had, or the problems do not fit into memory.
    """
    timings = [scenario.controller(number) for number in range(len(scenario.controllers))]
    feeds = [build_feed(scenario, timing, folder) for timing in timings]
    needed = 0
    for timing, feed in zip(timings, feeds, strict=True):
        channel = feed.channel
        needed += 8 * channel.subbands * channel.links**2 * timing.slots * (copies + 1)
    if needed > _LARGEST_BYTES:
        raise InputError(
            f"slots: {sum(timing.slots for timing in timings)} slots played live take "
            f"{needed / 2**30:.1f} GiB; want at most {_LARGEST_BYTES / 2**30:g}: fewer slots"
        )
    return [
        Recording(scenario, timing, feed, folder)
        for timing, feed in zip(timings, feeds, strict=True)
    ]


def playable(scenario: Scenario) -> Scenario:
    """Return a scenario as it is played live, its time measured.

    Raises:
        InputError: it has what one processor with one clock cannot play.
    """
    compute = scenario.compute
    for key, value, wanted, why in (
        ("servers", compute.servers, 1, "one pinned processor plays"),
        ("preemptive", compute.preemptive, False, "a call that runs keeps its processor"),
        ("batch", compute.batch, 1, "every job is a call of its own, and timed by itself"),
        ("speed", compute.speed, 1.0, "this processor has its own"),
    ):
        if value != wanted:
            raise InputError(
                f"compute.{key}: {_text(value)} cannot be played live, as {why}; want "
                f"{_text(wanted)} (--set compute.{key}={_text(wanted)})"
            )
    measured = MeasuredLatency()
    allocators = [model.model_copy(update={"latency": None}) for model in scenario.allocators]
    return scenario.model_copy(
        update={
            "compute": compute.model_copy(update={"latency": measured}),
            "allocators": allocators,
        }
    )


def verifiable(scenario: Scenario) -> Scenario:
    """Return a scenario as `sim.live.verify` plays it.

    Raises:
        InputError: it has several controllers, or cannot be played live.
    """
    if len(scenario.controllers) > 1:
        raise InputError(
            f"controllers: {len(scenario.controllers)} cannot be verified, as calls are timed by "
            "themselves in the same slots; want 1"
        )
    return playable(scenario)


def _text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
