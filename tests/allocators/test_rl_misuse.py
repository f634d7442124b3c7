"""`ttirace rl`, used wrongly: one line on standard error, exit status 2, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policies import learner, onnx_file, saved, sb3_file, scenario

from allocators.policy.network import MOST
from allocators.policy.training.card import read_curve
from allocators.policy.training.learner import make_learner
from allocators.policy.training.settings import Cell, PolicySettings
from allocators.policy.training.train import train
from allocators.policy.training.worth import Episodes, evaluated, solver_named
from allocators.training.settings import MOST_THREADS
from sim import registry
from sim.cli import main
from sim.deadline import InputError, Solver
from sim.env.settings import Settings
from sim.problem import Allocation, PowerControlProblem
from sim.seeding import stream

TINY = ["--links", "3", "--snr-db", "0", "--hidden", "4", "--updates", "2", "--interval", "1"]
TINY += ["--episodes", "1", "--episode-slots", "4", "--validation", "2", "--test-episodes", "2"]
SHORT = ["--links", "3", "--snr-db", "0", "--episodes", "2", "--episode-slots", "2"]
SHORT += ["--against", "max_power"]


class Spiteful(Solver[PowerControlProblem, Allocation]):
    """Fails every second time, and destroys its problem always."""

    calls = 0

    def solve(self, problem: PowerControlProblem) -> Allocation:
        self.calls += 1
        for array in (problem.gain, problem.noise_w, problem.p_max_w, problem.weight):
            array[:] = 0.0
        if self.calls % 2 == 0:
            raise ArithmeticError("no\nmore")
        return Allocation(np.full(problem.noise_w.shape, 0.5))


@pytest.fixture
def spiteful() -> Iterator[str]:
    registry.register("spiteful")(Spiteful)
    yield "spiteful"
    del registry._registered["spiteful"]


def last(words: Sequence[str]) -> list[str]:
    """Return words of which an option stands once, as it was given last."""
    kept: dict[str, list[str]] = {}
    for number, word in enumerate(words):
        if word.startswith("--"):
            key = word.partition("=")[0]
            kept.pop(key, None)
            kept[key] = [word]
        elif number and words[number - 1].startswith("--") and "=" not in words[number - 1]:
            kept[words[number - 1]].append(word)
        else:
            kept[f"{number}"] = [word]
    return [word for group in kept.values() for word in group]


class Shell:
    """Runs commands as a shell does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *words: str) -> tuple[Any, str, str]:
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["ttirace", "rl", *last(words)])
        with pytest.raises(SystemExit) as end:
            main()
        found = self._capsys.readouterr()
        return end.value.code, found.out, found.err

    def refused(self, *words: str) -> str:
        status, out, error = self.run(*words)
        assert (status, out) == (2, "")
        assert error.startswith("ttirace: ")
        assert error.count("\n") == 1
        return error


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(monkeypatch, capsys)


@pytest.mark.parametrize("kind", ["central", "local"])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--links=3,3", "--links: 3 stands twice; keep one"),
        ("--links=0", "links: 0, want 1 to 2000"),
        ("--links=2001", "links: 2001, want 1 to 2000"),
        ("--snr-db=5,5.0", "--snr-db: 5 stands twice"),
        ("--snr-db=201", "snr_db: 201, want -100 to 200"),
        ("--doppler-hz=-1", "doppler_hz: -1, want 0 to"),
        ("--doppler-hz=nan", "doppler_hz: nan, want 0 to"),
        ("--doppler-hz=inf", "doppler_hz: inf"),
        (f"--hidden={MOST + 1}", f"hidden: {MOST + 1}, want at most {MOST}"),
        (f"--threads={MOST_THREADS + 1}", f"want at most {MOST_THREADS}"),
        ("--threads=99999999999999999999", "threads: 99999999999999999999, want at most"),
        ("--episodes=99999999999999999999", "want at most 1000000"),
        ("--episode-slots=99999999999999999999", "want at most 1000000"),
        ("--validation=99999999999999999999", "want at most 1000000"),
        ("--test-episodes=99999999999999999999", "is not in the range"),
        ("--minibatches=1000", "samples; want as many or fewer"),
    ],
)
def test_a_training_that_could_not_end_well_does_not_begin(
    kind: str, option: str, message: str, shell: Shell, tmp_path: Path
) -> None:
    assert message in shell.refused("train", kind, "-o", "mine.safetensors", *TINY, option)
    assert not list(tmp_path.iterdir())


