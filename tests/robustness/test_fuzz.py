"""A small fuzz at every call of the tests; `make fuzz` has these inputs and more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fuzz import fuzz, orders, table
from fuzz_kinds import KINDS
from fuzz_worker import verdict
from thorough import INPUTS


def test_whatever_is_read_ends_well_or_in_one_line(tmp_path: Path) -> None:
    counts, failures = fuzz(INPUTS, 2, tmp_path, tmp_path / "journal")
    print(*table(counts), sep="\n")
    assert not failures, "\n".join(f"fuzz.py {kind} {seed}: {why}" for kind, seed, why in failures)
    assert sum(count.total() for count in counts.values()) == len(orders(INPUTS))
    assert counts.keys() == KINDS.keys()
    refused = sum(count["refusal"] for count in counts.values())
    # A fuzz that spoils nothing, or all so that nothing goes deep, shows nothing.
    assert 0.2 * INPUTS < refused < 0.95 * INPUTS


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (-1, "Traceback (most recent call last):\n"),
        (0, "x.py:3: RuntimeWarning: overflow\n"),
        (2, "ttirace: one\nttirace: two\n"),
        (2, "Segmentation fault\n"),
        (2, ""),
        (1, ""),
        (-11, ""),
    ],
)
def test_what_counts_as_a_failure(code: int, err: str) -> None:
    assert verdict(["validate", "x"], code, "", err)[0] == "failure"
    assert verdict(["validate", "x"], 2, "", "ttirace: x: no such file\n")[0] == "refusal"


def test_what_is_in_the_journal_is_not_done_again(tmp_path: Path) -> None:
    lines = [json.dumps([*order, "refusal", "", 0.01]) for order in orders(50)]
    lines[0] = json.dumps([*orders(50)[0], "failure", "hangs", 0.01])
    (tmp_path / "journal").write_text("\n".join(lines) + '\n["trace", 1')
    counts, failures = fuzz(50, 1, tmp_path / "none", tmp_path / "journal")
    assert failures == [(*orders(50)[0], "hangs")]
    assert sum(count["refusal"] for count in counts.values()) == len(orders(50)) - 1
    assert not (tmp_path / "none").exists()


def test_the_same_inputs_every_time() -> None:
    assert orders(500) == orders(500)
    assert set(orders(500)) < set(orders(5000))
