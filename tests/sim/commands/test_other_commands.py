"""The command line itself, and the commands that do not race."""

from __future__ import annotations

import json
from pathlib import Path

import click
import h5py
import jsonschema
import numpy as np
import pytest
import yaml
from in_process import Ttirace

import sim.cli
from sim.deadline import InputError

COMMANDS = ["run", "validate", "schema", "list", "compare", "check", "dataset", "train"]
BAD = (
    "from sim import Allocation, Solver, register\n"
    "@register('bad')\n"
    "class Bad(Solver):\n"
    "    n = 0\n"
    "    def solve(self, problem):\n"
    "        self.n += 1\n"
    "        if self.n % 3 == 0:\n"
    "            raise ValueError('x')\n"
    "        return Allocation(problem.p_max_w)\n"
)


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS], ["train", "dnn"]])
def test_help(command: list[str], ttirace: Ttirace) -> None:
    # click remembers how a command was first called; other tests call train and dataset bare
    flags = ["--help"] if command[:1] in (["dataset"], ["train"]) else ["--help", "-h"]
    for flag in flags:
        result = ttirace(*command, flag)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith(" ".join(["Usage: ttirace", *command]))
        assert max(map(len, result.out.splitlines())) <= 100


def test_help_lists_every_command(ttirace: Ttirace) -> None:
    out = ttirace("--help").out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_nothing_shows_the_help_as_it_is(ttirace: Ttirace) -> None:
    result = ttirace()
    assert result.code == 2
    assert result.err.startswith("Usage: ttirace")
    assert result.err.count("\n") > 10


