"""What is said of a scenario where its results are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.describe import race_facts
from sim.race import Race
from sim.scenario import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (
            "munich",
            ["allocators=[max_power]"],
            {
                "slots": "2,000 slots of 1000 us, 10 links in 4 subbands, 700 us to compute",
                "channel": "trace munich_d2d_k10.h5",
                "policies": "overrun: abort; after a miss: hold",
            },
        ),
        (
            "overload",
            [],
            {
                "channel": "geometric, gauss_markov, 8.33 m/s, 3.5 GHz",
                "policies": "overrun: abort; after a miss: hold; some allocators have their own",
            },
        ),
        (
            "edf",
            ["controllers.0.name=first", "compute.preemptive=true"],
            {
                "slots": "2 controllers (first, large-2): 4,000 slots of 1000 us, 8 links, 900 us "
                "to compute; 2 controllers (small-1, small-2): 8,000 slots of 500 us, 8 links, "
                "400 us to compute",
                "compute pool": "1 server, edf, preemptive, latency lognormal, speed 1",
            },
        ),
        (
            "pool",
            [],
            {
                "slots": "12 controllers (0, 1, 2, 3, ...): 2,000 slots of 500 us, 6 links, 400 us "
                "to compute",
                "compute pool": "2 servers, fifo, latency constant, speed 1, up to 6 jobs a call, "
                "release jitter lognormal",
            },
        ),
    ],
)
def test_a_few_lines_say_what_is_raced(name: str, changes: list[str], said: dict[str, str]) -> None:
    path = SCENARIOS / f"{name}.yaml"
    scenario = load_scenario(path, changes)
    found = race_facts(Race(scenario, path.parent))
    assert found["scenario"] == scenario.description
    assert {key: found[key] for key in said} == said
