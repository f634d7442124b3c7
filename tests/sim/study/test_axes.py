"""What can be varied, and what is said of what cannot."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import SCENARIO, study, write

from sim.deadline import InputError
from sim.scenario import Scenario
from sim.scenario.overrides import assign
from sim.scenario.text import parse
from sim.study import load_study
from sim.study.axes import read_axes
from sim.study.study import Combination, replicate_seed


def cells(axis: Any, key: str = "compute.speed") -> list[Any]:
    return [value.cell for value in read_axes({key: axis})[0].values]


def test_a_quoted_number_beside_text_stays_text() -> None:
    """Which text is a number was decided by the loader, for which quotes make it none."""
    (axis,) = read_axes(parse("axes", "on_miss: ['1e3', hold]"))
    assert [value.cell for value in axis.values] == ["1e3", "hold"]
    assert [value.settings for value in axis.values] == [
        (("on_miss", "1e3"),),
        (("on_miss", "hold"),),
    ]
    (axis,) = read_axes(parse("axes", "on_miss: [1e3, hold]"))
    assert axis.values[0].settings == (("on_miss", 1000.0),)


@pytest.mark.parametrize(
    ("key", "axis", "column", "expected"),
    [
        ("channel.links", [5, 20, 10], "channel.links", [5, 20, 10]),
        ("channel.links", {"from": 1, "to": 8, "step": 3}, "channel.links", [1, 4, 7]),
        (
            "channel.links",
            {"from": 2, "to": 32, "points": 5, "scale": "log"},
            "",
            [2, 4, 8, 16, 32],
        ),
        ("channel.links", {"from": 1, "to": 3, "points": 9}, "", [1, 2, 3]),
        ("compute.speed", {"from": 0.1, "to": 0.5, "step": 0.1}, "", [0.1, 0.2, 0.3, 0.4, 0.5]),
        (
            "compute.speed",
            {"from": "1e-2", "to": 1, "points": 3, "scale": "log"},
            "",
            [0.01, 0.1, 1],
        ),
        ("compute.speed", {"from": 2, "to": 2, "points": 4}, "", [2]),
        ("budget.csi", ["0.1 ms", "300 us"], "budget.csi_ns", [100_000, 300_000]),
        ("budget.csi_us", [100, "300 us"], "budget.csi_ns", [100_000, 300_000]),
        (
            "slot",
            {"from": "0.5 ms", "to": "1 ms", "step": "250 us"},
            "slot_ns",
            [500_000, 750_000, 1_000_000],
        ),
        ("radio.p_max", ["0 dBm", "1 W"], "radio.p_max_w", [0.001, 1.0]),
        ("compute.latency.constant.base", ["1 us"], "compute.latency.constant.base_ns", [1000]),
        ("controllers", [1, 4], "controllers", [1, 4]),
        ("numerology", [0, 1], "numerology", [0, 1]),
        ("allocators.0.wmmse.tolerance", [1e-3, 0.5], "", [0.001, 0.5]),
        (
            "on_miss",
            ["hold", {"fallback": "max_power"}],
            "on_miss",
            ["hold", '{"fallback": "max_power"}'],
        ),
        (
            "mini",
            {
                "zip": {"slot": ["1 ms", "1 ms"], "budget.csi": ["1 us", "2 us"]},
                "labels": ["a", "b"],
            },
            "mini",
            ["a", "b"],
        ),
        ("mini", {"zip": {"slot": ["1 ms"], "budget.lead": [2]}}, "mini", ["1 ms, 2"]),
    ],
)
def test_values(key: str, axis: Any, column: str, expected: list[Any]) -> None:
    (read,) = read_axes({key: axis})
    assert [value.cell for value in read.values] == expected
    assert read.column == (column or key)


@given(
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
    st.integers(2, 60),
    st.sampled_from(["linear", "log"]),
)
def test_a_range_ends_where_it_says_and_rises(a: float, b: float, points: int, scale: str) -> None:
    low, high = sorted((float(f"{a:.4g}"), float(f"{b:.4g}")))
    values = cells({"from": low, "to": high, "points": points, "scale": scale})
    assert (values[0], values[-1]) == (low, high)
    assert all(x < y for x, y in itertools.pairwise(values))
    assert len(values) == (1 if low == high else points) or high / low < 1 + 1e-6


WRONG_AXES = [
    ({"compute.server": [1]}, "compute.server: unknown key; did you mean 'servers'?"),
    ({"compute.servers": []}, "axes: compute.servers: has no values; want at least one"),
    ({"compute.servers": 3}, "axes: compute.servers: want a list of values, {from"),
    ({"compute.servers": [1, 0]}, "compute.servers: should be greater than or equal to 1 (got 0)"),
    ({"compute.servers": [2, 2]}, "axes: compute.servers: 2 stands twice"),
    ({"compute.servers": ["two"]}, "axes: compute.servers: want a number (got 'two')"),
    ({"compute.servers": {"from": 3, "to": 1, "step": 1}}, "from 3 is above to 1; want it below"),
    ({"compute.servers": {"from": 1, "to": 3}}, "want either step or points in a range"),
    ({"compute.servers": {"from": 1, "to": 3, "step": 0}}, "step 0: must be above zero"),
    ({"compute.servers": {"from": 1, "to": 3, "step": 0.5}}, "want a whole number (got 0.5)"),
    ({"compute.speed": {"from": 1, "to": 3, "points": 1}}, "one point does not reach"),
    ({"compute.speed": {"from": 1, "too": 3, "points": 1}}, "too: unknown key; did you mean 'to'?"),
    ({"compute.speed": {"from": 0, "to": 3, "points": 2, "scale": "log"}}, "does not reach 0"),
    ({"compute.speed": {"from": 1, "to": 2, "step": 1, "scale": "log"}}, "step goes with a linear"),
    ({"budget.csi": [100]}, "axes: budget.csi: has no unit; write, say, '0.5 ms'"),
    ({"budget.csi": {"from": "1 us", "to": "2 W", "points": 2}}, "unit 'W' is not one of ns, us"),
    ({"a": {"zip": {"slot": ["1 ms", "2 ms"], "budget.csi": ["1 us"]}}}, "lists of unequal length"),
    ({"a": {"zip": {"slot": ["1 ms"]}, "labels": ["x", "y"]}}, "lists of unequal length"),
    ({"links": {"zip": {"slot": ["1 ms"]}}}, "links: is a column of the table already"),
    ({"slot": ["1 ms"], "numerology": [0]}, "numerology and slot set the same key; keep one"),
    ({"budget.csi": ["1 us"], "budget.csi_us": [2]}, "set the same key"),
    ({"channel.links": [2], "channel.rayleigh.links": [3]}, "set the same key"),
    ({"allocators": [["wmmse"]]}, "axes: allocators: is no axis"),
    ({"allocators.0.max_power.x": [1]}, "max_power.x: unknown parameter"),
    ({"allocators.7.label": ["a"]}, "'7' is not one of the 2 places in allocators"),
    ({"name": ["a"]}, "axes: name: changes no figure"),
    ({"budget.csi": ["3 ms", "2 ms"]}, "no point can be had: budget: lead 1 x slot 1000 us"),
]


@pytest.mark.parametrize(("axes", "said"), WRONG_AXES, ids=[said for _, said in WRONG_AXES])
def test_axes_that_are_wrong_are_one_line(axes: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        study(tmp_path, axes=axes)
    message = str(caught.value)
    assert said in message
    assert message.startswith(f"{tmp_path / 'study.yaml'}: ")
    assert "\n" not in message


AXES = {"compute.servers": [1, 2]}
LINKS = {"axis": "channel.links", "find": "largest", "from": 2, "to": 9}
MANY = {"from": 1, "to": 2000, "step": 1}
WRONG_KEYS = [
    ({}, "nothing to do"),
    ({"axes": AXES, "replicates": 0}, "replicates: should be greater than or equal to 1 (got 0)"),
    ({"axes": AXES, "replicates": True}, "replicates: is not a matter of true or false"),
    ({"axes": AXES, "axis": 1}, "axis: unknown key; did you mean 'axes'?"),
    ({"axes": AXES, "target": "miss_rate <= 1e-3"}, "did you mean 'miss_ratio'?"),
    ({"axes": AXES, "target": "miss_ratio < 1e-3"}, "want <= or >=, not <"),
    ({"axes": AXES, "target": "miss_ratio <= few"}, "miss_ratio: want a number (got 'few')"),
    ({"axes": AXES, "target": "miss_ratio"}, "want it written as miss_ratio <= 1e-3"),
    ({"solve": LINKS}, "solve: solves for a target"),
    (
        {"target": "jain >= 0.1", "solve": LINKS | {"find": "most"}},
        "solve.find: should be 'largest'",
    ),
    ({"target": "jain >= 0.1", "solve": LINKS | {"from": 9, "to": 2}}, "from 9 is not below to 2"),
    ({"target": "jain >= 0.1", "solve": LINKS | {"tolerance": 1}}, "found exactly"),
    ({"target": "jain >= 0.1", "solve": LINKS | {"axis": "channel.link"}}, "did you mean 'links'?"),
    ({"target": "jain >= 0.1", "solve": LINKS | {"step": 3}}, "step 3 does not lead from 2 to 9"),
    (
        {"target": "jain >= 0.1", "solve": LINKS | {"axis": "compute.speed", "from": 0}},
        "leads nowhere from zero",
    ),
    (
        {"axes": {"channel.links": [2]}, "target": "jain >= 0.1", "solve": LINKS},
        "channel.links is an axis as well",
    ),
    ({"axes": AXES, "set": {"compute.servers": 3}}, "compute.servers: is set and varied"),
    (
        {"axes": AXES, "set": {"compute.sped": 3}},
        "compute.sped: unknown key; did you mean 'speed'?",
    ),
    (
        {
            "axes": {
                "slots": {"from": 1, "to": 2000, "step": 1},
                "seed": {"from": 1, "to": 2000, "step": 1},
            }
        },
        "has 4,000,000 points",
    ),
]


@pytest.mark.parametrize(("keys", "said"), WRONG_KEYS, ids=[said for _, said in WRONG_KEYS])
def test_studies_that_are_wrong_are_one_line(keys: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        study(tmp_path, **keys)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scenario_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("slots: 5\nchanel: rayleigh\n")
    with pytest.raises(InputError, match=r"scenario: base.yaml: chanel: unknown key"):
        load_study(write(tmp_path, scenario="base.yaml", axes=AXES))
    with pytest.raises(InputError, match=r"none.yaml: no such file"):
        load_study(write(tmp_path, scenario="none.yaml", axes=AXES))


def test_overlapping_keys_are_set_from_the_outside_in(tmp_path: Path) -> None:
    axes = {
        "compute.latency.constant.base": ["1 us", "2 us"],
        "compute": [{"servers": 2}, {"servers": 3}],
    }
    loaded = study(tmp_path, axes=axes)
    values = next(loaded.combinations())
    scenario = loaded.resolve(Combination(0, values)).scenario
    assert scenario is not None
    assert scenario.compute.servers == 2
    assert scenario.compute.latency.model_dump() == {
        "model": "constant",
        "base_ns": 1000,
        "per_work_ns": 0,
    }


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("numerology", 1, lambda scenario: scenario.controller(0).slot_ns == 500_000),
        ("budget.csi", "7 us", lambda scenario: scenario.budget.csi_ns == 7000),
        ("channel.links", 4, lambda scenario: scenario.channel.links == 4),
        ("channel.rician.links", 4, lambda scenario: scenario.channel.model == "rician"),
        ("compute.latency.constant.base", "3 us", lambda s: s.compute.latency.base_ns == 3000),
        ("compute.latency.gamma", "3 us", lambda s: s.compute.latency.model == "gamma"),
        ("allocators.0.wmmse.restarts", 2, lambda s: s.allocators[0].parameters["restarts"] == 2),
        ("allocators.1.label", "x", lambda s: s.allocators[1].label == "x"),
    ],
)
@pytest.mark.parametrize("resolved", [False, True])
def test_a_key_is_set_however_it_was_written(
    key: str, value: Any, read: Any, resolved: bool
) -> None:
    data: dict[str, Any] = {
        "slot": "1 ms",
        "budget": {"csi_us": 5},
        "channel": {"rayleigh": 3},
        "radio": {"snr_db": 0},
        "compute": {"latency": {"constant": "1 us"}},
        "allocators": ["wmmse", {"wmmse": {}, "label": "second"}],
    }
    if resolved:
        data = Scenario.model_validate(data).model_dump(mode="json", exclude_none=True)
    if key.endswith("gamma"):
        value = {"mean": "3 us", "shape": 2}
    assign(data, key, value, "test")
    assert read(Scenario.model_validate(data))


def test_replicates_have_seeds_of_their_own_the_first_the_scenarios(tmp_path: Path) -> None:
    seeds = [replicate_seed(5, replicate) for replicate in range(100)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 100
    rows = study(tmp_path, replicates=3).grid
    assert [row.replicate for row in rows] == [0, 0, 1, 1, 2, 2]
    assert [row.allocator for row in rows] == ["max_power", "best"] * 3
    for row in rows:
        assert row.point is not None
        scenario = Scenario.model_validate_json(row.point.scenario)
        assert scenario.seed == seeds[row.replicate]


def test_the_scenario_of_a_study_is_not_changed(tmp_path: Path) -> None:
    path = write(tmp_path, axes={"channel.links": [2, 4]})
    loaded = load_study(path)
    assert loaded.base["channel"] == SCENARIO["channel"]