def test_what_only_one_kind_has_is_checked_too(shell: Shell) -> None:
    words = ["-o", "mine.safetensors", *TINY]
    assert "want at most 1024" in shell.refused("train", "local", *words, "--neighbours=1025")
    assert "want at most 1000000" in shell.refused("train", "central", *words, "--copies=1000001")


def test_an_update_has_a_sample_for_each_step() -> None:
    least = {"links": (2, 3), "snr_db": (0.0,), "episodes": 1, "episode_slots": 2}
    PolicySettings(**least, minibatches=2)  # type: ignore[arg-type]
    PolicySettings("local", **least, minibatches=6)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="minibatches: 3, but an update has 2 samples"):
        PolicySettings(**least, minibatches=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="minibatches: 7, but an update has 6 samples"):
        PolicySettings("local", **least, minibatches=7)  # type: ignore[arg-type]


def test_the_smallest_update_can_be_learned_from(tmp_path: Path) -> None:
    for kind, minibatches in (("central", 2), ("local", 6)):
        settings = PolicySettings(
            kind, links=(2, 3), snr_db=(0.0,), episodes=1, episode_slots=2, updates=1, hidden=4,
            minibatches=minibatches, validation=1,
        )  # fmt: skip
        made = make_learner(kind, 4, settings.neighbours, stream(1, "initial"))
        assert train(made, settings, tmp_path / f"{kind}.safetensors")[0].step == 1


def test_the_bounds_of_a_cell_are_those_of_a_scenario() -> None:
    for links, snr_db in ((1, -100.0), (1, 200.0)):
        Settings.of(Cell(links, snr_db).scenario(0.0), episode_slots=1)
    whole = dict(Cell(1, 0.0).scenario(None))
    for wrong in (
        {"radio": {"snr_db": 200.5}},
        {"radio": {"snr_db": -100.5}},
        {"channel": {"model": "rayleigh", "links": 2001}},
    ):
        with pytest.raises(InputError, match="should be"):
            Settings.of({**whole, **wrong}, episode_slots=1)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    settings = PolicySettings(
        links=(2,), snr_db=(0.0,), episodes=1, episode_slots=4, updates=2, interval=1, hidden=4,
        validation=1,
    )  # fmt: skip
    path = tmp_path / "checkpoint.safetensors"
    train(make_learner("central", 4, 9, stream(1, "initial")), settings, path)
    for other in ("central", "local"):  # by shapes, and by names
        made = make_learner(other, 5, 9, stream(1, "initial"))
        with pytest.raises(InputError, match="does not fit the network, which has changed"):
            train(made, settings, path)
    train(make_learner("central", 4, 9, stream(1, "initial")), settings, path)


def test_names_that_there_are_not_are_told_by_where_they_stand(shell: Shell) -> None:
    error = shell.refused("evaluate", "wmmsee", *SHORT)
    assert "MODEL: 'wmmsee' is no allocator and no policy; did you mean 'wmmse'" in error
    error = shell.refused("evaluate", "wmmse", *SHORT, "--against", "max_power,nope")
    assert "--against: 'nope' is no allocator" in error
    error = shell.refused("evaluate", "none.zip", *SHORT)
    assert "MODEL: policy: model: no such file: none.zip" in error


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--links=3,3", "--links: 3 stands twice"),
        ("--snr-db=0,0", "--snr-db: 0 stands twice"),
        ("--links=0", "links: 0, want 1 to 2000"),
        ("--doppler-hz=nan", "doppler_hz: nan"),
        ("--episode-slots=99999999999999999999", "is not in the range"),
        ("--episodes=99999999999999999999", "is not in the range"),
    ],
)
def test_cells_that_there_are_not_are_refused(option: str, message: str, shell: Shell) -> None:
    assert message in shell.refused("evaluate", "wmmse", *SHORT, option)


