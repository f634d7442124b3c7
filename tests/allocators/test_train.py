"""The harness: it learns, goes on exactly, and stops with one line where it cannot."""

import csv
import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from allocators.training.dataset import DatasetSettings, open_dataset, write_dataset
from allocators.training.dnn import DNNLearner
from allocators.training.harness import train
from allocators.training.learner import Batch, Learner
from allocators.training.learners import make_learner
from allocators.training.log import csv_log
from allocators.training.mixture import Draw, Mixture
from allocators.training.recipe import parse_recipe
from allocators.training.samples import Samples, Setting
from allocators.training.settings import TrainSettings
from allocators.training.source import DrawnSamples, Source, StoredSamples
from allocators.training.state import Report, State, Trained
from sim.deadline.errors import InputError

SETTINGS = TrainSettings(steps=60, interval=10, batch_size=100, validation=200, seed=3)
RECIPE = {"mixture": [{"channel": "rayleigh", "links": 3, "snr_db": 0}]}


def fresh(reuse: int = 1) -> Source:
    return DrawnSamples(Mixture(parse_recipe("test", RECIPE), Path()), reuse, seed=3)


def learner(members: int = 1, seed: int = 0) -> Learner:
    config = {"links": 3, "members": members}
    return make_learner("dnn", np.random.default_rng(seed), config)


def equal(a: Trained, b: Trained) -> bool:
    return a.tensors.keys() == b.tensors.keys() and all(
        np.array_equal(a.tensors[name], b.tensors[name]) for name in a.tensors
    )


class Fixed:
    """A source of the same samples over and over."""

    def __init__(self, samples: Samples) -> None:
        self.links = [samples.gain.shape[1]]
        self.samples = samples

    def batches(self, first: int, size: int, labelled: bool) -> Iterator[Samples]:
        while True:
            yield self.samples

    def suites(self) -> list[tuple[str, Draw]]:
        return [("same", lambda rng, n: Samples(self.samples.gain, self.samples.weight))]

    def describe(self) -> dict[str, object]:
        return {}


@pytest.mark.parametrize("objective", ["imitate", "sum_rate"])
def test_overfits_64_channels(tmp_path: Path, objective: str) -> None:
    samples = Setting(3).samples(np.random.default_rng(5), 64).labelled()
    settings = replace(SETTINGS, objective=objective, steps=300, interval=100, batch_size=64)
    trained = train(learner(), Fixed(samples), settings, tmp_path / "c.safetensors")
    if objective == "imitate":
        assert trained.last.loss < 1e-3  # 0.1 before
        assert trained.best.share > 0.995
    else:
        assert trained.best.share > 1.01  # WMMSE from full power is not the best there is


def test_learns_from_fresh_channels_and_keeps_the_best(tmp_path: Path) -> None:
    reports: list[Report] = []
    trained = train(
        learner(),
        fresh(),
        replace(SETTINGS, steps=200, interval=40),
        tmp_path / "c.safetensors",
        [lambda _, report: reports.append(report)],
    )
    assert [report.step for report in reports] == [40, 80, 120, 160, 200]
    assert reports[-1].loss < 0.6 * reports[0].loss
    assert trained.best.share == max(report.share for report in reports) > 0.95  # full power: 0.8
    assert trained.best.best
    assert reports[-1].skipped == 0


def test_same_seed_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=10)
    first = train(learner(), fresh(), settings, tmp_path / "a.safetensors")
    assert equal(first, train(learner(), fresh(), settings, tmp_path / "b.safetensors"))
    assert not equal(first, train(learner(seed=1), fresh(), settings, tmp_path / "c.safetensors"))


def stored(tmp_path: Path) -> Source:
    write_dataset(tmp_path / "data", DatasetSettings(Setting(3), 2000, 600), workers=1)
    return StoredSamples(open_dataset(tmp_path / "data"), seed=3)


