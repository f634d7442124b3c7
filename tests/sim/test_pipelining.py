"""Several servers, leads of several slots, offsets: through whole races, to the nanosecond."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_allocators import registered, run_race, scenario

from sim.deadline import read_log


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered():
        yield


Rows = list[dict[str, Any]]


def raced(folder: Path, **changes: Any) -> Rows:
    """Run a scenario and return its log, by controller and release."""
    run_race(scenario(**changes), folder)
    table = read_log(folder / "log").to_pylist()
    return sorted(table, key=lambda row: (row["controller"], row["index"]))


@pytest.mark.parametrize(
    ("servers", "lead", "service_us", "met"),
    [
        (1, 3, 2400, False),  # more than a slot: a queue that grows
        (2, 3, 2400, False),
        (3, 3, 2400, True),  # three in flight, and each in time
        (3, 2, 2400, False),  # computed in time for slot n + 3, not n + 2
        (4, 3, 3000, True),  # a tie
    ],
)
def test_a_lead_of_several_slots_pipelines_one_controller(
    servers: int, lead: int, service_us: int, met: bool, tmp_path: Path
) -> None:
    """D/D/c: job n = q c + r starts q (S - c T) after its release, if that is positive."""
    rows = raced(
        tmp_path,
        slots=60,
        budget={"lead": lead},
        compute={"servers": servers, "latency": {"constant": f"{service_us} us"}},
        on_overrun="continue",
    )
    slot_ns, service_ns = 1_000_000, 1000 * service_us
    for n, row in enumerate(rows):
        wait_ns = n // servers * max(service_ns - servers * slot_ns, 0)
        assert row["release_ns"] == n * slot_ns
        assert row["start_ns"] == n * slot_ns + wait_ns
        assert row["finish_ns"] == row["start_ns"] + service_ns
    assert (rows[-1]["outcome"] == "met") == met
    if servers > 1:
        assert in_flight(rows) == min(servers, -(-service_us // 1000))


def in_flight(rows: Rows) -> int:
    """Return how many jobs were on servers at once at most."""
    return max(
        sum(other["start_ns"] <= row["start_ns"] < other["finish_ns"] for other in rows)
        for row in rows
    )


def test_answers_come_out_of_order_and_the_newest_serves(tmp_path: Path) -> None:
    rows = raced(
        tmp_path,
        slots=400,
        budget={"lead": 3},
        compute={"servers": 3, "latency": {"uniform": {"low": "100 us", "high": "4 ms"}}},
        on_overrun="continue",
        on_miss="use_late",
    )
    overtaken = [
        row for row, later in itertools.pairwise(rows) if later["finish_ns"] < row["finish_ns"]
    ]
    assert len(overtaken) > 50
    assert in_flight(rows) == 3
    # By the definition of `use_late`: the newest answer that is there at the deadline, unless a
    # newer one is in force already.
    newest = -1
    for row in rows:
        ready = [
            late["index"]
            for late in rows
            if late["outcome"] == "late"
            and late["finish_ns"] <= row["deadline_ns"]
            and late["index"] < row["index"]
        ]
        if row["outcome"] == "met":
            newest, expected = row["index"], "own"
        elif ready and max(ready) > newest:
            newest, expected = max(ready), "late"
        else:
            expected = "initial" if newest < 0 else "held"
        assert row["source"] == expected
    assert {row["source"] for row in rows} >= {"own", "late", "held"}


def test_each_controller_keeps_its_own_grid(tmp_path: Path) -> None:
    offsets = [0, 250_000, 333_333, 7_000_001]
    rows = raced(
        tmp_path,
        slots=50,
        controllers=[{"offset_ns": offset} for offset in offsets],
        budget={"lead": 2, "csi_ns": 10_000, "control_ns": 20_000},
        compute={"servers": 4, "latency": {"constant": "1200 us"}},
    )
    assert len(rows) == 4 * 50
    for row in rows:
        start_ns = offsets[row["controller"]] + row["index"] * 1_000_000
        assert row["release_ns"] == start_ns + 10_000
        assert row["deadline_ns"] == start_ns + 2_000_000 - 20_000


def test_offsets_spare_a_server(tmp_path: Path) -> None:
    """Two controllers a half slot apart fit one server that they overload when released at once."""
    compute = {"latency": {"constant": "450 us"}}
    budget = {"lead": 1, "control": "500 us"}
    together = raced(tmp_path / "0", controllers=2, compute=compute, budget=budget)
    apart = [{}, {"offset": "500 us"}]
    shifted = raced(tmp_path / "1", controllers=apart, compute=compute, budget=budget)
    assert {row["outcome"] for row in together if row["controller"] == 1} == {"aborted"}
    assert {row["outcome"] for row in shifted} == {"met"}


def test_a_faster_processor_wakes_up_no_sooner(tmp_path: Path) -> None:
    compute = {
        "latency": {"constant": "400 us"},
        "release_jitter": {"constant": "100 us"},
        "speed": 4,
    }
    rows = raced(tmp_path, controllers=2, compute=compute)
    starts = {(row["controller"], row["start_ns"] - row["release_ns"]) for row in rows}
    assert starts == {(0, 100_000), (1, 300_000)}
    assert {row["service_ns"] for row in rows} == {100_000}


@pytest.mark.parametrize("servers", [1, 2, 3, 8])
def test_speed_up_of_the_pool(servers: int, tmp_path: Path) -> None:
    """Eight controllers released at once: controller i is answered after i // c + 1 services."""
    rows = raced(
        tmp_path,
        slots=20,
        controllers=8,
        compute={"servers": servers, "latency": {"constant": "100 us"}},
    )
    for row in rows:
        response_ns = row["finish_ns"] - row["release_ns"]
        assert response_ns == 100_000 * (row["controller"] // servers + 1)


def test_preemptive_edf_saves_what_waits_behind_a_long_slot(tmp_path: Path) -> None:
    """A job of 600 us, released 100 us after one that is not urgent, has 1 ms."""
    controllers = [{"slot": "3 ms"}, {"slot": "1 ms", "offset": "100 us"}]
    outcomes = []
    for preemptive in (False, True):
        rows = raced(
            tmp_path / str(preemptive),
            slots=90,
            controllers=controllers,
            compute={
                "discipline": "edf",
                "preemptive": preemptive,
                "latency": {"constant": "600 us"},
                "release_jitter": {"constant": "10 us"},
            },
            on_overrun="continue",
            allocators=["tilted"],
        )
        outcomes.append({row["outcome"] for row in rows})
        assert all(row["service_ns"] == 600_000 for row in rows)
    assert outcomes == [{"met", "late"}, {"met"}]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(1, 4_000_000),
)
@settings(max_examples=15)
def test_preemptive_edf_makes_every_slot_up_to_full_utilisation(
    tmp_path_factory: pytest.TempPathFactory, slots: list[tuple[int, int]], offset_ns: int
) -> None:
    """Implicit deadlines (lead 1, nothing but computing): the longest service that fits, and more.

    Without offsets, what does not fit shows by the first hyperperiod's end.
    """
    periods = [1_000_000 >> numerology for numerology, _ in slots]
    service_ns = int(1 / sum(Fraction(1, period) for period in periods))
    folder = tmp_path_factory.mktemp("edf")

    def outcomes(name: str, service_ns: int, offset_ns: int) -> set[str]:
        rows = raced(
            folder / name,
            slots=8,
            controllers=[
                {"slot_ns": period, "offset_ns": offset_ns * several}
                for period, (_, several) in zip(periods, slots, strict=True)
            ],
            compute={
                "discipline": "edf",
                "preemptive": True,
                "latency": {"model": "constant", "base_ns": service_ns},
            },
            on_overrun="continue",
        )
        return {row["outcome"] for row in rows}

    assert outcomes("fits", service_ns, offset_ns) == {"met"}
    assert "late" in outcomes("more", service_ns + 1, 0)


