"""Numbers, axes and certainty in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_tables import Row, make_study

from sim.deadline.manifest import machine
from sim.report.axis import slot_names, study_axis
from sim.report.certainty import asked, carries, refusals, rests_on, unfinished
from sim.report.results import read_results
from sim.report.wording import count, interval, listing, merged, number, ratio, ratios, rough


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (0.05, "0.05"), (142.857, "142.9"), (1000.0, "1000"), (62.4149, "62.41"),
     (123456, "123500"), (0.00012345, "0.0001234"), (9999.96, "10000"), (-3.5, "-3.5")],
)  # fmt: skip
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e-3, "0.1%"), (9.8e-4, "9.8e-4"), (1.3e-3, "0.13%"), (1.23e-4, "1.2e-4"),
     (0.0321, "3.21%"), (1, "100%"), (0.9999, "99.99%"), (0.00996, "1%")],
)  # fmt: skip
def test_ratios(value: float, text: str) -> None:
    assert ratio(value) == text


def test_shares_beside_each_other_have_one_form() -> None:
    assert ratios(0.009, 4.1e-6, 0.017) == ["0.9%", "0.00041%", "1.7%"]
    assert ratios(2e-4, 8e-6, 9e-4) == ["2e-4", "8e-6", "9e-4"]
    assert interval(0, 0.0012) == "0 .. 0.12%"
    assert interval(0, 0) == "0 .. 0"
    assert interval(1e-5, 1e-4, wider=True) == "1e-5 .. 1e-4 or wider"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.58, "1.6"), (7.168, "7"), (51.38, "51"), (449.1, "450"), (2e6, "2.0e+06")],
)
def test_what_is_known_roughly_has_two_digits(value: float, text: str) -> None:
    assert rough(value) == text


def test_lists_and_counts() -> None:
    assert [listing(list("abcd")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert listing(list("abcd"), 2) == "a, b and 2 more"
    assert count(1, "job") == "1 job"
    assert count(12_000, "job") == "12,000 jobs"
    assert merged([("a", "x"), ("b", "y"), ("c", "x")]) == ["With a; c, x.", "With b, y."]
    assert merged([("", "x")]) == ["X."]


@pytest.mark.parametrize(
    ("slot_us", "names"),
    [
        (1000.0, ["numerology 0"]),
        (500.0, ["numerology 1", "7 symbols of numerology 0"]),
        (125.0, ["numerology 3", "7 symbols of numerology 2"]),
        (142.857, ["2 symbols of numerology 0", "4 symbols of numerology 1"]),
        (143.0, ["2 symbols of numerology 0", "4 symbols of numerology 1"]),
        (17.857, ["2 symbols of numerology 3"]),
        (333.0, []),
    ],
)
def test_slots_by_the_names_they_have_in_5g(slot_us: float, names: list[str]) -> None:
    assert slot_names(slot_us) == names


def axis(name: str, *values: Any, **facts: list[Any]) -> Any:
    rows = [
        {name: value, **{fact: found[i] for fact, found in facts.items()}}
        for i, value in enumerate(values)
    ]
    return study_axis(name, rows)


def test_axes_in_the_units_of_people() -> None:
    csi = axis("budget.csi_ns", 300_000, 100_000)
    assert (csi.title, csi.values, csi.phrase(100_000)) == (
        "budget.csi (us)", (100_000, 300_000), "budget.csi 100 us"
    )  # fmt: skip
    speed = axis("channel.speed_m_s", 30 / 3.6, 3 / 3.6)
    assert speed.phrase(30 / 3.6) == "channel.speed 30 km/h"
    assert axis("channel.links", 1, 2).phrase(1) == "1 link"
    assert axis("channel.links", 1, 2).phrase(2) == "2 links"
    assert axis("compute.speed", 0.5, 1.0).title == "processor speed"
    numerology = axis("numerology", 0, 2, 1)
    assert (numerology.fact, numerology.values) == ("slot_us", (2, 1, 0))
    assert numerology.phrase(1) == "a slot of 500 us"


def test_labels_stand_for_the_fact_they_set() -> None:
    found = axis("mini", "b", "a", slot_us=[1000.0, 500.0], links=[10, 10])
    assert (found.values, found.fact, found.numeric) == (("b", "a"), "slot_us", True)
    assert found.phrase("a") == "a (a slot of 500 us)"
    pool = axis("cells", "2", "64", controllers=[2, 64])
    assert pool.phrase("64") == "64 controllers"
    none = axis("kind", "b", "a", links=[10, 10])
    assert (none.fact, none.numeric, none.phrase("a")) == ("", False, "kind a")


def words(folder: Path, misses: list[int | None], slots: int = 10_000, **more: Any) -> Any:
    def change(row: Row) -> None:
        missed = misses[row["links"] - 1]
        if missed is None:
            row.update(status="refused", reason="too\nmany links")
        row["figures"] = {"missed": missed or 0}

    axes = {"channel.links": list(range(1, len(misses) + 1))}
    return read_results(make_study(folder / "s", axes, ["a"], slots=slots, change=change, **more))


def test_refusals(tmp_path: Path) -> None:
    assert refusals(words(tmp_path / "a", [0, 1])) == ["No point was refused."]
    assert refusals(words(tmp_path / "b", [0, None])) == [
        "1 of 2 points was refused (replicates counted as one):",
        "- 1 of `a`: too many links",
    ]
    assert refusals(words(tmp_path / "c", [None, None, 0])) == [
        "2 of 3 points were refused (replicates counted as one):",
        "- 2 of `a`: too many links",
    ]
    assert refusals(words(tmp_path / "d", [None]))[0].startswith("The only point was refused")
    assert carries(words(tmp_path / "e", [None])) == []


def test_certainty(tmp_path: Path) -> None:
    assert carries(words(tmp_path / "a", [0, 500])) == [
        "No point's 95% interval straddles the target.",
        "1 point shows no miss: in 10,000 jobs that means a miss ratio below 3e-4 (3/n, 95%), not "
        "zero.",
        "Intervals of miss ratios are exact for independent misses. Misses may come in bursts, and "
        "this study has too few replicates or misses to tell; the true intervals may be wider.",
    ]
    few = carries(words(tmp_path / "b", [0, 0, 2], slots=1000))
    assert few[0].startswith("Of 3 points, 3 are uncertain: the 95% interval holds values on both")
    assert few[1].startswith(
        "2 points show no miss: in 1,000 jobs that means a miss ratio below 0.3%"
    )
    assert few[2] == (
        "So few jobs cannot show a miss ratio of 0.1%: that takes 3,000 jobs without a miss."
    )
    assert carries(words(tmp_path / "c", [0]))[-1] == (
        "Intervals of miss ratios are exact for independent misses."
    )


def test_bursts_are_told(tmp_path: Path) -> None:
    def bursts(row: Row) -> None:
        row["figures"] = {"missed": 900 if row["replicate"] % 2 else 100}

    axes = {"channel.links": [5, 10]}
    results = read_results(make_study(tmp_path / "s", axes, ["a"], 4, change=bursts))
    # chi-squared of (100, 900, 100, 900) in 10,000 each: 4 x 400^2 / (10,000 x 0.05 x 0.95) = 1347
    assert carries(results)[-1] == (
        "Intervals of miss ratios are exact for independent misses. Here misses come in bursts: "
        "between replicates they scatter about 450 times as much, so the true intervals are about "
        "21 times as wide. Those printed here say `or wider`."
    )
    steady = make_study(
        tmp_path / "t", axes, ["a"], 4, change=lambda r: r.update(figures={"missed": 500})
    )
    assert carries(read_results(steady))[-1].endswith("replicates they scatter no more than that.")


def test_what_was_asked(tmp_path: Path) -> None:
    assert asked(words(tmp_path, [0, 1])) == [
        "The study asks for a miss ratio of at most 0.1% (it names no target: this is the usual "
        "one).",
        "It has 2 points: 1 allocator over channel.links (1 .. 2, 2 values), 1 replicate each.",
    ]


def test_what_it_rests_on(tmp_path: Path) -> None:
    def calibrated(row: Row) -> None:
        row["latency"] = "calibrated"

    def of(name: str, manifest: dict[str, Any]) -> list[str]:
        made = make_study(tmp_path / name, {}, ["a"], change=calibrated, manifest=manifest)
        return rests_on(read_results(made))

    other = {"file": "small.json", "machine": {"processor": "Another", "cores": 64}}
    assert of("other", {"profiles": [other]})[0] == (
        "Compute times are replayed from `small.json`, recorded on **another machine than this "
        "one**: Another, 64 cores."
    )
    same = of("same", {"profiles": [{"file": "x", "machine": machine()}]})[0]
    assert "recorded on a machine like this one: " in same
    assert "does not say on which machine it was recorded." in of("none", {})[0]
    assert (
        of("none", {})[-1]
        == "Made with ttirace 0.1.0 and numpy 2.1.0; engine serial; on A processor, 2 cores."
    )


def test_an_unfinished_study_says_so(tmp_path: Path) -> None:
    done = words(tmp_path / "a", [0])
    assert unfinished(done) == []
    (line,) = unfinished(words(tmp_path / "b", [0], manifest={"status": "running"}))
    assert line.startswith("**The study is not finished** (its manifest says 'running')")
