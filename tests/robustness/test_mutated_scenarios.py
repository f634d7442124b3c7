"""Mutated scenarios: whatever the change, they load and build, or fail in one clear line."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import yaml
from mutations import change_tree

from sim.deadline import InputError
from sim.race import load_race
from sim.scenario import load_scenario

SCENARIOS = sorted(Path("scenarios").glob("*.yaml"))
CASES = 300


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
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            change_tree(tree, rng)
        path.write_text(yaml.safe_dump(tree))
        said = ""
        try:
            load_race(load_scenario(path), path)
        except InputError as error:
            said = str(error)
        except Exception as error:
            error.add_note(f"case {case}: {tree}")
            raise
        if said:
            refused += 1
            assert said.startswith(str(path)), (case, tree, said)
            assert len(said) < 1000, (case, tree, said)
            assert "valid dictionary" not in said, (case, tree, said)
            assert "__" not in said, (case, tree, said)
    # most changes do harm, some are harmless; a test in which none is refused would test nothing
    assert CASES // 6 * 0.3 < refused < CASES // 6
