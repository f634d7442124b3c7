"""Mutated scenarios: whatever the change, they load and build, or fail in one clear line."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.deadline import InputError
from sim.race import load_race
from sim.scenario import load_scenario

SCENARIOS = sorted(Path("scenarios").glob("*.yaml"))
CASES = 300

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 1.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), 10**30,
    "", " ", "x", "0", "1 ms", "-1 ms", "1e30 s", "23 dBm", "9999 dBm", "5 parsecs", "nan ms",
    "a\nb", "\x1b[31m", "[/x]", "../..", [], [[]], [None], [1, 2], ["x"], {}, {"a": 1},
    {"model": "rayleigh"}, {"constant": "1 us"}, {"fallback": "max_power"}, {"wmmse": {}},
    [{}], [{"wmmse": {}}],
    "é" * 300,
    "wmmse", "fp", "hold", "abort", "edf", "jakes", "measured", "rician", "best_so_far", "fallback",
]  # fmt: skip
KEYS = [
    "",
    "x",
    "links",
    "model",
    "slot",
    "slot_us",
    "p_max",
    "latency",
    "label",
    "0",
    "a.b",
    "é\n",
]


def _places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in pairs:
        found.append((*at, key))
        if isinstance(value, dict | list):
            found += _places(value, (*at, key))
    return found


def _mutate(tree: Any, rng: random.Random) -> str:
    where = rng.choice(_places(tree))
    parent = tree
    for key in where[:-1]:
        parent = parent[key]
    key = where[-1]
    change = rng.choice(
        ["value", "value", "value", "value", "delete", "rename", "add", "copy", "wrap"]
    )
    if change == "delete":
        del parent[key]
    elif change == "copy":
        source = tree
        for step in rng.choice(_places(tree)):
            source = source[step]
        parent[key] = copy.deepcopy(source)
    elif change == "wrap":
        parent[key] = rng.choice([[parent[key]], {"model": parent[key]}, {"x": parent[key]}])
    elif change in ("rename", "add") and isinstance(parent, dict):
        parent[rng.choice(KEYS)] = parent.pop(key) if change == "rename" else rng.choice(VALUES)
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    return f"{change} {where}"


@pytest.mark.parametrize("part", range(6))
def test_any_mutation_loads_or_fails_in_one_line(part: int, tmp_path: Path) -> None:
    trees = [yaml.safe_load(path.read_text()) for path in SCENARIOS]
    for tree in trees:
        tree["slots"] = 5
        tree["allocators"] = [a for a in tree["allocators"] if "dnn" not in a]
    (tmp_path / "traces").symlink_to(SCENARIOS[0].parent.resolve() / "traces")
    path = tmp_path / "mutant.yaml"
    refused = 0
    for case in range(part * CASES // 6, (part + 1) * CASES // 6):
        rng = random.Random(case)
        tree = copy.deepcopy(rng.choice(trees))
        changes = [_mutate(tree, rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        path.write_text(yaml.safe_dump(tree))
        said = ""
        try:
            load_race(load_scenario(path), path)
        except InputError as error:
            said = str(error)
        except Exception as error:
            error.add_note(f"case {case}: {changes}")
            raise
        if said:
            refused += 1
            assert said.startswith(str(path)), (case, changes, said)
            assert len(said) < 1000, (case, changes, said)
            assert "valid dictionary" not in said, (case, changes, said)
            assert "__" not in said, (case, changes, said)
    # most changes do harm, some are harmless; a test in which none is refused would test nothing
    assert CASES // 6 * 0.3 < refused < CASES // 6