@pytest.mark.parametrize("kind", ["fresh", "reused", "stored", "ensemble"])
def test_goes_on_exactly(tmp_path: Path, kind: str) -> None:
    settings, members = SETTINGS, 1
    if kind == "ensemble":
        settings, members = replace(SETTINGS, objective="sum_rate", temperature=0.1), 3

    def source() -> Source:
        return stored(tmp_path) if kind == "stored" else fresh(3 if kind == "reused" else 1)

    def stop(_: State, report: Report) -> None:
        if report.step == 30:
            raise KeyboardInterrupt

    whole = train(learner(members), source(), settings, tmp_path / "whole.safetensors")
    torn = tmp_path / "torn.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(learner(members), source(), settings, torn, [stop])
    later: list[int] = []
    resumed = train(learner(members), source(), settings, torn, [lambda _, r: later.append(r.step)])
    assert later == [40, 50, 60]
    assert equal(resumed, whole)
    assert replace(resumed.last, seconds=0.0) == replace(whole.last, seconds=0.0)


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from dataclasses import replace
sys.path.insert(0, {tests!r})
from test_train import SETTINGS, fresh, learner, train

def die(state, report):
    if report.step == 20:  # in the midst of the next interval, if the machine is quick enough
        threading.Timer(0.02, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()

train(learner(), fresh(), SETTINGS, Path({path!r}), [die])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "killed.safetensors"
    code = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert path.exists()
    whole = train(learner(), fresh(), SETTINGS, tmp_path / "whole.safetensors")
    assert equal(train(learner(), fresh(), SETTINGS, path), whole)


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    train(learner(), fresh(), replace(SETTINGS, steps=10), path)
    for message, arguments in {
        "steps 10, now 60": (learner(), fresh(), SETTINGS),
        "config.members 1, now 2": (learner(2), fresh(), replace(SETTINGS, steps=10)),
        "reuse 1, now 2": (learner(), fresh(2), replace(SETTINGS, steps=10)),
        "source drawn during training, now data set|source 'drawn": (
            learner(),
            stored(tmp_path),
            replace(SETTINGS, steps=10),
        ),
    }.items():
        with pytest.raises(InputError, match=message):
            train(*arguments, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="not a checkpoint"):
        train(learner(), fresh(), SETTINGS, path)


def test_stops_early_where_it_is_told_to(tmp_path: Path) -> None:
    # Two samples to learn by heart: validation soon stops improving.
    settings = replace(SETTINGS, steps=5000, patience=3)
    write_dataset(tmp_path / "data", DatasetSettings(Setting(3), 2, 2), workers=1)
    source = StoredSamples(open_dataset(tmp_path / "data"), 3)
    trained = train(learner(), source, settings, tmp_path / "c.safetensors")
    assert trained.last.step == trained.best.step + 3 * settings.interval < 5000


def test_the_log_has_every_interval_once(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"

    def die(_: State, report: Report) -> None:
        if report.step == 30:
            raise KeyboardInterrupt  # in the checkpoint, but not in the log yet

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(learner(), fresh(), SETTINGS, path, [die, csv_log(log)])
    train(learner(), fresh(), SETTINGS, path, [csv_log(log)])
    rows = list(csv.DictReader(log.read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40, 50, 60]
    assert list(rows[0]) == [
        "step",
        "loss",
        "learning_rate",
        "gradient_norm",
        "skipped",
        "seconds",
        "share_of_wmmse/rayleigh_k3",
    ]
    assert all(0.3 < float(row["share_of_wmmse/rayleigh_k3"]) < 1.1 for row in rows)


def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.safetensors"
    write_bytes = Path.write_bytes

    def full_at_the_third(self: Path, content: bytes) -> int:
        written.append(self)
        if len(written) == 3:
            write_bytes(self, content[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(self, content)

    written: list[Path] = []
    monkeypatch.setattr(Path, "write_bytes", full_at_the_third)
    with pytest.raises(InputError, match=r"No space left.*older one is untouched") as caught:
        train(learner(), fresh(), SETTINGS, path)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
    later: list[int] = []
    resumed = train(learner(), fresh(), SETTINGS, path, [lambda _, r: later.append(r.step)])
    assert later == [30, 40, 50, 60]
    assert equal(resumed, train(learner(), fresh(), SETTINGS, tmp_path / "d.safetensors"))


class Poisoned(DNNLearner):
    """Comes to NaN every few batches: in its answer, or only in the gradient."""

    def __init__(self, every: int, gradient: bool) -> None:
        super().__init__(np.random.default_rng(0), 3)
        self.every, self.gradient, self.calls = every, gradient, 0

    def shares(self, batch: Batch) -> torch.Tensor:
        self.calls += 1
        shares = super().shares(batch)
        if self.calls % self.every:
            return shares
        # The square root's slope at 0 is infinite, and infinity times 0 is none.
        return shares + (0.0 * shares).sqrt() * 0.0 if self.gradient else shares * float("nan")


@pytest.mark.parametrize("gradient", [False, True])
def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path: Path, gradient: bool) -> None:
    trained = train(Poisoned(15, gradient), fresh(), SETTINGS, tmp_path / "c.safetensors")
    assert trained.last.skipped == 4
    assert np.isfinite(trained.last.loss)
    assert all(np.isfinite(array).all() for array in trained.tensors.values())
    assert trained.best.share > 0.8


def test_skips_are_still_counted_after_a_stop(tmp_path: Path) -> None:
    def stop(_: State, report: Report) -> None:
        if report.step == 30:
            raise KeyboardInterrupt

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(Poisoned(15, False), fresh(), SETTINGS, path, [stop])
    assert train(Poisoned(15, False), fresh(), SETTINGS, path).last.skipped == 4


def test_too_many_skips_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"11 of 22 steps.*lower --learning-rate") as caught:
        train(Poisoned(2, True), fresh(), SETTINGS, tmp_path / "c.safetensors")
    assert "\n" not in str(caught.value)


def test_long_gradients_are_clipped(tmp_path: Path) -> None:
    # Adam alone would not show it: a tiny clip freezes nothing, but leaves the norms as they were.
    norms = []
    for clip in (1e-9, 1e9):
        settings = replace(SETTINGS, steps=10, clip=clip)
        state_seen: list[State] = []
        train(
            learner(),
            fresh(),
            settings,
            tmp_path / f"{clip}.safetensors",
            [lambda state, _, seen=state_seen: seen.append(state)],
        )
        gradients = [p.grad for p in state_seen[0].parameters.values()]
        norms.append(float(torch.sqrt(sum((g**2).sum() for g in gradients if g is not None))))
        assert state_seen[0].history[0].gradient_norm > 0.01
    assert norms[0] <= 1.01e-9
    assert norms[1] > 1e-4


def test_links_must_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"links: 4, but the source has \[3\]"):
        train(
            make_learner("dnn", np.random.default_rng(0), {"links": 4}),
            fresh(),
            SETTINGS,
            tmp_path / "c.safetensors",
        )


def test_unknown_architecture() -> None:
    with pytest.raises(InputError, match=r"'dnm'; did you mean 'dnn'"):
        make_learner("dnm", np.random.default_rng(0), {})
    with pytest.raises(InputError, match="members: 0"):
        make_learner("dnn", np.random.default_rng(0), {"links": 3, "members": 0})


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    settings = replace(SETTINGS, steps=1000)
    rates = [settings.learning_rate_at(step) for step in range(1001)]
    assert 0 < rates[0] < 0.1 * settings.learning_rate
    assert max(rates) <= settings.learning_rate
    assert np.argmax(rates) == 10
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "imitat"}, "did you mean 'imitate'"),
        ({"steps": 0}, "steps: 0"),
        ({"interval": 0}, "interval: 0"),
        ({"batch_size": -1}, "batch_size: -1"),
        ({"learning_rate": 0.0}, r"learning_rate: 0\.0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan"),
        ({"learning_rate": 1e300}, r"learning_rate: 1e\+300, want a positive number, at most"),
        ({"threads": 100_000}, "threads: 100000, want at most"),
        ({"clip": float("inf")}, "clip: inf"),
        ({"temperature": 0.0}, r"temperature: 0\.0"),
        ({"patience": 0}, "patience: 0"),
        ({"validation": 0}, "validation: 0"),
        ({"threads": 0}, "threads: 0"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_settings(change: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SETTINGS, **change)
