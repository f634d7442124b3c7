"""The documentation does what it says: its scenarios, studies, scripts and commands run."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from in_process import Ttirace

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("tutorial/*.md"))]

sys.path.insert(0, str(DOCS / "_ext"))

from scenario_keys import all_models, key_of, meaning_of  # noqa: E402

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[Path, str]]:
    return [
        (page, body)
        for page in PAGES
        for found, body in _BLOCK.findall(page.read_text("utf-8"))
        if found == language
    ]


SCENARIOS, STUDIES = (
    [(page, body) for page, body in blocks("yaml") if set(keys) <= set(yaml.safe_load(body))]
    for keys in (("channel", "radio", "allocators"), ("scenario", "axes"))
)
#: Others are parts of something: a line that says what can be called.
SCRIPTS = [(page, body) for page, body in blocks("python") if "from __future__" in body]


def named(case: tuple[Path, str]) -> str:
    return case[0].stem


def test_there_is_something_to_run() -> None:
    assert len(SCENARIOS) >= 2
    assert STUDIES
    assert len(SCRIPTS) >= 2


@pytest.mark.parametrize("case", SCENARIOS, ids=named)
def test_scenarios_race(case: tuple[Path, str], tmp_path: Path, ttirace: Ttirace) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(case[1], "utf-8")
    short = ("--set", "slots=20", "--no-plots")
    assert ttirace("run", path, "-o", tmp_path / "out", *short).code == 0


@pytest.mark.parametrize("case", STUDIES, ids=named)
def test_studies_can_be_run(case: tuple[Path, str], tmp_path: Path, ttirace: Ttirace) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(case[1], "utf-8")
    assert ttirace("study", path, "-o", tmp_path / "out", "--dry-run").code == 0


@pytest.mark.parametrize("case", SCRIPTS, ids=named)
def test_scripts_run(
    case: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(case[1], str(case[0]), "exec"), {"__name__": "__main__"})


def test_the_first_race_is_run_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ttirace: Ttirace
) -> None:
    text = (DOCS / "tutorial" / "first_race.md").read_text("utf-8")
    (scenario,) = (body for language, body in _BLOCK.findall(text) if language == "yaml")
    (tmp_path / "street.yaml").write_text(scenario, "utf-8")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ ttirace (.*)$", text, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        assert ttirace(*shlex.split(command)).code == 0, command
    assert (tmp_path / "street" / "report.html").exists()


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__name__)
def test_every_key_of_a_scenario_says_what_it_means(model: type) -> None:
    fields = model.model_fields  # type: ignore[attr-defined]
    assert not [key_of(name, field) for name, field in fields.items() if not meaning_of(field)]