def test_a_scenario_leaves_no_room_for_cells(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "town.yaml").write_text(json.dumps({**scenario(), "allocators": ["wmmse"]}))
    rest = ["--scenario", "town.yaml", "--episodes", "2", "--against", "max_power"]
    assert shell.run("evaluate", "wmmse", *rest)[0] == 0
    for option in ("--links=3", "--snr-db=0", "--doppler-hz=3"):
        error = shell.refused("evaluate", "wmmse", *rest, option)
        assert f"{option.partition('=')[0]}: town.yaml says what the channels are" in error


def test_a_policy_is_not_written_over(shell: Shell, tmp_path: Path) -> None:
    path = saved(learner("central"), tmp_path / "mine.safetensors")
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "town.yaml").write_text(json.dumps({**scenario(), "allocators": ["wmmse"]}))
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    town = ["--episodes", "2", "--against", "max_power", "--scenario", "town.yaml"]
    read, wanted = "is read for this; take another name", "want a name that ends in .csv"
    for words, said in (
        (["mine.safetensors", *SHORT, "--csv", "mine.safetensors"], read),
        (["mine.safetensors", *SHORT, "--csv", str(path.with_suffix(".json"))], wanted),
        (["policy:model=mine.safetensors", *SHORT, "--csv", "mine.safetensors"], wanted),
        (["wmmse", *SHORT, "--against", "mine.safetensors", "--csv", "mine.safetensors"], read),
        (["wmmse", *town, "--csv", "town.yaml", "--overwrite"], read),
    ):
        assert said in shell.refused("evaluate", *words)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_older_rows_are_kept_until_there_are_newer_ones(shell: Shell, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("older and longer\n" * 1000)
    onnx_file(tmp_path / "four.onnx", 20, 4)
    written = [*SHORT, "--csv", "rows.csv"]
    assert "rows.csv is there already" in shell.refused("evaluate", "wmmse", *written)
    written.append("--overwrite")
    assert "trained for another K" in shell.refused("evaluate", "four.onnx", *written)
    assert rows.read_text() == "older and longer\n" * 1000
    assert shell.run("evaluate", "wmmse", *written)[0] == 0
    assert rows.read_text().startswith("scenario,links,")
    assert "older" not in rows.read_text()


def test_a_policy_has_one_model(tmp_path: Path) -> None:
    one, other = sb3_file("PPO", tmp_path), sb3_file("A2C", tmp_path)
    solver_named(f"{one}:power_scale=db")
    with pytest.raises(InputError, match="is the model; want no other"):
        solver_named(f"{one}:model={other}")


def test_calls_that_fail_are_told(spiteful: str, shell: Shell) -> None:
    status, out, error = shell.run("evaluate", spiteful, *SHORT, "--json")
    assert status == 1
    own, other = json.loads(out)["rows"]
    assert (own["failed"], own["failure"]) == (2, "ArithmeticError: no more")
    assert (other["failed"], other["failure"]) == (0, None)
    assert error.endswith("warning: spiteful: 2 calls failed, first: ArithmeticError: no more\n")


def test_what_one_does_to_its_problems_harms_nobody(spiteful: str) -> None:
    alone = evaluated("max_power", ["wmmse"], scenario(), 4, 3, 0, {})
    beside = evaluated(spiteful, ["max_power", "wmmse"], scenario(), 4, 3, 0, {})
    assert [row["sum_rate_bps_hz"] for row in beside[1:]] == [
        row["sum_rate_bps_hz"] for row in alone
    ]


def test_who_was_left_out_for_the_same_reason_is_said_once(shell: Shell) -> None:
    words = ["wmmse", *SHORT, "--snr-db", "0,20", "--links", "3,4", "--against", "dnn"]
    status, _, error = shell.run("evaluate", *words)
    assert status == 0
    assert error.count("left out: dnn at K = 3: ") == 1
    assert error.count("left out: dnn at K = 4: ") == 1


def test_episodes_are_counted_by_whole_numbers() -> None:
    for count in (0, -1, 2.0, True):
        with pytest.raises(InputError, match=r"episodes: .*, want a whole number, 1 or more"):
            Episodes(scenario(), 2, count, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("out", ["curve", "curve.txt", "curve.jpg", "mine.safetensors"])
def test_a_curve_is_a_png_or_an_svg(out: str, shell: Shell, tmp_path: Path) -> None:
    path = saved(learner("central"), tmp_path / "mine.safetensors")
    before = path.read_bytes()
    error = shell.refused("plot", "mine.safetensors", "-o", out)
    assert "want a name that ends in .png or .svg" in error
    assert path.read_bytes() == before


POINT = {"environment_steps": 8, "shares": {"k3@0": 0.5}}


@pytest.mark.parametrize(
    "training",
    [
        {"curve": [1], "baselines": {"k3@0": {"wmmse": 1.0}}},
        {"curve": "x", "baselines": {"k3@0": {"wmmse": 1.0}}},
        {"curve": [{"environment_steps": 8}], "baselines": {"k3@0": {"wmmse": 1.0}}},
        {"curve": [{**POINT, "shares": {"k3@0": None}}], "baselines": {"k3@0": {"wmmse": 1.0}}},
        {"curve": [POINT], "baselines": {"k9@0": {"wmmse": 1.0}}},
        {"curve": [POINT], "baselines": [1]},
        {"curve": [POINT], "baselines": {"k3@0": 3}},
        {"curve": [POINT], "baselines": {"k3@0": {"wmmse": "x"}}},
        {"curve": [POINT], "baselines": {}},
        [],
    ],
    ids=str,
)
def test_a_card_without_a_curve_is_refused(training: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    card = tmp_path / "mine.json"
    card.write_text(json.dumps({"training": training}))
    with pytest.raises(InputError, match=r"mine\.json: holds no learning curve"):
        read_curve(path)
    fine = {"curve": [POINT], "baselines": {"k3@0": {"wmmse": 1.0, "dnn": None}}}
    card.write_text(json.dumps({"training": fine}))
    assert read_curve(path) == fine


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "wmmse", *SHORT],
        ["train", "central", "-o", "mine.safetensors", *TINY],
        ["plot", "mine.safetensors", "-o", "curve.png"],
    ],
    ids=lambda words: words[0],
)
def test_without_gymnasium_one_is_told_what_to_install(words: list[str], tmp_path: Path) -> None:
    hidden = "\n".join(
        [
            "import importlib.util, sys",
            "found = importlib.util.find_spec",
            "hide = lambda name, *rest: None if name == 'gymnasium' else found(name, *rest)",
            "importlib.util.find_spec = hide",
            "from sim.cli import main",
            "main()",
        ]
    )
    command = [sys.executable, "-c", hidden, "rl", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "install the extra: pip install 'ttirace[rl]'" in done.stderr


def test_the_command_in_a_card_compares_again(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("train", "central", "-o", "my own.safetensors", *TINY)[0] == 0
    evaluation = json.loads((tmp_path / "my own.json").read_text())["evaluation"]
    assert evaluation["command"] == (
        "ttirace rl evaluate 'my own.safetensors' --links 3 --episodes 2"
    )
    words = ["my own.safetensors", "--links", "3", "--episodes", "2", "--json"]
    rows = json.loads(shell.run("evaluate", *words)[1])["rows"]
    again = [row["sum_rate_bps_hz"] for row in rows]
    assert again == [row["sum_rate_bps_hz"] for row in evaluation["rows"]]


def test_every_option_is_explained() -> None:
    """No option stands in a help text without a word beside it."""
    import click

    from allocators.rl_cli import rl

    def commands(group: click.Group) -> Iterator[click.Command]:
        for command in group.commands.values():
            if isinstance(command, click.Group):
                yield from commands(command)
            else:
                yield command

    for command in commands(rl):
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
        assert "Example" in (command.help or ""), command.name
