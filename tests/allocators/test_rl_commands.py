"""`ttirace rl`: from a training to a policy that races, is compared and drawn."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from policies import learner, saved

from allocators.policy.training.plots import panel_title
from sim.cli import cli
from sim.deadline import InputError
from sim.deadline.models.model_file import checksum

TRAIN = ["--links", "3", "--snr-db", "0,20", "--hidden", "8", "--updates", "4", "--interval", "2"]
TRAIN += ["--episodes", "2", "--validation", "2", "--test-episodes", "2", "-o", "mine.safetensors"]


def run(*arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ttirace", "rl", *arguments])
        return CliRunner().invoke(cli, ["rl", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_panel_says_what_it_is_a_mean_over() -> None:
    assert panel_title("k10", ["k10@0", "k10@20"]) == "K = 10, mean over 0, 20 dB"
    assert panel_title("k3", ["k3@10"]) == "K = 3, at 10 dB"


@pytest.mark.parametrize("kind", ["central", "local"])
def test_from_training_to_a_comparison_and_a_curve(kind: str, here: Path) -> None:
    done = run("train", kind, *TRAIN)
    assert done.exit_code == 0
    assert "rayleigh, K = 3, 20 dB: 2 episodes" in done.output
    assert sorted(p.name for p in here.iterdir()) == ["mine.csv", "mine.json", "mine.safetensors"]
    card = json.loads(Path("mine.json").read_text())
    assert card["architecture"] == "policy"
    assert card["config"]["kind"] == kind
    assert card["sha256"] == checksum(Path("mine.safetensors"))
    assert card["command"] == " ".join(["ttirace rl train", kind, *TRAIN])
    assert len(card["training"]["curve"]) == 2
    assert card["training"]["curve"][-1]["environment_steps"] > 0
    assert set(card["training"]["baselines"]) == {"k3@0", "k3@20"}

    found = run("evaluate", "mine.safetensors", "--links", "3", "--episodes", "2", "--json")
    rows = json.loads(found.stdout)["rows"]
    assert rows[:3] == [{**row, "allocator": row["allocator"] if i else "mine.safetensors"}
                        for i, row in enumerate(card["evaluation"]["rows"][:3])]  # fmt: skip
    drawn = run("plot", "mine.safetensors", "-o", "curve.png")
    assert drawn.output == "drawn: curve.png\n"
    with pytest.raises(InputError, match=r"curve\.png is there already; --overwrite"):
        run("plot", "mine.safetensors", "-o", "curve.png")
    run("plot", "mine.safetensors", "-o", "curve.png", "--overwrite")
    assert Path("curve.png").read_bytes().startswith(b"\x89PNG")


def test_evaluation_of_a_scenario_as_csv(here: Path) -> None:
    path = here / "town.yaml"
    path.write_text(
        "slots: 4\nchannel: {rayleigh: {links: 2, subbands: 2}}\nradio: {snr_db: 0}\n"
        "allocators: [max_power]\n"
    )
    run("evaluate", "wmmse", "--scenario", str(path), "--episodes", "3", "--against", "max_power",
        "--csv", "rows.csv")  # fmt: skip
    with Path("rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["allocator"] for row in rows] == ["wmmse", "max_power"]
    assert rows[0]["scenario"] == "town"
    assert float(rows[1]["won_bps_hz"]) > 0.0


def test_evaluation_against_a_plug_in(here: Path) -> None:
    (here / "half.py").write_text(
        "from sim.problem import Allocation\n"
        "from sim.registry import register\n"
        "from sim.deadline import Solver\n\n\n"
        "@register('half_of_all')\nclass Half(Solver):\n"
        "    def solve(self, problem):\n"
        "        return Allocation(0.5 * problem.p_max_w)\n"
    )
    found = run("evaluate", "max_power", "--links", "2", "--snr-db", "0", "--episodes", "2",
                "--against", "half_of_all", "--plugin", "half.py", "--json")  # fmt: skip
    assert [row["allocator"] for row in json.loads(found.stdout)["rows"]] == [
        "max_power", "half_of_all",
    ]  # fmt: skip


def test_the_same_training_leaves_the_same_bytes(here: Path) -> None:
    run("train", "central", *TRAIN)
    first = Path("mine.safetensors").read_bytes()
    for path in list(here.iterdir()):
        path.unlink()
    run("train", "central", *TRAIN)
    assert Path("mine.safetensors").read_bytes() == first


def test_what_is_wrong_is_said(here: Path) -> None:
    saved(learner("central"), here / "bare.safetensors")
    with pytest.raises(InputError, match=r"bare\.json: missing; a learning curve stands"):
        run("plot", "bare.safetensors", "-o", "curve.png")
    with pytest.raises(InputError, match="is no allocator and no policy; did you mean"):
        run("evaluate", "wmmsee", "--episodes", "2")
    with pytest.raises(InputError, match="want whole numbers"):
        run("train", "central", "--links", "3.5", "-o", "other.safetensors")
    with pytest.raises(InputError, match=r"ends in \.safetensors"):
        run("train", "central", "-o", "other.zip")
