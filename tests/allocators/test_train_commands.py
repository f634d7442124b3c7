"""`ttirace dataset` and `ttirace train`: from options to a model that answers."""

import errno
import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result

from allocators.cli import dataset, train
from allocators.dnn import DNN
from allocators.evaluation.cli import evaluate
from allocators.training.samples import Setting
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import checksum
from sim.deadline.models.training import sole_training

TRAIN = ["dnn", "--links", "3", "--steps", "20", "--interval", "10", "--batch-size", "50"]
TRAIN += ["--validation", "100", "--suite", "quick", "--channels", "20"]


def run(arguments: list[str]) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ttirace", "train", *arguments])
        return CliRunner().invoke(train, arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)


def test_from_data_set_to_answer(here: Path) -> None:
    made = CliRunner().invoke(
        dataset,
        ["d", "--links", "3", "--samples", "500", "--snr-db", "3", "--workers", "1"],
        catch_exceptions=False,
    )
    assert made.output == "d: 500 samples of 3 links in 1 shard\n"
    arguments = [*TRAIN, "--data", "d", "-o", "k3.safetensors"]
    done = run(arguments)
    assert done.exit_code == 0
    assert done.output.startswith("k3 (7 cells): mean ")
    left = ["d", "k3.csv", "k3.json", "k3.safetensors"]
    assert sorted(p.name for p in here.iterdir()) == left
    card = json.loads(Path("k3.json").read_text())
    assert card["architecture"] == "dnn"
    assert card["config"] == {"links": 3, "members": 1}
    assert card["data"]["dataset"]["samples"] == 500
    assert card["settings"]["seed"] == 1
    assert card["training"]["steps"] == 20
    assert card["sha256"] == checksum(Path("k3.safetensors"))
    assert card["versions"]["torch"]
    evaluation = card["evaluation"]
    assert (evaluation["suite"], evaluation["channels"]) == ("quick", 20)
    row = evaluation["rows"][0]
    assert (row["channel"], row["links"], row["snr_db"]) == ("rayleigh", 3, 0.0)
    assert 0.3 < row["share_of_wmmse"] < 1.1
    # The card's figures are those that the command prints.
    asked = ["k3.safetensors", "--suite", "quick", "--links", "3", "--channels", "20", "--json"]
    printed = json.loads(CliRunner().invoke(evaluate, asked, catch_exceptions=False).output)
    for ours, theirs in zip(evaluation["rows"], printed["rows"], strict=True):
        for key in (key for key in ours if "share" in key or "rate" in key):
            assert ours[key] == theirs[key], key
    problem = Setting(3).problem(np.ones((1, 3, 3), np.float32))
    assert DNN("k3.safetensors").solve(problem).power_w.shape == (1, 3)

    # The card's command trains the same bits again.
    words = shlex.split(card["command"])
    assert words[:3] == ["ttirace", "train", "dnn"]
    Path("again").mkdir()
    place = words.index("k3.safetensors")
    run([*words[2:place], "again/k3.safetensors", *words[place + 1 :]])
    assert checksum(Path("again/k3.safetensors")) == card["sha256"]

    # It is as it was typed, whatever became of an option; where folders lie is nobody's business.
    files = here / "recipes"
    files.mkdir()
    run([*TRAIN, "--data=d", "--files", str(files), "--files", "d", "-o", "m.safetensors"])
    words = shlex.split(json.loads(Path("m.json").read_text())["command"])
    assert words[-7:] == ["--data=d", "--files", "recipes", "--files", "d", "-o", "m.safetensors"]

    refused([*TRAIN, "-o", "k3.safetensors"], "is there already")
    refused([*TRAIN, "--suite", "quik", "-o", "a.safetensors"], "did you mean 'quick'")
    refused([*TRAIN, "-o", "k3.pt"], r"ends in \.safetensors")
    refused([*TRAIN, "--data", "d", "--snr-db", "0", "-o", "a.safetensors"], r"has 3\.0")
    refused([*TRAIN, "--links", "4", "--data", "d", "-o", "a.safetensors"], "has 3")
    none = run([*TRAIN, "--links", "0", "-o", "a.safetensors"])
    assert (none.exit_code, "0 is not in the range x>=1" in none.output) == (2, True)
    refused([*TRAIN, "--data", "nowhere", "-o", "a.safetensors"], "not a data set")
    refused([*TRAIN, "-o", "k3.json/a.safetensors"], "is no folder, or below a file")
    refused([*TRAIN, "--data", "d", "--recipe", "broad", "-o", "a.safetensors"], "one of the two")
    refused(
        [*TRAIN, "--data", "d", "--reuse", "4", "-o", "a.safetensors"], "--reuse: 4, but a data"
    )


