"""What is shipped, by name: run where it is, listed, copied."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from in_process import Ttirace

from sim.env.given import given_scenario
from sim.scenario.files import confine
from sim.scenario.load import load_scenario
from sim.scenario.shipped import SHIPPED, find_shipped, shipped_scenarios, shipped_studies
from sim.study import load_study

TRACE = "traces/munich_d2d_k10.h5"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_name_means_two_things() -> None:
    assert not set(shipped_scenarios()) & set(shipped_studies())
    assert len(shipped_scenarios()) + len(shipped_studies()) == len(list(SHIPPED.rglob("*.yaml")))


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_scenario_is_known_by_its_name_anywhere(name: str, ttirace: Ttirace) -> None:
    assert "ok" in ttirace("validate", name).out


def test_a_study_is_known_by_its_name(ttirace: Ttirace) -> None:
    result = ttirace("study", "ageing", "--dry-run")
    assert result.code == 0, result
    assert "ageing" in result.out


def test_a_study_of_ones_own_takes_a_shipped_scenario(elsewhere: Path) -> None:
    axes = {"channel.links": [2]}
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump({"scenario": "overload", "axes": axes}))
    assert load_study(elsewhere / "mine.yaml").folder == SHIPPED


def test_an_environment_takes_a_shipped_scenario() -> None:
    scenario, folder = given_scenario("munich")
    assert (folder / scenario.channel.path).is_file()  # type: ignore[union-attr]


def test_a_file_goes_before_what_is_shipped(elsewhere: Path) -> None:
    Path("munich").write_text("mine")
    assert find_shipped(Path("munich")) == Path("munich")
    Path("edf").mkdir()  # what an earlier run left
    assert find_shipped(Path("edf")) == SHIPPED / "edf.yaml"
    assert find_shipped(Path("out/edf")) == Path("out/edf")
    assert find_shipped(Path("./edf.yaml")) == Path("edf.yaml")


def test_what_is_shipped_may_be_named_from_elsewhere(elsewhere: Path) -> None:
    """As in the scenario that a run leaves, everything resolved."""
    confine({"trace": str(SHIPPED / TRACE)}, elsewhere)


def test_names_are_listed(ttirace: Ttirace) -> None:
    lines = ttirace("example").out.splitlines()
    assert len(lines) == len(shipped_scenarios()) + len(shipped_studies())
    (munich,) = (line for line in lines if line.startswith("ttirace run   munich "))
    assert munich.endswith(load_scenario(SHIPPED / "munich.yaml").description)
    assert any(line.startswith("ttirace study what_fits ") for line in lines)


def test_a_copy_has_its_trace_with_it(elsewhere: Path, ttirace: Ttirace) -> None:
    copied = ttirace("example", "munich", "-o", "mine")
    assert copied.out.split() == ["copied:", "mine/munich.yaml", "copied:", f"mine/{TRACE}"]
    for file in ("munich.yaml", TRACE):
        assert (elsewhere / "mine" / file).read_bytes() == (SHIPPED / file).read_bytes()
    assert ttirace("validate", "mine/munich.yaml").code == 0


def test_a_copy_replaces_nothing_unasked(elsewhere: Path, ttirace: Ttirace) -> None:
    mine = elsewhere / TRACE
    mine.parent.mkdir()
    mine.write_text("mine")
    assert "is there already; --overwrite" in ttirace("example", "munich").error
    assert mine.read_text() == "mine"
    assert not (elsewhere / "munich.yaml").exists()
    assert ttirace("example", "munich", "--overwrite").code == 0
    assert mine.read_bytes() == (SHIPPED / TRACE).read_bytes()


def test_a_name_that_is_none(ttirace: Ttirace) -> None:
    assert ttirace("example", "munihc").error.endswith("did you mean 'munich'?")
