"""From a scenario to what takes part in it: each controller's feed, and the entrants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim.channel import TraceChannel
from sim.deadline import Entrant, InputError, Solver
from sim.feed import Feed
from sim.ledger import kept
from sim.network import PowerEntrant
from sim.problem import (
    Allocation,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
)
from sim.registry import prepare_allocator
from sim.scenario import AllocatorModel, Controller, Scenario
from sim.scenario.allocators import AllocatorReference, with_files
from sim.scenario.latency import Call
from sim.seeding import stream


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


def build_entrant(
    scenario: Scenario, model: AllocatorModel, controller: Controller, feed: Feed, folder: Path
) -> PowerEntrant:
    """Return a prepared allocator with its latency and policies, for one controller.

    Files that its parameters name are looked for in ``folder`` first.

    Raises:
        InputError: the allocator cannot be made, or does not fit the problems or its policy.
    """
    number, compute = controller.number, scenario.compute
    miss = model.on_miss or scenario.on_miss
    fallback, fallback_latency = None, None
    limits = feed.limits
    # The same stream for every allocator: none is an axis of the seeds.
    try:
        latency = (model.latency or compute.latency).build(
            stream(scenario.seed, "latency", number), compute.speed, _call(model, feed, folder)
        )
        # Measured time runs `speed` times slower here; under a modelled one nobody is to hurry.
        budget_ns = round(controller.compute_ns * compute.speed) if latency.measured else None
        solver = _prepared(
            model, folder, feed, stream(scenario.seed, "allocator", number), budget_ns
        )
        if miss.fallback is not None:
            fallback = _prepared(
                miss.fallback, folder, feed, stream(scenario.seed, "fallback", number)
            )
            charged = miss.fallback.latency or compute.latency
            fallback_latency = charged.build(
                stream(scenario.seed, "latency.fallback", number),
                compute.speed,
                _call(miss.fallback, feed, folder),
            )
        return Entrant(
            solver,
            Allocation(feed.p_max_w.copy(), status="initial"),
            latency,
            model.on_overrun or scenario.on_overrun,
            miss.policy,
            fallback,
            fallback_latency,
            # Against the caps themselves: an allocator may have written into its problem.
            lambda _, answer: check_allocation(limits, answer),
            lambda answer: kept(answer, feed.p_max_w),
        )
    except InputError as error:
        text = str(error).removeprefix(f"{model.label}: ")
        raise InputError(f"allocators: {model.label}: {text}") from error


def _call(reference: AllocatorReference, feed: Feed, folder: Path) -> Call:
    parameters = with_files(reference.parameters, folder)
    return Call(reference.allocator, parameters, feed.channel.links, feed.channel.subbands, folder)


def _prepared(
    reference: AllocatorReference,
    folder: Path,
    feed: Feed,
    rng: np.random.Generator,
    budget_ns: int | None = None,
) -> Solver[PowerControlProblem, Allocation]:
    spec = PowerControlSpec(feed.channel.links, feed.channel.subbands, rng, budget_ns)
    return prepare_allocator(reference.allocator, with_files(reference.parameters, folder), spec)
