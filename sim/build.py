"""From a scenario to what takes part in it: each controller's feed, and the entrants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sim.channel import TraceChannel
from sim.deadline import Entrant, InputError, Joined, Solver
from sim.feed import Feed
from sim.ledger import kept
from sim.network import PowerEntrant
from sim.problem import (
    Allocation,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
    stacked,
)
from sim.registry import prepare_allocator
from sim.scenario import AllocatorModel, Controller, Scenario
from sim.scenario.allocators import AllocatorReference, with_files
from sim.scenario.latency import Call, MeasuredLatency
from sim.seeding import stream

PowerSolver = Solver[PowerControlProblem, Allocation]
JoinedCall = Joined[PowerControlProblem, Allocation]


class JoinedCalls(NamedTuple):
    """Calls over several controllers' problems, where what they take is measured.

    Attributes:
        allocator: the allocator's.
        fallback: its fallback's.
    """

    allocator: JoinedCall | None = None
    fallback: JoinedCall | None = None


def build_feed(scenario: Scenario, controller: Controller, folder: Path) -> Feed:
    """Return a controller's problems.

    Args:
        scenario: the scenario.
        controller: which controller.
        folder: what the scenario's paths are relative to.

    Raises:
        InputError: the channel cannot be had, or the radio does not fit it.
    """
    channel = scenario.channel.build(
        controller.slot_ns,
        controller.slots,
        folder,
        stream(scenario.seed, "channel", controller.number),
    )
    noise_w, p_max_w, weight = scenario.radio.arrays(
        channel.links, channel.subbands, channel if isinstance(channel, TraceChannel) else None
    )
    return Feed(channel, noise_w, p_max_w, weight, controller.slots)


def build_joined(
    scenario: Scenario,
    model: AllocatorModel,
    controllers: Sequence[Controller],
    feed: Feed,
    folder: Path,
) -> JoinedCalls:
    """Return the calls that an allocator's jobs share, prepared for every size of batch.

    Args:
        scenario: the scenario.
        model: the allocator.
        controllers: those that share the pool.
        feed: of any controller; all have problems of one size.
        folder: as in `build_entrant`.

    Raises:
        InputError: the allocator cannot be had for that many subbands.
    """
    compute, miss = scenario.compute, model.on_miss or scenario.on_miss
    sizes = range(2, min(compute.batch, len(controllers)) + 1)
    shortest_ns = min(controller.compute_ns for controller in controllers)

    def joined(
        reference: AllocatorReference | None, latency: object, axis: str, budget_ns: int | None
    ) -> JoinedCall | None:
        if reference is None or not sizes or not isinstance(latency, MeasuredLatency):
            return None
        solvers = {}
        for size in sizes:
            rng = stream(scenario.seed, f"{axis}.batch", size)
            subbands = size * feed.channel.subbands
            spec = PowerControlSpec(feed.channel.links, subbands, rng, budget_ns)
            try:
                solvers[size] = _prepared(reference, folder, spec)
            except InputError as error:
                raise InputError(
                    f"allocators: {model.label}: in a batch of {size}: {error}"
                ) from error
        return Joined(stacked, solvers)

    return JoinedCalls(
        joined(
            model,
            model.latency or compute.latency,
            "allocator",
            round(shortest_ns * compute.speed),
        ),
        joined(
            miss.fallback,
            miss.fallback and (miss.fallback.latency or compute.latency),
            "fallback",
            None,
        ),
    )


def build_entrant(
    scenario: Scenario,
    model: AllocatorModel,
    controller: Controller,
    feed: Feed,
    folder: Path,
    joined: JoinedCalls = JoinedCalls(),  # noqa: B008  # a tuple, which nobody can change
) -> PowerEntrant:
    """Return a prepared allocator with its latency and policies, for one controller.

    Files that its parameters name are looked for in ``folder`` first.

    Raises:
        InputError: the allocator cannot be made, or does not fit the problems or its policy.
    """
    number, compute = controller.number, scenario.compute
    miss = model.on_miss or scenario.on_miss
    fallback, fallback_latency, release_jitter = None, None, None
    limits = feed.limits
    links, subbands = feed.channel.links, feed.channel.subbands
    # The same stream for every allocator: none is an axis of the seeds.
    try:
        latency = (model.latency or compute.latency).build(
            stream(scenario.seed, "latency", number), compute.speed, _call(model, feed, folder)
        )
        # Measured time runs `speed` times slower here; under a modelled one nobody is to hurry.
        budget_ns = round(controller.compute_ns * compute.speed) if latency.measured else None
        rng = stream(scenario.seed, "allocator", number)
        solver = _prepared(model, folder, PowerControlSpec(links, subbands, rng, budget_ns))
        if miss.fallback is not None:
            rng = stream(scenario.seed, "fallback", number)
            fallback = _prepared(miss.fallback, folder, PowerControlSpec(links, subbands, rng))
            charged = miss.fallback.latency or compute.latency
            fallback_latency = charged.build(
                stream(scenario.seed, "latency.fallback", number),
                compute.speed,
                _call(miss.fallback, feed, folder),
            )
        if compute.release_jitter is not None:
            release_jitter = compute.release_jitter.build(
                stream(scenario.seed, "release_jitter", number),
                1.0,
                Call("", {}, links, subbands, folder),
            )
        return Entrant(
            solver,
            Allocation(feed.p_max_w.copy(), status="initial"),
            latency,
            on_overrun=model.on_overrun or scenario.on_overrun,
            on_miss=miss.policy,
            fallback=fallback,
            fallback_latency=fallback_latency,
            # Against the caps themselves: an allocator may have written into its problem.
            check=lambda _, answer: check_allocation(limits, answer),
            keep=lambda answer: kept(answer, feed.p_max_w),
            release_jitter=release_jitter,
            size=(links, subbands),
            joined=joined.allocator,
            fallback_joined=joined.fallback,
        )
    except InputError as error:
        text = str(error).removeprefix(f"{model.label}: ")
        raise InputError(f"allocators: {model.label}: {text}") from error


def _call(reference: AllocatorReference, feed: Feed, folder: Path) -> Call:
    parameters = with_files(reference.parameters, folder)
    return Call(reference.allocator, parameters, feed.channel.links, feed.channel.subbands, folder)


def _prepared(reference: AllocatorReference, folder: Path, spec: PowerControlSpec) -> PowerSolver:
    return prepare_allocator(reference.allocator, with_files(reference.parameters, folder), spec)