def test_version(ttirace: Ttirace) -> None:
    assert ttirace("--version").out.startswith("ttirace, version ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "no command 'rnu'; did you mean 'run'?"),
        (["xyz"], "known: calibrate, check, compare"),
        (["run"], "Missing argument 'SCENARIO'. (see ttirace run --help)"),
        (["run", "a.yaml", "b.yaml"], "unexpected extra argument (b.yaml)"),
        (["run", "--plots"], "No such option"),
        (["validate", "nope.yaml"], "nope.yaml: no such file; `ttirace list` shows"),
        (["validate", "no\nsuch\x1b[31m.yaml"], "no such?[31m.yaml: no such file"),
        (["validate", "\udcff.yaml"], "\\udcff.yaml': no text in UTF-8; want another name"),
        (["schema", "x"], "unexpected extra argument"),
        (["list", "--plugin", "nope.py"], "--plugin nope.py: no such file"),
        (["check", "nope"], "allocator 'nope' is not known"),
        (["check", "wmmse:x=3"], "wmmse.x: unknown parameter"),
        (["check", "wmmse", "--links", "0"], "--links"),
        (["check", "wmmse", "--links", "2001"], "not in the range 1<=x<=2000"),
        (["run", "munich", "-o", "a", "--output", "b"], "--output: stands twice; keep one"),
        (["train", "dnn", "--seed", "1", "--seed=2"], "--seed: stands twice; keep one"),
        (["run", "munich", "--set", "slots=1", "--set", "slots=2"], "slots stands twice; keep one"),
        (
            ["validate", "munich", "--set", "budget.csi=1 us", "--set", "budget.csi_us=2"],
            "budget.csi_us stands twice, as budget.csi; keep one",
        ),
        (["study", "what_fits", "--set", "seed=1", "--set", "seed=2"], "seed stands twice"),
        (["run", ""], "SCENARIO: is empty; want a value"),
        (["run", "munich", "-o", ""], "--output: is empty; want a value"),
        (["report", "x", "--target="], "--target: is empty; want a value"),
        (["evaluate", "dnn", ""], "MODELS: is empty; want a value"),
        (["run", "munich", "--set", ""], "--set: is empty; want a value"),
        (["run", "munch"], "munch: no such file; did you mean 'munich'?"),
        (["study", "what_fit"], "what_fit: no such file; did you mean 'what_fits'?"),
        (["run", "what_fits"], "is a study; run it with: ttirace study what_fits"),
        (["study", "munich"], "is a scenario; run it with: ttirace run munich"),
        (
            ["check", "dnn_k10"],
            "allocator 'dnn_k10' is not known; a model is given as dnn:model=dnn_",
        ),
        (["check", "wmmse_k10"], "allocator 'wmmse_k10' is not known; did you mean"),
        (["compare", "x.h5"], "x.h5: no such file"),
        (
            ["evaluate", "dnn", "--channel", "square_-3"],
            "want square_S, S the side in m, as in squ",
        ),
        (["run", "munich", "--cpu", "1"], "--cpu: is of --live; "),
        (["run", "munich", "--wait", "poll"], "--wait: is of --live; "),
        (["calibrate", "--allocators", "fp,fp"], "--allocators: fp stands twice"),
        (["calibrate", "--links", "5,10,5"], "'--links': 5 stands twice"),
        (["verify", "munich", "--miss-ratios", "0.1,0.10"], "0.1 stands twice"),
        (["example", "--overwrite"], "--overwrite: of which scenario or study? give its NAME"),
        (["example", "-o", "x"], "--output: of which scenario or study? give its NAME"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, ttirace: Ttirace) -> None:
    assert said in ttirace(*arguments).error


def test_what_may_stand_twice(ttirace: Ttirace, tiny: Path) -> None:
    given = ("--set", "slots=20", "--set", "seed=2", "--files", tiny.parent, "--files", ".")
    assert ttirace("validate", tiny, "--show", "--show", *given).code == 0


def test_a_whole_value_and_a_key_in_it_are_two_settings(ttirace: Ttirace, tiny: Path) -> None:
    given = ("--set", "channel=rician", "--set", "channel.links=7")
    assert "7 links" in ttirace("validate", tiny, *given).out


def test_a_broken_package_keeps_the_others_usable(
    ttirace: Ttirace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def load(self) -> click.Command:
            raise ImportError("no such thing")

    monkeypatch.setattr(sim.cli, "_entry_points", lambda: {"broken": Broken()})
    result = ttirace("--help")
    assert result.code == 0
    assert "broken" in result.out
    assert "does not load: ImportError: no such thing" in ttirace("broken").error


def test_validate_shows_what_a_race_would_run(ttirace: Ttirace, tiny: Path) -> None:
    out = ttirace("validate", tiny, "--set", "budget.csi=100 us").out
    assert "30 slots of 1000 us, 3 links x 2 subbands, 900 us to compute" in out
    shown = ttirace("validate", tiny, "--show", "--set", "seed=9").out
    assert yaml.safe_load(shown)["seed"] == 9


@pytest.mark.parametrize(
    ("slots", "lead", "short"), [(1, 1, True), (30, 30, True), (30, 29, False)]
)
def test_a_race_that_no_answer_serves_is_warned_of(
    ttirace: Ttirace, tiny: Path, tmp_path: Path, slots: int, lead: int, short: bool
) -> None:
    given = ("--set", f"slots={slots}", "--set", f"budget.lead={lead}")
    said = f"warning: slots: {slots}, but with budget.lead {lead} the first answer serves slot "
    assert (said in ttirace("validate", tiny, *given).out) == short
    done = ttirace("run", tiny, "-o", tmp_path / "out", "--no-plots", *given)
    assert (done.code, said in done.err) == (0, short)
    study = tmp_path / "study.yaml"
    study.write_text("scenario: tiny.yaml\naxes: {compute.speed: [1, 2]}\n")
    given = (*given, "--engine", "serial", "--no-plots", "-o", tmp_path / "s")
    done = ttirace("study", study, *given)
    assert (done.code, "warning: 2 of 2 points have no rate" in done.err) == (0, short)


def test_validate_tells_what_the_pool_does(ttirace: Ttirace, tiny: Path) -> None:
    chosen = ["compute.servers=2", "compute.discipline=edf", "compute.preemptive=true"]
    chosen += ["compute.release_jitter={exponential: 5 us}"]
    out = ttirace("validate", tiny, *(word for item in chosen for word in ("--set", item))).out
    assert "compute pool: 2 servers, edf, preemptive, latency constant, speed 1, release" in out
    assert "warning" not in out
    out = ttirace("validate", tiny, "--set", "compute.batch=4", "--set", "controllers=2").out
    assert "1 server, fifo, latency constant, speed 1, up to 4 jobs a call" in out
    assert "warning: compute.batch: 4, but no call serves more than 2" in out


def test_schema(ttirace: Ttirace) -> None:
    schema = json.loads(ttirace("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")


def test_list(ttirace: Ttirace, tmp_path: Path) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD.replace("class Bad(Solver):", 'class Bad(Solver):\n    """[/x] $y."""'))
    out = ttirace("list", "--plugin", plugin).out
    for name in (
        "wmmse",
        "backend='compiled'",
        "rayleigh",
        "pareto",
        "best_so_far",
        "munich",
        "what_fits",
    ):
        assert name in out
    assert "[/x] $y." in out


def test_check(ttirace: Ttirace, tmp_path: Path) -> None:
    assert ttirace("check", "max_power").out == "max_power: keeps its contract\n"
    assert ttirace("check", "wmmse:backend=numpy", "--links", "3").code == 0
    random = ttirace("check", "random")
    assert random.code == 1
    assert "got another answer the second time" in random.err
    assert ttirace("check", "random", "--random").code == 0
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD)
    broken = ttirace("check", "bad", "--plugin", plugin)
    assert broken.code == 1
    assert broken.err == "bad: breaks its contract: raises ValueError: x\n"


def test_check_names_its_own_option_for_what_draws(ttirace: Ttirace) -> None:
    done = ttirace("check", "random", "--links", 3)
    assert (done.code, done.out) == (1, "")
    assert "give --random if the solver draws random numbers" in done.err
    assert ttirace("check", "random", "--links", 3, "--random").code == 0


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    path = tmp_path / "c.h5"
    with h5py.File(path, "w") as file:
        file["gain"] = np.random.default_rng(0).exponential(size=(40, 3, 3))
    return path


def test_compare_as_json(ttirace: Ttirace, channels: Path) -> None:
    result = ttirace("compare", channels, "--snr-db", 10, "--json", "--allocators", "wmmse,random")
    found = json.loads(result.out)
    assert (found["instances"], found["subbands"], found["links"]) == (40, 1, 3)
    assert found["noise_w"] == pytest.approx(0.1)
    assert [entry["name"] for entry in found["allocators"]] == ["wmmse", "random"]
    assert found["allocators"][0]["share"] == 1.0
    assert found["allocators"][1]["share"] < 1.0
    same = ttirace("compare", channels, "--noise-w", 0.1, "--json", "--allocators", "wmmse,random")
    rates = [entry["sum_rate_bps_hz"] for entry in found["allocators"]]
    assert [e["sum_rate_bps_hz"] for e in json.loads(same.out)["allocators"]] == pytest.approx(
        rates
    )


def test_compare_leaves_out_what_does_not_fit_unless_named(
    ttirace: Ttirace, channels: Path
) -> None:
    result = ttirace("compare", channels, "--snr-db", 0)
    assert result.code == 0
    assert "share of wmmse" in result.out
    assert result.err.startswith("left out: dnn: no network for 3 links")
    assert (
        "dnn: no network for 3 links"
        in ttirace("compare", channels, "--snr-db", 0, "--allocators", "wmmse,dnn").error
    )


def test_compare_counts_one_of_a_kind(ttirace: Ttirace, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["gain"] = np.ones((1, 1, 1, 1))
    done = ttirace("compare", tmp_path / "one.h5", "--snr-db", 0, "--allocators", "max_power")
    title = "one.h5: 1 instance of 1 link x 1 subband allocator"
    assert title.replace(" ", "") in "".join(done.out.split())  # a long path is wrapped anywhere
    assert "\u2503" not in done.out


def test_compare_warns_where_the_snr_is_not_what_receivers_see(
    ttirace: Ttirace, channels: Path
) -> None:
    options = ["--snr-db", 0, "--allocators", "max_power"]
    assert ttirace("compare", channels, *options).err == ""
    with h5py.File(channels, "r+") as file:
        file["gain"][...] *= 1e-9
    done = ttirace("compare", channels, *options)
    assert "receivers do not see --snr-db 0" in done.err
    assert "give --noise-w" in done.err
    assert "e-0" in done.out  # a rate that four digits would show as none
    assert ttirace("compare", channels, "--noise-w", 1e-10, *options[2:]).err == ""


def test_compare_counts_failures(ttirace: Ttirace, channels: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD)
    result = ttirace(
        "compare", channels, "--snr-db", 0, "--plugin", plugin, "--allocators", "bad,max_power"
    )
    assert result.code == 1
    assert result.err == "warning: bad: 13 of 40 failed, first: ValueError: x\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give either --noise-w or --snr-db"),
        (["--snr-db", 0, "--noise-w", 1], "give either --noise-w or --snr-db"),
        (["--snr-db", "1e9"], "want a number of decibels from -200 to 200"),
        (["--snr-db", "nan"], "--snr-db nan: want a number of decibels from -200"),
        (["--snr-db", "x"], "'x' is not a valid float"),
        (["--noise-w", 0], "--noise-w 0.0: must be positive"),
        (["--noise-w", "inf"], "--noise-w inf"),
        (["--noise-w", 1, "--p-max-w", -1], "--p-max-w -1.0: must be positive"),
        (["--snr-db", 0, "--seed", -1], "--seed"),
        (["--snr-db", 0, "--allocators", ","], "--allocators: names none"),
        (["--snr-db", 0, "--allocators", "wmmmse"], "did you mean 'wmmse'"),
        (["--snr-db", 0, "--allocators", "wmmse:backend"], "want NAME:parameter=value"),
        (["--snr-db", 0, "--allocators", "wmmse:backend=x"], "wmmse.backend: should be"),
    ],
)
def test_compare_wrong_options(
    options: list[object], said: str, ttirace: Ttirace, channels: Path
) -> None:
    assert said in ttirace("compare", channels, *options).error


