"""The example that the documentation shows runs, and says what it should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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


def test_the_documentation_shows_the_example_that_runs() -> None:
    shown = (ROOT / "docs/rl.md").read_text(encoding="utf-8")
    code = (ROOT / "examples/random_agent.py").read_text(encoding="utf-8")
    assert code.split('"""\n\n', 1)[1].strip() in shown