def test_a_disk_that_fills_up_at_the_card(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*TRAIN, "-o", "k3.safetensors"]
    write_text = Path.write_text

    def full(self: Path, text: str, **more: str) -> int:
        if "json" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_text(self, text, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        refused(arguments, r"k3\.json: cannot be written: No space left")
    assert sorted(p.name for p in here.iterdir()) == ["k3.checkpoint.safetensors", "k3.csv"]
    run(arguments)
    assert sorted(p.name for p in here.iterdir()) == ["k3.csv", "k3.json", "k3.safetensors"]


def test_a_data_set_without_channels() -> None:
    CliRunner().invoke(
        dataset, ["d", "--links", "3", "--samples", "5", "--workers", "1"], catch_exceptions=False
    )
    settings = json.loads(Path("d/settings.json").read_text())
    Path("d/settings.json").write_text(json.dumps({**settings, "samples": 0}))
    refused([*TRAIN, "--data", "d", "-o", "a.safetensors"], "samples: 0, want at least 1")


def test_an_ensemble_for_the_sum_rate() -> None:
    arguments = [*TRAIN, "--objective", "sum_rate", "--members", "3", "--temperature", "0.1"]
    run([*arguments, "-o", "e.safetensors"])
    card = json.loads(Path("e.json").read_text())
    assert card["config"]["members"] == 3
    assert "--temperature 0.1" in card["command"]
    assert card["evaluation"]["rows"][0]["share_of_wmmse"] > 0.8
    DNN("e.safetensors").solve(Setting(3).problem(np.ones((2, 3, 3), np.float32)))


def test_a_recipe_restricted_to_the_networks_links() -> None:
    run([*TRAIN, "--links", "5", "--recipe", "broad", "-o", "k5.safetensors"])
    card = json.loads(Path("k5.json").read_text())
    assert len(card["data"]["recipe"]["mixture"]) > 3


def test_a_data_set_comes_before_an_architectures_own_recipe() -> None:
    CliRunner().invoke(
        dataset, ["d", "--links", "3", "--samples", "99", "--workers", "1"], catch_exceptions=False
    )
    small = ["--steps", "2", "--interval", "2", "--batch-size", "8", "--validation", "20"]
    small += ["--suite", "quick", "--channels", "20"]
    run(["unfolded", "--size", "s", *small, "--data", "d", "-o", "u.safetensors"])
    card = json.loads(Path("u.json").read_text())
    assert card["architecture"] == "unfolded"
    assert card["data"]["source"] == "data set"
    refused(["unfolded", "--data", "d", "--recipe", "broad", "-o", "v.safetensors"], "one of the")


def test_recipes_and_laws_that_are_wrong() -> None:
    out = ["-o", "a.safetensors"]
    Path("mine.yaml").write_text("mixture: [{channel: rayleigh, links: [4, 5], snr_db: 0}]")
    refused([*TRAIN, "--recipe", "mine.yaml", *out], "no entry has 3 links")
    refused([*TRAIN, "--recipe", "broad", "--snr-db", "0", *out], "--snr-db: 0.0, but the recipe")
    refused([*TRAIN, "--recipe", "brod", *out], "did you mean 'broad'")
    refused([*TRAIN, "--channel", "raleigh", *out], "did you mean 'rayleigh'")
    refused([*TRAIN, "--objective", "sumrate", *out], "did you mean 'sum_rate'")
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]


def test_more_than_a_model_may_have() -> None:
    refused([*TRAIN, "--members", "1001", "-o", "x.safetensors"], "members: 1001, want at most 10")
    assert not list(Path().iterdir())


