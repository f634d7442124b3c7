"""The sentence that sums a race up: computed, and true where several are alike."""

from __future__ import annotations

from typing import Any

import pytest

from sim.table import verdict


def entry(name: str, in_force: float | None, missed: float, genie: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "miss_ratio": missed,
        "sum_rate_bps_hz": {"genie": genie, "aged": genie, "in_force": in_force},
    }


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [entry("a", 2.0, 0.0, 2.0), entry("b", 3.0, 0.1, 3.0)],
            "Most rate in force: b, 3.00 bit/s/Hz, missing 10.00% of its deadlines.",
        ),
        (  # what reads alike is alike: then it is misses that tell
            [entry("a", 2.0001, 0.332, 2.0), entry("b", 2.0, 0.0, 2.0), entry("c", 1.0, 0.0, 1.0)],
            "Most rate in force: b, 2.00 bit/s/Hz, missing 0.00% of its deadlines (as much: a).",
        ),
        (
            [entry(name, 2.0, 0.0, 2.0) for name in "abcdef"],
            "Most rate in force: a, 2.00 bit/s/Hz, missing 0.00% of its deadlines (as much: b, c, "
            "d and 2 more).",
        ),
        (
            [entry("a", 0.7, 1.0, 3.0), entry("b", 0.7, 1.0, 0.7)],
            "No answer was there in time: what was in force before stays, 0.70 bit/s/Hz.",
        ),
        ([entry("a", None, 0.0, None)], "No slot was served: the race is shorter than its lead."),
        (
            [entry("a", 2.0, 0.5, 4.0), entry("b", 3.0, 0.1, 3.0)],
            "Most rate in force: b, 3.00 bit/s/Hz, missing 10.00% of its deadlines. The best "
            "answers given no clock are those of a; age and misses take 50.0% of their rate.",
        ),
        (  # of several with the same answers, who has the most of them in force is spoken of
            [entry("a", 2.0, 0.5, 4.0), entry("b", 3.0, 0.1, 4.0)],
            "Most rate in force: b, 3.00 bit/s/Hz, missing 10.00% of its deadlines. Age and misses "
            "take 25.0% of what its answers are worth given no clock.",
        ),
    ],
)
def test_it_says_who_is_first(entries: list[dict[str, Any]], said: str) -> None:
    assert verdict({"allocators": entries}) == said
