"""The scenarios shipped show what they say that they show."""

from __future__ import annotations

import pytest

from sim.race import Race
from sim.result import summarize
from sim.scenario import load_scenario
from sim.scenario.shipped import SHIPPED


def missed(*overrides: str) -> tuple[float, dict[str, float]]:
    """Race the first slots of edf.yaml; return WMMSE's miss ratio, of all and by controller."""
    path = SHIPPED / "edf.yaml"
    scenario = load_scenario(path, ["slots=400", "allocators=[wmmse]", *overrides])
    race = Race(scenario, path.parent)
    (entry,) = summarize(race, race.run(None))["allocators"]
    return entry["miss_ratio"], {one["name"]: one["miss_ratio"] for one in entry["controllers"]}


@pytest.mark.parametrize("seed", [4, 5])
def test_edf_makes_deadlines_that_fifo_misses(seed: int) -> None:
    edf, by_controller = missed(f"seed={seed}")
    fifo, behind = missed(f"seed={seed}", "compute.discipline=fifo")
    assert 0.0 < edf < fifo / 3.0
    for small in ("small-1", "small-2"):
        assert by_controller[small] < behind[small]


def test_small_cells_that_interrupt_make_the_large_ones_miss() -> None:
    _, edf = missed()
    _, priority = missed("compute.discipline=priority", "compute.preemptive=true")
    assert priority["large-2"] > edf["large-2"]
    assert priority["small-2"] < edf["small-2"]
