"""`ttirace evaluate` and `ttirace mismatch`, as the shell sees them."""

from __future__ import annotations

import csv
import errno
import json
import shutil
from dataclasses import asdict
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from in_process import Ttirace
from rich.console import Console

import sim.cli
from allocators.evaluation import cells, evaluation_table
from allocators.evaluation.contenders import contender
from allocators.evaluation.csv_file import write_csv
from allocators.evaluation.mismatch import Mismatch, mismatch_tables, setting_named
from allocators.evaluation.plots import file_names
from allocators.shipped import weights_file
from allocators.unfolded.network import Shape
from sim.channel.trace import write_trace
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import card_path, save
from sim.deadline.plots import canvas

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
SUITE = """
channels:
  street: {geometric: {side: 30 m, path_loss_exponent: 4}}
  yard: {scenario: yard.yaml}
cells:
  - {channel: [rayleigh, street], links: [2, 3], snr_db: [0, 10]}
  - {channel: yard, links: 3}
"""
TINY = ("--channel", "rayleigh", "--links", 3, "--snr-db", 0, "--channels", 5)


@pytest.fixture(autouse=True)
def _commands(monkeypatch: pytest.MonkeyPatch) -> None:
    # also where the package was installed before it had these commands
    points = {
        name: EntryPoint(name, f"allocators.evaluation.cli:{name}", sim.cli.GROUP)
        for name in ("evaluate", "mismatch")
    }
    monkeypatch.setattr(sim.cli, "_entry_points", lambda: points)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    gain = [[[[1.0, 0.1, 0.2], [0.3, 1.0, 0.1], [0.2, 0.1, 1.0]]]] * 4
    write_trace(tmp_path / "yard.h5", gain=gain, sample_interval_s=1e-3)
    (tmp_path / "yard.yaml").write_text(
        "slots: 4\nchannel: {trace: yard.h5}\nradio: {snr_db: 10}\nallocators: [max_power]\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE)
    return path


@pytest.mark.parametrize("command", ["evaluate", "mismatch"])
def test_help(command: str, ttirace: Ttirace) -> None:
    result = ttirace(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: ttirace {command}")
    assert max(map(len, result.out.splitlines())) <= 100


def test_json_holds_the_figures_of_the_library(ttirace: Ttirace, suite: Path) -> None:
    options = ("--suite", suite, "--channels", 20, "--seed", 5, "--json")
    result = ttirace("evaluate", "best_link", "max_power", *options)
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert (found["suite"], found["channels"], found["seed"]) == ("mine", 20, 5)
    assert [entry["cells"] for entry in found["summary"]] == [9, 9]
    mine = [row for row in found["rows"] if row["allocator"] == "max_power"]
    for row, ours in zip(mine, evaluation_table("max_power", str(suite), 20, 5), strict=True):
        for key, value in ours.items():
            assert key.endswith("_us") or row[key] == value
    assert [row["channels"] for row in mine] == [20] * 8 + [4]


def test_table_csv_and_plots(ttirace: Ttirace, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "rows.csv"
    names = ("dnn:threshold=null", "wmmse")
    files = ("--csv", out, "--plot", tmp_path / "plots")
    options = ("--suite", suite, "--links", "3,10", "--channels", 20, *files)
    result = ttirace("evaluate", *names, *options)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 140
    for text in ("own noise", "10 dB", "WMMSE±s.e.", "100.00±0.00", "street"):
        assert text in result.out
    assert "[" not in result.out  # markup is for the terminal
    assert "wmmse (9 cells): mean 100.00% of WMMSE" in result.out
    left_out = [line for line in result.err.splitlines() if line.startswith("left out")]
    assert left_out[0].startswith("left out: dnn:threshold=null at K = 3: dnn: no network for 3")
    assert "yard: 10 links, but it has 3 pairs" in left_out[1]
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (2 * 2 * 2 + 2)
    assert rows[0]["share_of_wmmse"] == ""
    assert rows[1]["share_of_wmmse"] == "1.0"
    drawn = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert drawn == ["dnn_threshold=null.png", "wmmse.png"]
    assert all((tmp_path / "plots" / n).read_bytes().startswith(b"\x89PNG") for n in drawn)


@pytest.mark.parametrize("command", ["evaluate", "mismatch"])
def test_a_page_to_look_at(command: str, ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    more = ("--on", "rayleigh@0,rayleigh@10") if command == "mismatch" else TINY[:-2]
    words = (command, "wmmse", "max_power", *more, "--channels", 3, "--report", path)
    result = ttirace(*words)
    assert result.code == 0, result
    assert f"report: {path}" in result.err
    page = path.read_text()
    assert "wmmse reaches 100.0% of WMMSE&#39;s sum rate on average over" in page
    assert "Least: max_power, " in page
    assert f"ttirace {command} wmmse max_power" in page
    assert "is a directory" in ttirace(*words[:-1], tmp_path).error
    assert "--report: " in ttirace(*words).error  # it is there already
    assert path.read_text() == page


def test_the_default_table_fits_140_columns(ttirace: Ttirace) -> None:
    result = ttirace("evaluate", "best_link", "--links", "5,100", "--channels", 2)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 140
    titles = [line for line in result.out.splitlines() if line.startswith("best_link: sum rate")]
    assert len(titles) == 2  # all SNRs beside each other, and the recording


def test_failures_are_told(ttirace: Ttirace, tmp_path: Path) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(BAD)
    result = ttirace("evaluate", "bad", *TINY, "--plugin", plugin)
    assert result.code == 1
    assert result.err.startswith("warning: bad: 2 of 5 failed, first in rayleigh, K = 3, 0 dB: ")


def test_a_model_as_a_file(ttirace: Ttirace, tmp_path: Path) -> None:
    model = tmp_path / "mine.safetensors"
    model.write_bytes(weights_file("dnn_k10").read_bytes())
    options = ("--channel", "rayleigh", "--links", 10, "--snr-db", 0, "--channels", 5, "--json")
    mine, shipped = json.loads(ttirace("evaluate", model, "dnn_k10", *options).out)["rows"]
    assert mine["share_of_wmmse"] == shipped["share_of_wmmse"]


def test_mismatch(ttirace: Ttirace, tmp_path: Path) -> None:
    on = "rayleigh@0,{rician: {k_factor: 2}}@5,munich"
    files = ("--plot", tmp_path / "p", "--csv", tmp_path / "m.csv")
    models = ("dnn_k10", "dnn_k20", "max_power")
    result = ttirace("mismatch", *models, "--on", on, "--channels", 10, *files)
    assert result.code == 0
    assert "rayleigh 0 dB" in result.out
    assert result.err.count("left out: ") == 2  # no 20 pairs in Munich
    assert (tmp_path / "p" / "mismatch.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["allocator"], row["links"]) for row in rows[::3]] == [
        ("dnn_k10", "10"),
        ("dnn_k20", "20"),
        ("max_power", "10"),
        ("max_power", "20"),
    ]
    assert rows[0]["trained_on"] == "rayleigh 0 dB"


def test_a_matrix_of_which_a_size_is_left_out(ttirace: Ttirace) -> None:
    result = ttirace("mismatch", "dnn_k10", "dnn_k20", "--on", "munich", "--channels", 5, "--json")
    ten, twenty = json.loads(result.out)["rows"]
    assert ten["share_of_wmmse"] > 0.1
    assert twenty["share_of_wmmse"] is None
    assert "munich: 20 links" in result.err
    assert "munich: 20 links" in ttirace("mismatch", "dnn_k20", "--on", "munich").error


def test_every_allocator_has_a_plot_of_its_own(ttirace: Ttirace, tmp_path: Path) -> None:
    long = "wmmse:restarts=" + 250 * "0" + "1"
    names = ("dnn_k10", "dnn_k10.safetensors", "dnn:model=dnn_k10", "dnn_model=dnn_k10")
    assert len(set(file_names(names))) == len(names)
    cell = ("--channel", "rayleigh", "--links", 10, "--snr-db", 0, "--channels", 2)
    result = ttirace("evaluate", "max_power", long, *cell, "--plot", tmp_path / "p")
    assert result.code == 0
    assert len(list((tmp_path / "p").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument"),
        (["wmmmse"], "'wmmmse' is no allocator and no model; did you mean 'wmmse'?"),
        (["dnn_k11"], "did you mean 'dnn_k"),
        (["wmmse:x=3"], "wmmse.x: unknown parameter"),
        (["dnn:model=nope"], "no network 'nope' is shipped"),
        (["nope.safetensors"], "no such file: nope.safetensors"),
        (["wmmse", "--channels", 0], "--channels"),
        (["wmmse", "--channels", 1_000_001], "not in the range 1<=x<=1000000"),
        (["wmmse", "--channels", "x"], "--channels"),
        (["wmmse", "--seed", -1], "--seed"),
        (["wmmse", "--suite", "defualt"], "suite 'defualt' is not known; did you mean 'default'?"),
        (["wmmse", "--suite", "nope.yaml"], "nope.yaml: no such file, want a suite"),
        (["wmmse", "--channel", "raylei"], "did you mean 'rayleigh'?"),
        (["wmmse", "--channel", ","], "--channel: names none"),
        (["wmmse", "--links", "10,x"], "--links: 'x', want numbers such as 10,20"),
        (["wmmse", "--links", "2.5"], "--links: 2.5, want whole numbers"),
        (["wmmse", "--links", "0"], "links: 0, want 1 to 2000"),
        (["wmmse", "--links", "5000"], "links: 5000, want 1 to 2000"),
        (["wmmse", "--snr-db", "nan"], "--snr-db: 'nan', want numbers"),
        (["wmmse", "--snr-db", "500"], "snr_db: 500.0, want a number between -200 and 200"),
        (["dnn_k10", "--links", "11"], "nothing to evaluate: dnn: model: dnn_k10 is made for 10"),
        (["wmmse", "--plugin", "nope.py"], "--plugin nope.py: no such file"),
        (["wmmse", "fp", "wmmse"], "MODEL: wmmse stands twice"),
        (["wmmse", "--links", "10,5,10"], "--links: 10 stands twice"),
        (["wmmse", "--snr-db", "0,-0.5,0.0"], "--snr-db: 0 stands twice"),
        (["wmmse", "--channel", "munich,munich"], "--channel: munich stands twice"),
        (["wmmse", "--channel", "munich", "--snr-db", "5"], "--snr-db: 5, but munich brings its"),
    ],
)
def test_wrong_arguments(arguments: list[object], said: str, ttirace: Ttirace) -> None:
    assert said in ttirace("evaluate", *arguments).error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wmmse", "--on", "rayleigh"], "--on rayleigh: want rayleigh@SNR, as in rayleigh@10"),
        (["wmmse", "--on", "munich@3"], "--on munich@3: want munich"),
        (["wmmse", "--on", "rayleigh@x"], "--on rayleigh@x: 'x', want an SNR in dB"),
        (["wmmse", "--on", "rayleigh@900"], "snr_db: 900.0"),
        (["wmmse", "--on", "nope@0"], "channel: 'nope' is not known"),
        (["wmmse", "--links", "0"], "links: 0"),
        (["wmmse", "--on", "munich,munich"], "--on: munich stands twice"),
    ],
)
def test_wrong_arguments_of_mismatch(arguments: list[object], said: str, ttirace: Ttirace) -> None:
    assert said in ttirace("mismatch", *arguments).error


def test_files_that_are_no_models(ttirace: Ttirace, tmp_path: Path) -> None:
    model = tmp_path / "cut.safetensors"
    model.write_bytes(b"\x10\x00\x00")
    assert "cut.safetensors: not a readable safetensors" in ttirace("evaluate", model, *TINY).error
    save(model, "transformer", {}, {"x": np.ones(1, np.float32)})
    assert "weights of 'transformer', which is no" in ttirace("evaluate", model, *TINY).error
    shutil.copy(weights_file("dnn_k10"), model)
    card_path(model).write_text('{"sha256": "0"}')
    for argument in (model, f"dnn:model={model}"):
        assert "the weights were changed or damaged" in ttirace("evaluate", argument, *TINY).error


def test_nowhere_to_write(ttirace: Ttirace, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for option, name in (("--csv", "rows.csv"), ("--report", "page.html"), ("--plot", "plots")):
        said = ttirace("evaluate", "wmmse", *TINY, option, file / name).error
        assert str(file) in said
        assert "is no folder" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--csv", "mine.safetensors"], "--csv: mine.safetensors is read for this"),
        (["--csv", "link.csv"], "--csv: link.csv is read for this"),
        (["--suite", "suite.yaml", "--report", "suite.yaml"], "suite.yaml is read for this"),
        (["--plugin", "bad.py", "--csv", "bad.py"], "--csv: bad.py is read for this"),
        (["--csv", "mine.json"], "--csv: mine.json, want a name that ends in .csv"),
        (["--report", "x.txt"], "--report: x.txt, want a name that ends in .html"),
        (["--csv", "a.csv", "--report", "both.html"], "a.csv and both.html are one file"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "mismatch"])
def test_outputs_destroy_no_input(
    command: str,
    options: list[str],
    said: str,
    ttirace: Ttirace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if command == "mismatch" and "--suite" in options:
        return  # has none
    monkeypatch.chdir(tmp_path)
    shutil.copy(weights_file("dnn_k10"), "mine.safetensors")
    Path("link.csv").hardlink_to("mine.safetensors")
    Path("both.html").write_text("")
    Path("a.csv").hardlink_to("both.html")
    Path("bad.py").write_text(BAD)
    Path("suite.yaml").write_text("cells: {channel: rayleigh, links: 10, snr_db: 0}")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = ttirace(command, "mine.safetensors", "--channels", 5, *options, "--overwrite")
    assert said in result.error
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_older_rows_are_replaced_when_that_is_asked_for(ttirace: Ttirace, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("older")
    command = ("evaluate", "max_power", *TINY, "--csv", rows)
    assert f"--csv: {rows} is there already; --overwrite replaces it" in ttirace(*command).error
    assert rows.read_text() == "older"
    assert ttirace(*command, "--overwrite").code == 0
    assert rows.read_text().startswith("allocator,")


def test_an_evaluation_that_is_stopped_leaves_no_rows(
    ttirace: Ttirace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the rows look like all of them."""

    whole, rated = cells._evaluate_cell, []

    def second(*arguments: object, **more: object) -> object:
        rated.append(arguments)
        if len(rated) == 2:
            raise InputError("stopped")
        return whole(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(cells, "_evaluate_cell", second)
    cell = ("--channel", "rayleigh", "--links", "3,4", "--snr-db", 0, "--channels", 5)
    result = ttirace("evaluate", "max_power", *cell, "--csv", tmp_path / "rows.csv")
    assert "stopped" in result.error
    assert len(rated) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys; want cells:"),
        ("[1]", "holds no keys"),
        ("{", "mine.yaml: not YAML"),
        ("cell: []", "cell: unknown key; did you mean 'cells'?"),
        ("channels: {}", "cells: is required"),
        ("cells: []", "cells"),
        ("cells: [{channel: rice, link: 3}]", "cells.0.link: unknown key; did you mean 'links'?"),
        (
            "cells: [{channel: rice, links: x, snr_db: 0}]",
            "cells.0.links: want a whole number (got 'x')",
        ),
        ("cells: [{channel: rice, links: 3}]", "rice has no snr_db"),
        ("cells: [{channel: [munich, rice], links: 3}]", "cells: rice has no snr_db"),
        ("cells: [{channel: rise, links: 3, snr_db: 0}]", "did you mean 'rice'?"),
        ("cells: [{channel: rice, links: 3, snr_db: .nan}]", "snr_db: nan"),
        ("cells: [{channel: rice, links: 0, snr_db: 1}]", "links: 0, want 1 to 2000"),
        ("channels: {rice: rayleigh}\ncells: [{channel: rice, links: 3}]", "has a meaning already"),
        ("channels: {a: rise}\ncells: [{channel: a, links: 3, snr_db: 0}]", "'rise' is no channel"),
        ("channels: {a: {scenario: 3}}\ncells: [{channel: a, links: 3}]", "want {scenario: FILE}"),
        ("channels: {a: {scenario: b.yaml}}\ncells: [{channel: a, links: 3}]", "b.yaml: no such"),
    ],
)
def test_wrong_suites(text: str, said: str, ttirace: Ttirace, suite: Path) -> None:
    suite.write_text(text)
    error = ttirace("evaluate", "wmmse", "--suite", suite).error
    assert said in error
    assert suite.parent.name in error


def test_a_scenario_that_is_no_recording(ttirace: Ttirace, suite: Path, tiny: Path) -> None:
    suite.write_text(
        f"channels: {{a: {{scenario: {tiny.name}}}}}\ncells: [{{channel: a, links: 3}}]"
    )
    assert "channel: rayleigh, want a trace" in ttirace("evaluate", "wmmse", "--suite", suite).error


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_wide_matrix_becomes_several_tables(width: int) -> None:
    tests = [setting_named(text) for text in ("rayleigh@0", "rice@10", "square_200@20", "munich")]
    models = [contender(name) for name in ("dnn_k10", "max_power", "wmmse:restarts=3")]
    row = {"share_of_wmmse": 0.98765, "share_of_wmmse_stderr": None}
    matrix = Mismatch([(one, 10) for one in models], tests, [row] * 12)
    console = Console(width=width, file=StringIO(), color_system=None)
    tables = list(mismatch_tables(matrix, width))
    for table in tables:
        console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.count("98.77") == 12
    assert "…" not in shown
    assert all(text in shown for text in ("square_200", "munich", "20 dB", "dnn_k10"))
    assert (len(tables) > 1) == (width == 60)


def test_damaged_weights_are_no_cell_left_out(ttirace: Ttirace, tmp_path: Path) -> None:
    shape = Shape(candidates=4, layers=1, hidden=4, state=4, polish=0)
    whole = {name: np.zeros(size, np.float32) for name, size in shape.tensors().items()}
    path = tmp_path / "torn.safetensors"
    for config, tensors, message in (
        (asdict(shape), {**whole, "first.outer.bias": np.zeros(5, np.float32)}, "shape (5,)"),
        ({"links": 3}, whole, "config: ['links'], want candidates, layers"),
    ):
        save(path, "unfolded", config, tensors)
        result = ttirace("evaluate", path, "max_power", *TINY)
        assert (result.code, result.out) == (2, "")
        assert message in result.err
        assert result.err.count("\n") == 1


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matplotlib.backends.backend_agg.FigureCanvasAgg.print_png", full)
    with (
        pytest.raises(InputError, match=r"b\.png: cannot be written: No space"),
        canvas(tmp_path / "b.png"),
    ):
        pass
    assert not list(tmp_path.glob("*b.*png"))
    older = tmp_path / "rows.csv"
    older.write_text("older")
    monkeypatch.setattr("csv.writer", full)
    with pytest.raises(InputError, match=r"rows\.csv: cannot be written: No space.*untouched"):
        write_csv(older, [{"allocator": "x"}])
    assert older.read_text() == "older"


def test_true_is_no_number_of_links(ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("cells: {channel: rayleigh, links: true, snr_db: 0}")
    result = ttirace("evaluate", "max_power", "--suite", path)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "want a whole number" in result.err