def test_a_temperature_that_would_change_nothing() -> None:
    given = [*TRAIN, "-o", "a.safetensors", "--temperature", "0.5"]
    refused(given, "--temperature: 0.5, but it is of --objective sum_rate")
    refused([*given, "--objective", "sum_rate"], "of several candidates; give --members, as 5")
    assert not list(Path().iterdir())
    ensemble = ["--objective", "sum_rate", "--members", "2"]
    assert run([*given, *ensemble]).exit_code == 0


def test_a_suite_that_the_links_do_not_fit_does_not_wait_for_the_end() -> None:
    Path("mine.yaml").write_text("cells: [{channel: '{imac: {cells: 5}}', links: 10, snr_db: 0}]")
    refused([*TRAIN, "--suite", "mine.yaml", "-o", "a.safetensors"], "do not spread evenly")
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]


def test_killed_between_the_weights_and_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*TRAIN, "-o", "k3.safetensors"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sim.deadline.models.training.write_card", killed)
        CliRunner().invoke(train, arguments)
    left = ["k3.checkpoint.safetensors", "k3.csv", "k3.safetensors"]
    assert sorted(path.name for path in Path().iterdir()) == left
    weights = checksum(Path("k3.safetensors"))
    run(arguments)
    assert sorted(path.name for path in Path().iterdir()) == ["k3.csv", "k3.json", "k3.safetensors"]
    assert checksum(Path("k3.safetensors")) == weights


def test_a_file_of_the_users_is_left_alone() -> None:
    Path("k3.part").write_text("years of work")
    Path("k3.json").write_text("more of it")
    refused([*TRAIN, "-o", "k3.safetensors"], r"k3\.json is there already")
    Path("k3.json").unlink()
    run([*TRAIN, "-o", "k3.safetensors"])
    assert Path("k3.part").read_text() == "years of work"


def test_what_is_in_the_way_of_the_log() -> None:
    Path("a.csv").write_text("years of work")
    refused([*TRAIN, "-o", "a.safetensors"], r"a\.csv is there already")


def test_two_trainings_of_one_model_do_not_mix(here: Path) -> None:
    with sole_training(here / "a.safetensors"):
        refused([*TRAIN, "-o", "a.safetensors"], "being trained by another process")
        assert run([*TRAIN, "-o", "b.safetensors"]).exit_code == 0
    assert run([*TRAIN, "-o", "a.safetensors"]).exit_code == 0
    assert not list(here.glob(".*"))


def test_names_that_the_checkpoint_would_be_too_long_for() -> None:
    refused([*TRAIN, "-o", f"{'n' * 230}.safetensors"], "File name too long")


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    refused([*TRAIN, "-o", "a.safetensors"], r"pip install 'ttirace\[train\]'")


def test_without_tensorboard_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    refused([*TRAIN, "-o", "a.safetensors", "--tensorboard", "t"], "tensorboard")


def test_commands_import_nothing_heavy() -> None:
    heavy = {"torch", "numba", "numpy", "h5py", "rich", "safetensors", "pydantic"}
    code = f"import sys, allocators.cli; print({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "light\n"


def test_an_allocator_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from allocators.dnn import DNN\n"
        "from sim.problem import PowerControlSpec\n"
        "DNN().prepare(PowerControlSpec(10, 1, np.random.default_rng(0)))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == 0


def test_what_tensorboard_is_told(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    class Recorder:
        def __init__(self, folder: Path) -> None:
            self.folder, self.told, self.closed = folder, [], False
            writers.append(self)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.told.append((name, step))

        def flush(self) -> None:
            pass

        def close(self) -> None:
            self.closed = True

    writers: list[Recorder] = []
    monkeypatch.setitem(
        sys.modules,
        "torch.utils.tensorboard.writer",
        SimpleNamespace(SummaryWriter=Recorder),  # type: ignore[arg-type]
    )
    assert run([*TRAIN, "-o", "a.safetensors", "--tensorboard", "t"]).exit_code == 0
    (writer,) = writers
    assert str(writer.folder) == "t"
    assert writer.closed
    names = {name for name, _ in writer.told}
    assert {"loss", "learning_rate", "gradient_norm", "skipped"} < names
    assert any(name.startswith("share_of_wmmse/") for name in names)
    assert {step for _, step in writer.told} == {10, 20}
