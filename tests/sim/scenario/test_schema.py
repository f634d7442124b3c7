"""The JSON schema accepts what loads and refuses what does not, as far as a schema can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from sim.scenario import Scenario, dump_scenario, load_scenario
from sim.scenario.schema import scenario_schema

SHIPPED = sorted(Path("scenarios").glob("*.yaml"))
BASE: dict[str, Any] = {"channel": "rayleigh", "radio": {"snr_db": 0}, "allocators": ["wmmse"]}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_accepts_shipped(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(path.read_text()))
    validator.validate(yaml.safe_load(dump_scenario(load_scenario(path), path.parent)))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"slot_us": 500},
        {"slot": "0.5 ms"},
        {"channel": {"trace": "a.h5"}},
        {"channel": {"trace": {"path": "a.h5"}}},
        {"channel": {"rayleigh": None}},
        {"channel": {"rayleigh": {"links": 3}}},
        {"channel": {"model": "rician", "k_factor_db": 3}},
        {"channel": {"rician": {"k_factor": 3}}},
        {"compute": {"latency": "measured"}},
        {"compute": {"latency": {"constant": "1 us"}}},
        {"compute": {"latency": {"constant": "1 us", "per_work": "1 ns"}}},
        {"compute": {"latency": {"gamma": {"mean": "1 us", "shape": 4}}}},
        {"compute": {"preemptive": True, "discipline": "edf"}},
        {"compute": {"batch": 4, "release_jitter": {"exponential": "5 us"}}},
        {"compute": {"release_jitter": None}},
        {"radio": {"noise": "1 W", "p_max": ["1 W"] * 10}},
        {"radio": {"noise_dbm": 1, "p_max_dbm": [1] * 10}},
        {"allocators": [{"wmmse": None}]},
        {"allocators": [{"wmmse": {"backend": "numpy"}, "label": "x", "on_miss": "use_late"}]},
        {"allocators": [{"allocator": "wmmse", "parameters": {}}]},
        {"allocators": [{"wmmse": {}, "latency": {"constant": "1 us"}}]},
        {"on_miss": {"fallback": "max_power"}},
        {"on_miss": {"fallback": {"fp": {}}, "latency": {"constant": "1 us"}}},
        {"controllers": 4},
        {"controllers": [{"name": "a", "slot": "1 ms"}]},
    ],
)
def test_accepts_what_loads(
    change: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    Scenario.model_validate({**BASE, **change})
    validator.validate({**BASE, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"slotz": 1},
        {"channel": "rayleig"},
        {"channel": {"rayleig": {}}},
        {"channel": {"rayleigh": {"linkz": 3}}},
        {"channel": {"model": "rayleigh", "linkz": 3}},
        {"channel": {"trace": "a.h5", "linkz": 1}},
        {"compute": {"latency": {"constant": {"basis": "1 us"}}}},
        {"compute": {"cores": 1}},
        {"compute": {"preemptive": "often"}},
        {"compute": {"preemptive": 1}},
        {"compute": {"batch": 0}},
        {"compute": {"release_jitter": "measured"}},
        {"radio": {"snr": 0}},
        {"radio": {"noise": 1}},
        {"budget": {"csi_": 1}},
        {"allocators": [{"wmmse": {}, "lable": "x"}]},
        {"allocators": [{"allocator": "wmmse", "params": {}}]},
        {"allocators": [{"wmmse": {}, "latency": {"constnt": "1 us"}}]},
        {"allocators": []},
        {"on_miss": "fallback"},
        {"on_miss": {"fallbak": "max_power"}},
        {"on_miss": {"fallback": "max_power", "x": 1}},
        {"controllers": 0},
        {"controllers": [{"nam": "a"}]},
        {"slots": "many"},
        {"slots": 0},
    ],
)
def test_refuses_what_does_not_load(
    change: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate({**BASE, **change})
    assert not validator.is_valid({**BASE, **change})


def test_requires_the_three_keys(validator: jsonschema.Draft202012Validator) -> None:
    for key in BASE:
        assert not validator.is_valid({name: BASE[name] for name in BASE if name != key})
