"""A small race whose summary is kept: nobody changes a figure without knowing.

After a change that is meant, `TTIRACE_GOLDEN=write python -m pytest tests/golden` writes the
summary anew; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sim.race import Race
from sim.result import summarize
from sim.scenario import load_scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "overload.yaml"
GOLDEN = Path(__file__).with_name("overload_300_slots.json")

#: These pass through functions that differ between platforms in their last bits.
REAL = ("sum_rate_bps_hz", "loss_bps_hz", "per_user_p5_bps_hz", "jain", "miss_ratio_ci95")


def part(entry: dict[str, Any], *, real: bool) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if (key in REAL) == real}


def approximately(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def test_every_figure_is_what_it_was(tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIO, ["slots=300"])
    race = Race(scenario, SCENARIO.parent)
    summary = summarize(race, race.run(tmp_path))
    if os.environ.get("TTIRACE_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert summary.keys() == golden.keys()
    for key in ("scenario", "budget_us", "warnings"):
        assert summary[key] == golden[key]
    for ours, kept in zip(summary["allocators"], golden["allocators"], strict=True):
        # Counts, and times in whole nanoseconds: exactly.
        assert part(ours, real=False) == part(kept, real=False)
        for key, value in part(kept, real=True).items():
            assert ours[key] == approximately(value), (ours["name"], key)
