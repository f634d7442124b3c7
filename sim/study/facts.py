"""What a point is: the facts beside its figures in the table."""

from __future__ import annotations

from typing import Any

from sim.scenario import AllocatorModel, Scenario


def facts_of(scenario: Scenario, model: AllocatorModel) -> dict[str, Any]:
    """Return what a scenario says of one allocator's point, under the names of `columns.FACTS`.

    Links and subbands are those of the channel's keys; a trace says them only when it is read.
    """
    timing, compute, channel = scenario.controller(0), scenario.compute, scenario.channel
    return {
        "links": getattr(channel, "links", getattr(channel, "users", None)),
        "subbands": getattr(channel, "subbands", None),
        "controllers": len(scenario.controllers),
        "servers": compute.servers,
        "batch": compute.batch,
        "speed": compute.speed,
        "lead": timing.budget.lead,
        "slot_us": timing.slot_ns / 1e3,
        "budget_us": timing.compute_ns / 1e3,
        "discipline": compute.discipline,
        "latency": (model.latency or compute.latency).model,
        "slots": scenario.slots,
        "seed": scenario.seed,
    }
