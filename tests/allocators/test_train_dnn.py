import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from allocators.cli import dataset, train
from allocators.dnn import DNN
from allocators.dnn.network import Network
from allocators.training.dataset import DatasetSettings, open_dataset, write_dataset
from allocators.training.samples import Setting
from allocators.training.settings import TrainSettings
from allocators.training.source import FreshSamples, Source, StoredSamples
from allocators.training.train_dnn import Epoch
from allocators.training.train_dnn import train as run_training
from sim.deadline.errors import InputError

SETTING = Setting(3)
SETTINGS = TrainSettings(
    samples=2000, renew=2, epochs=6, batch_size=100, learning_rate=2e-3, validation=500, seed=3
)


def fresh(seed: int = 3) -> Source:
    return FreshSamples(SETTING, SETTINGS.samples, SETTINGS.renew, seed)


def equal(a: Network, b: Network) -> bool:
    one, other = a.tensors(), b.tensors()
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_lowers_the_error_and_beats_full_power(tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    trained = run_training(SETTING, fresh(), SETTINGS, tmp_path / "c.safetensors", [epochs.append])
    assert [epoch.index for epoch in epochs] == list(range(6))
    assert epochs[-1].loss < 0.6 * epochs[0].loss
    assert trained.validation == min(epoch.validation for epoch in epochs)
    assert trained.validation == epochs[trained.best_epoch].validation
    assert epochs[-1].share > 0.9  # full power: 0.8


def test_same_seed_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=2)

    def weights(name: str, seed: int) -> Network:
        chosen = replace(settings, seed=seed)
        return run_training(SETTING, fresh(seed), chosen, tmp_path / name).network

    first = weights("a.safetensors", 3)
    assert equal(first, weights("b.safetensors", 3))
    assert not equal(first, weights("c.safetensors", 4))


@pytest.mark.parametrize("stored", [False, True])
def test_goes_on_exactly(tmp_path: Path, stored: bool) -> None:
    def source() -> Source:
        if not stored:
            return fresh()
        write_dataset(tmp_path / "data", DatasetSettings(SETTING, 2000, 600), workers=1)
        return StoredSamples(open_dataset(tmp_path / "data"), seed=3)

    def stop(epoch: Epoch) -> None:
        if epoch.index == 2:
            raise KeyboardInterrupt

    whole = run_training(SETTING, source(), SETTINGS, tmp_path / "whole.safetensors")
    torn = tmp_path / "torn.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run_training(SETTING, source(), SETTINGS, torn, [stop])
    later: list[Epoch] = []
    resumed = run_training(SETTING, source(), SETTINGS, torn, [later.append])
    assert [epoch.index for epoch in later] == [3, 4, 5]
    assert equal(resumed.network, whole.network)
    assert resumed.validation == whole.validation


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    run_training(SETTING, fresh(), replace(SETTINGS, epochs=1), path)
    with pytest.raises(InputError, match="epochs 1, now 6"):
        run_training(SETTING, fresh(), SETTINGS, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="not a checkpoint"):
        run_training(SETTING, fresh(), SETTINGS, path)


def test_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    # Two samples of data to learn by heart: the validation error soon stops falling.
    folder = tmp_path / "data"
    write_dataset(folder, DatasetSettings(SETTING, 2, 2), workers=1)
    settings = replace(SETTINGS, epochs=500, patience=5, learning_rate=1e-2)
    trained = run_training(
        SETTING, StoredSamples(open_dataset(folder), 3), settings, tmp_path / "c.safetensors"
    )
    assert trained.epochs < 500
    assert trained.epochs == trained.best_epoch + 1 + 5


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [SETTINGS.learning_rate_at(progress) for progress in np.linspace(0, 1, 1001)]
    assert 0 < rates[0] < 0.1 * SETTINGS.learning_rate
    assert max(rates) <= SETTINGS.learning_rate
    assert np.argmax(rates) == 10
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: 0"),
        ({"batch_size": -1}, "batch_size: -1"),
        ({"learning_rate": 0.0}, r"learning_rate: 0\.0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan"),
        ({"threads": 0}, "threads: 0"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_settings(change: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SETTINGS, **change)


TRAIN = ["dnn", "--links", "3", "--samples", "500", "--epochs", "2", "--batch-size", "100"]


def test_commands_from_data_set_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    made = runner.invoke(
        dataset,
        ["d", "--links", "3", "--samples", "500", "--snr-db", "3", "--workers", "1"],
        catch_exceptions=False,
    )
    assert made.output == "d: 500 samples of 3 links in 1 shards\n"
    done = runner.invoke(
        train, [*TRAIN, "--data", "d", "-o", "k3.safetensors"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "of WMMSE's sum rate" in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "k3.json", "k3.safetensors"]
    card = json.loads(Path("k3.json").read_text())
    assert card["network"]["layers"] == [9, 200, 80, 80, 3]
    assert card["data"]["dataset"]["samples"] == 500
    assert card["data"]["snr_db"] == 3.0
    assert set(card["quality"]["share_of_wmmse"]) == {"rounded", "unrounded", "max_power", "random"}
    assert card["versions"]["torch"]
    problem = SETTING.problem(np.ones((1, 3, 3), np.float32))
    assert DNN("k3.safetensors").solve(problem).power_w.shape == (1, 3)

    def refused(arguments: list[str], message: str) -> None:
        with pytest.raises(InputError, match=message):
            runner.invoke(train, arguments, catch_exceptions=False)

    refused([*TRAIN, "-o", "k3.safetensors"], "is there already")
    refused([*TRAIN, "-o", "k3.pt"], r"ends in \.safetensors")
    refused([*TRAIN, "--data", "d", "--snr-db", "0", "-o", "a.safetensors"], r"has 3\.0")
    refused([*TRAIN, "--links", "4", "--data", "d", "-o", "a.safetensors"], "has 3")
    refused([*TRAIN, "--data", "nowhere", "-o", "a.safetensors"], "not a data set")
    refused([*TRAIN, "-o", "k3.json/a.safetensors"], "cannot write here")


def test_without_torch_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install 'ttirace\[train\]'"):
        CliRunner().invoke(
            train, [*TRAIN, "-o", str(tmp_path / "a.safetensors")], catch_exceptions=False
        )


def test_without_tensorboard_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    arguments = [*TRAIN, "-o", str(tmp_path / "a.safetensors"), "--tensorboard", str(tmp_path)]
    with pytest.raises(InputError, match="tensorboard"):
        CliRunner().invoke(train, arguments, catch_exceptions=False)


def test_commands_import_nothing_heavy() -> None:
    heavy = {"torch", "numba", "numpy", "h5py", "rich", "safetensors"}
    code = f"import sys, allocators.cli; print({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "light\n"


def test_an_allocator_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from allocators.dnn import DNN\n"
        "from sim.problem import PowerControlSpec\n"
        "DNN().prepare(PowerControlSpec(10, 1, np.random.default_rng(0)))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