@pytest.mark.parametrize("preemptive", [False, True])
def test_best_so_far_has_what_the_processor_gave_it(preemptive: bool, tmp_path: Path) -> None:
    """Nine steps of 100 us in a slot of 1 ms, of which a rival takes 300 us if it may."""
    rows = raced(
        tmp_path,
        slots=30,
        seed=5,
        controllers=[{"priority": 1}, {"priority": 0, "offset": "200 us"}],
        compute={
            "discipline": "priority",
            "preemptive": preemptive,
            "latency": {"constant": {"base": "0 us", "per_work": "120 us"}},
        },
        on_overrun="abort",
        on_miss="best_so_far",
        allocators=[{"erratic": {"fails": False}}],
    )
    assert all(row["finish_ns"] is None or row["finish_ns"] <= row["deadline_ns"] for row in rows)
    cut = [row for row in rows if row["outcome"] == "aborted"]
    assert cut
    first = {row["index"]: row for row in rows if row["controller"] == 0}
    rival = {row["index"]: row for row in rows if row["controller"] == 1}
    for row in cut:
        received = row["deadline_ns"] - row["start_ns"]
        if preemptive and row["controller"] == 0:
            other = rival[row["index"]]
            begin = max(other["start_ns"], row["start_ns"])
            received -= max(min(other["finish_ns"], row["deadline_ns"]) - begin, 0)
            before = rival.get(row["index"] - 1)
            if before is not None:
                received -= max(before["finish_ns"] - row["start_ns"], 0)
        steps = received // 120_000
        assert (row["source"] == "best_so_far") == (steps >= 1)
    assert len(first) == len(rival) == 30
