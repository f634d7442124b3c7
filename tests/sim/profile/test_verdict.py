"""What is said of a calibration: made-up measurements, as no clock can be relied on."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sim.deadline.cost import CHANCES, Cost
from sim.host import Conditions
from sim.profile import Cell, CellKey, Profile
from sim.profile.measure import Measurement
from sim.profile.plan import samples_for
from sim.profile.verdict import compared, warnings_of

COST = Cost(5000.0, 0.0, 5000.0, np.zeros(len(CHANCES)))
KEY = CellKey.of("wmmse", {})


def cell(
    drift: float = 0.02, ratio: float = 1.1, samples: int = 5000, p50: float = 5.0, links: int = 10
) -> Cell:
    facts = {"p50_us": p50, "drift": drift, "varied_over_same": ratio}
    return Cell(KEY, links, 1, COST, samples, facts)


def measured(*cells: Cell, others: float = 0.0, refused: tuple[str, ...] = ()) -> Measurement:
    return Measurement(
        list(cells), COST, Conditions(1, "fifo", "poll", refused), 50.0, 200.0, {}, 0.0, others, []
    )


def test_a_quiet_machine_needs_no_warning() -> None:
    assert warnings_of(measured(cell()), 0.999) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            measured(cell(drift=0.3), cell(links=20)),
            "1 of 2 cells of more than 1 us moved by more than 10%.* by 30%",
        ),
        (measured(cell(), others=0.9), "busy: 0.9 processors with something else"),
        (measured(cell(), refused=("pinning: no",)), "not permitted here: pinning: no"),
        (measured(cell(ratio=40.0)), "40.0 times slower on varied.*remember answers"),
        (measured(cell(samples=500)), "1 of 1 cells have fewer than the 4603 .*with 500"),
    ],
)
def test_what_is_wrong_is_said(found: Measurement, said: str) -> None:
    (warning,) = warnings_of(found, 0.999)
    assert re.search(said, warning), warning


def test_calls_within_the_clocks_grain_are_not_called_unstable() -> None:
    assert warnings_of(measured(cell(drift=0.5, ratio=9.0, p50=0.3)), 0.999) == []


@pytest.mark.parametrize(("q", "samples"), [(0.5, 7), (0.99, 459), (0.999, 4603)])
def test_samples_that_carry_a_percentile(q: float, samples: int) -> None:
    assert samples_for(q) == samples


def test_two_profiles_are_compared_by_their_medians() -> None:
    def profile(name: str, p50: float) -> Profile:
        return Profile(name, {}, [cell(p50=p50)], COST)

    assert compared(profile("new", 5.2), profile("old", 5.0)) == (
        "1 of 1 medians lie within 10% of those of old; furthest: wmmse K = 10 S = 1, +4.0%"
    )
    assert compared(profile("new", 9.0), profile("old", 5.0)).startswith("0 of 1 medians")
    assert "no cell in common" in compared(profile("new", 5.0), Profile("old", {}, [], COST))
