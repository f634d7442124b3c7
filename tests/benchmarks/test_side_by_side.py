"""The comparison with the peers: ratios the right way round, and both sides in the same race."""

from __future__ import annotations

import sys
from math import erf, log, sqrt
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import radio_case
from measure import Case, Spread, ratios, spread
from side_by_side import Group, groups, page, told

OURS, THEIRS = Case("ours", "x.py", ()), Case("theirs", "x.py", (), peer=True)


def group(more_is_better: bool) -> Group:
    beside = {"reaches": "reached"}
    return Group("title", "alike", "n", "unit", more_is_better, beside, (OURS, THEIRS))


def runs(*values: float) -> list[dict[str, Any]]:
    return [{"n": value, "reached": 7.0} for value in values]


def test_a_ratio_is_of_one_turn() -> None:
    """A pace that halves in the second turn halves both sides."""
    assert ratios([10.0, 5.0, 11.0], [2.0, 1.0, 2.0]) == Spread(5.0, 5.0, 5.5)
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


@pytest.mark.parametrize(("more_is_better", "times"), [(True, 4.0), (False, 0.25)])
def test_what_is_faster(more_is_better: bool, times: float) -> None:
    found = {OURS: runs(8.0, 16.0), THEIRS: runs(2.0, 4.0)}
    ours, theirs = told(group(more_is_better), found)
    assert ours["ratio"] == Spread(1.0, 1.0, 1.0)._asdict()
    assert theirs["ratio"] == Spread(times, times, times)._asdict()
    assert theirs["spread"] == Spread(3.0, 2.0, 4.0)._asdict()
    assert theirs["reached"] == 7.0


def test_a_peer_that_is_not_there_has_no_row() -> None:
    assert [row["case"] for row in told(group(True), {OURS: runs(1.0)})] == ["ours"]


def test_the_page_says_what_made_it() -> None:
    made = {
        "command": "python benchmarks/side_by_side.py -o x",
        "machine": {"processor": "P", "cores": 2, "system": "S", "python": "3"},
        "versions": {"crrm": "2.0.2"},
        "git": {"commit": "abc", "dirty": True},
        "load_average": [0.1, 1.0],
        "repeats": 2,
        "groups": [
            {
                "title": "T",
                "likeness": "alike",
                "unit": "us",
                "ratio": "times",
                "beside": {"reaches": "reached"},
                "rows": told(group(False), {OURS: runs(2.0, 2.0), THEIRS: runs(4.0, 6000.0)}),
            }
        ],
    }
    text = page(made)
    assert "`python benchmarks/side_by_side.py -o x` on P, 2 cores" in text
    assert "commit abc, changed" in text
    assert "| ours | 2 | 1 | 7 |" in text
    assert "| theirs | 3,002 (4 .. 6,000) | 1,501 (2 .. 3,000) | 7 |" in text


def test_every_case_is_a_script_with_a_kind_that_it_knows() -> None:
    folder = Path(radio_case.__file__).parent
    for each in groups(10):
        assert not each.cases[0].peer
        for case in each.cases:
            assert f'"{case.arguments[0]}"' in (folder / case.script).read_text("utf-8")


def test_the_race_and_the_plain_one_miss_alike() -> None:
    """What the laws of latency and deadline say; 4 standard errors: 1 false alarm in 8000."""
    left_ns = radio_case.DEADLINE_NS - radio_case.CSI_NS
    z = log(left_ns / radio_case.MEDIAN_NS) / radio_case.SIGMA
    expected = 0.5 * (1.0 - erf(z / sqrt(2.0)))
    error = sqrt(expected * (1.0 - expected) / 2000)
    for found in (
        radio_case.plain_simpy(4, 2000),
        radio_case.slots("max_power", 4, 2000, "lognormal"),
    ):
        assert found["missed"] == pytest.approx(expected, abs=4.0 * error)


def test_compiled_and_interpreted_reach_the_same() -> None:
    found = [radio_case.wmmse(backend, 3, 0.0) for backend in ("compiled", "python")]
    assert found[0]["sum_rate_bps_hz"] == pytest.approx(found[1]["sum_rate_bps_hz"], rel=1e-9)
    assert found[0]["iterations"] == found[1]["iterations"]