def test_compare_wrong_files(ttirace: Ttirace, channels: Path, tmp_path: Path, tiny: Path) -> None:
    options = ["--snr-db", 0, "--allocators", "max_power"]
    assert "no such file" in ttirace("compare", tmp_path / "nope.h5", *options).error
    assert "is a folder, want an HDF5 file" in ttirace("compare", tmp_path, *options).error
    assert "not a readable HDF5 file" in ttirace("compare", tiny, *options).error
    with h5py.File(channels, "r+") as file:
        file["gain"][30, 0, 1] = np.nan
    assert "[30, 0, 1] is nan" in ttirace("compare", channels, *options).error
    with h5py.File(channels, "w") as file:
        file["gain"] = np.ones((4, 4))
    assert "want 4 (time, subband, rx, tx) or 3" in ttirace("compare", channels, *options).error


def test_a_lack_of_memory_is_one_line(ttirace: Ttirace, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise MemoryError("Unable to allocate 8 TiB")

    monkeypatch.setattr("sim.registry.allocator_class", lacking)
    error = ttirace("list").error
    assert error.startswith("out of memory: Unable to allocate 8 TiB; want a smaller problem")


def test_what_cannot_be_loaded_is_listed_with_the_reason(
    ttirace: Ttirace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> type:
        raise InputError(f"{name}: does not load: ImportError: no such thing")

    monkeypatch.setattr("sim.registry.allocator_class", broken)
    listed = ttirace("list")
    assert listed.code == 0, listed.err
    assert "wmmse: does not load" in " ".join(listed.out.split())
