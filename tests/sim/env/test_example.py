"""The example that the documentation shows runs, and says what it should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_random_agent_plays() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/random_agent.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found = re.findall(r"([\d.]+) bit/s/Hz \(wmmse ([\d.]+)\), (\d+) slots missed", done.stdout)
    at_once, late = [[float(value) for value in line] for line in found]
    assert at_once[2] == 0
    assert 20 < late[2] < 180  # a log-normal of this median misses a third of its deadlines
    assert at_once[0] < at_once[1]
    assert late[0] < late[1]


def test_agents_that_decide_alone_do_better_than_all_at_full_power() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/local_agents.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found = re.findall(r"([\d.]+) bit/s/Hz \(wmmse ([\d.]+)\)", done.stdout)
    loud, careful = [[float(value) for value in line] for line in found]
    assert loud[0] < careful[0] < careful[1]
    assert loud[1] == careful[1]


@pytest.mark.parametrize("name", ["random_agent", "local_agents"])
def test_the_documentation_shows_the_examples_that_run(name: str) -> None:
    shown = (ROOT / "docs/rl.md").read_text(encoding="utf-8")
    code = (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")
    assert code.split('"""\n\n', 1)[1].strip() in shown
