"""The documentation does what it says: its scenarios, studies, scripts and commands run."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from in_process import Ttirace

from stylize.pictures import SAMPLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FIRST = ["run", "street.yaml", "-o", "street"]
TUTORIALS = sorted(DOCS.glob("tutorial/*.md"))

sys.path.insert(0, str(DOCS / "_ext"))

from scenario_models import (  # noqa: E402
    all_models,
    default_of,
    key_of,
    meaning_of,
    name_of,
    places,
    unit_of,
)

from sim.scenario import Scenario  # noqa: E402

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


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
    assert SCENARIOS
    assert STUDIES
    assert SCRIPTS
    assert len(TUTORIALS) >= 7


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


def steps(text: str) -> list[tuple[str, str, list[str]]]:
    """What a tutorial has its reader do: write NAME, with what; or run a command, which prints."""
    found: list[tuple[str, str, list[str]]] = []
    for block in _BLOCK.finditer(text):
        language, body = block.groups()
        # The file that the words before a block end with, as in: Put this into `wall.py`:
        name = re.search(r"`([\w.]+)`[^`\n]*:\s*$", text[: block.start()])
        if language and name:
            found.append(("write", name[1], [body]))
        elif not language:
            for command in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                line, *printed = command.replace("\\\n", "").splitlines()
                found.append(("run", line, printed))
    return found


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_is_run_as_it_is_told(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ttirace: Ttirace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLE, "me.jpg")  # for the one that asks for a photograph
    text = page.read_text("utf-8")
    told = steps(text)
    assert sum(step == "run" for step, _, _ in told) >= 3
    for step, what, rest in told:
        if step == "write":
            Path(what).write_text(rest[0], "utf-8")
            continue
        program, *arguments = shlex.split(what)
        if program == "python":
            runpy.run_path(*arguments, run_name="__main__")
            printed = capsys.readouterr().out
        else:
            assert program == "ttirace", what
            result = ttirace(*arguments, *without_plots(arguments))
            assert result.code == 0, (what, result.err)
            printed = result.out
        for line in rest:
            assert line in printed, what
    for name in re.findall(r"`([\w./]+\.(?:h5|json|csv|md|html|parquet|safetensors|png))`", text):
        assert Path(name).exists(), f"{name} is spoken of"


def without_plots(arguments: list[str]) -> list[str]:
    """Races leave their plots out, which take most of the time, but the very first one."""
    races = arguments[0] == "run" or arguments[:2] == ["stylize", "race"]
    return ["--no-plots"] if races and arguments != FIRST else []


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__name__)
def test_every_key_of_a_scenario_says_what_it_means(model: type) -> None:
    fields = model.model_fields  # type: ignore[attr-defined]
    assert not [key_of(name, field) for name, field in fields.items() if not meaning_of(field)]


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__name__)
def test_every_key_of_a_scenario_has_a_unit_and_a_default(model: type) -> None:
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        assert unit_of(name, field)
        assert default_of(model, name) not in ("", "none", "None")


def test_places_are_spelt_as_files_spell_them() -> None:
    keys = {place.key for place in places()}
    assert {"channel", "radio", "budget", "compute", "latency", "on_miss", "allocators"} <= keys
    assert not [place for place in places() if place.choice and not all(map(name_of, place.models))]


def test_the_slot_is_as_long_as_the_reference_says() -> None:
    scenario = Scenario.model_validate(
        {"channel": {"rayleigh": {}}, "radio": {"snr_db": 0}, "allocators": ["wmmse"]}
    )
    assert default_of(Scenario, "slot_ns") == "1 ms"
    assert scenario.controller(0).slot_ns == 1_000_000
