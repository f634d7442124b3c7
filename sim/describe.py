"""What a scenario is, in a few lines that are read and not written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.race import Race
from sim.scenario.models import ComputeModel, Controller

if TYPE_CHECKING:
    from sim.feed import Feed

#: Of a channel's model, what says most, in this order; the rest is in the scenario.
_CHANNEL = ("evolution", "speed_m_s", "doppler_hz", "carrier_hz")

_UNITS = {"speed_m_s": (1.0, "m/s"), "doppler_hz": (1.0, "Hz Doppler"), "carrier_hz": (1e9, "GHz")}

_NAMED = 4  # controllers alike


def race_facts(race: Race) -> dict[str, str]:
    """Return what is raced: names and values, in the order to read them in."""
    scenario = race.scenario
    alike: dict[str, list[str]] = {}
    for timing, feed in zip(race.timings, race.feeds, strict=True):
        alike.setdefault(_slots(timing, feed), []).append(timing.name)
    slots = [
        text if len(race.timings) == 1 else _whose(names) + text for text, names in alike.items()
    ]
    return {
        "scenario": scenario.description or scenario.name,
        "slots": "; ".join(slots),
        "channel": _channel(race),
        "compute pool": pool_words(scenario.compute),
        "policies": f"overrun: {scenario.on_overrun}; after a miss: {scenario.on_miss.policy}"
        + (
            "; some allocators have their own"
            if any(entry.on_overrun or entry.on_miss for entry in scenario.allocators)
            else ""
        ),
    }


def pool_words(compute: ComputeModel) -> str:
    """Return what matters of a compute pool in one line."""
    words = [
        f"{compute.servers} server" + "s" * (compute.servers > 1),
        compute.discipline + (", preemptive" if compute.preemptive else ""),
        f"latency {compute.latency.model}, speed {compute.speed:g}",
    ]
    if compute.batch > 1:
        words.append(f"up to {compute.batch} jobs a call")
    if compute.release_jitter is not None:
        words.append(f"release jitter {compute.release_jitter.model}")
    return ", ".join(words)


def _whose(names: list[str]) -> str:
    few = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return f"controller {few}: " if len(names) == 1 else f"{len(names)} controllers ({few}): "


def _slots(timing: Controller, feed: Feed) -> str:
    subbands = feed.channel.subbands
    return (
        f"{timing.slots:,} slots of {timing.slot_ns / 1e3:g} us, {feed.channel.links} links"
        + (f" in {subbands} subbands" if subbands > 1 else "")
        + f", {timing.compute_ns / 1e3:g} us to compute"
    )


def _channel(race: Race) -> str:
    model = race.scenario.channel.model_dump(mode="json", exclude_none=True)
    path = model.get("path")
    words = [model["model"] if path is None else f"trace {Path(path).name}"]
    words += [
        f"{model[key] / _UNITS[key][0]:.3g} {_UNITS[key][1]}" if key in _UNITS else str(model[key])
        for key in _CHANNEL
        if key in model
    ]
    return ", ".join(words)
