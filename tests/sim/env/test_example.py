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


@pytest.mark.parametrize(
    ("name", "page"), [("random_agent", "tutorial/rl.md"), ("local_agents", "rl.md")]
)
def test_the_documentation_shows_the_examples_that_run(name: str, page: str) -> None:
    shown = (ROOT / "docs" / page).read_text(encoding="utf-8")
    code = (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")
    assert code.split('"""\n\n', 1)[1].strip() in shown


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("sb3_ppo", ["--timesteps", "4096", "-o", "{folder}/ppo.zip"], r"saved: .*ppo\.zip"),
        ("independent_learners", ["--timesteps", "80"], r"slot 80: [\d.]+% of WMMSE"),
        ("cleanrl_ppo", ["--timesteps", "8192"], r"step 7680: [\d.]+ bit/s/Hz"),
    ],
)
def test_learners_learn_for_a_moment(
    name: str, arguments: list[str], says: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / f"examples/{name}.py"),
            *(argument.format(folder=tmp_path) for argument in arguments),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert re.search(says, done.stdout), done.stdout
