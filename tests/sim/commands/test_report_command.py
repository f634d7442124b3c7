"""`ttirace report`, from the folder of a study to files, or to one line that says what is wrong."""

from __future__ import annotations

import csv
import errno
import html
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from in_process import Ttirace
from made_tables import make_study

AXES = {"slot_ns": [250_000, 1_000_000], "channel.links": [10, 20]}

#: Figures take longest, and most tests want none of them drawn.
UNDRAWN = ("--format", "csv")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "study", AXES, ["wmmse", "dnn"], target="miss_ratio <= 1e-3")


def test_a_study_becomes_a_report(ttirace: Ttirace, study: Path) -> None:
    done = ttirace("report", study)
    assert done.code == 0, done
    names = {path.name for path in (study / "report").iterdir()}
    figures = ("fits", "best", "heatmap", "rate", "loss", "pareto")
    files = {f"{name}.{end}" for name in figures for end in ("png", "svg", "csv")}
    assert names == files | {"report.html", "report.md", "report.json"}
    text = (study / "report/report.md").read_text()
    assert text.startswith("# study\n\n- With a slot of 250 us (numerology 2), the most that meets")
    assert all(f"({name}.{end})" in text for name in figures for end in ("png", "svg", "csv"))
    first = text.split("\n")[2].removeprefix("- ").replace("`", "")
    assert done.out.startswith(first)
    assert str(study / "report/report.md") in done.out
    page = (study / "report/report.html").read_text()
    assert first in html.unescape(page)
    with (study / "report/fits.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["in_5g"] for row in table} >= {"numerology 0"}
    assert {row["allocator"] for row in table} == {"wmmse", "dnn"}


def test_a_second_report_replaces_the_first(ttirace: Ttirace, study: Path, tmp_path: Path) -> None:
    where = tmp_path / "elsewhere"
    assert ttirace("report", study, "-o", where, "--figure", "pareto").code == 0
    assert ttirace("report", study, "-o", where, "--figure", "rate:x=slot_us").code == 0
    assert {path.stem for path in where.iterdir()} == {"rate", "report"}
    (where / "thesis.tex").touch()
    error = ttirace("report", study, "-o", where).error
    assert error == f"-o {where}: holds 'thesis.tex', no report of ours; name another folder"


def test_a_report_that_was_cut_short_is_replaced(
    ttirace: Ttirace, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = ("--figure", "rate", "--format", "png")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sim.report.document.report_text", fail)
        said = ttirace("report", study, *quick).error
        assert "cannot be written: No space left on device" in said
    assert (study / "report/rate.png").exists()
    assert ttirace("report", study, *quick).code == 0


@pytest.mark.parametrize(
    ("formats", "in_text"), [(["png"], [".png"]), (["csv"], [".csv"]), (["csv", "svg"], [".svg"])]
)
def test_only_the_formats_asked_for(
    ttirace: Ttirace, study: Path, formats: list[str], in_text: list[str]
) -> None:
    asked = [word for name in (*formats, formats[0]) for word in ("--format", name)]
    assert ttirace("report", study, *asked).code == 0
    suffixes = {path.suffix for path in (study / "report").iterdir()} - {".html", ".md", ".json"}
    assert suffixes == {f".{name}" for name in formats}
    text = (study / "report/report.md").read_text()
    assert ("![" in text) == (formats != ["csv"])
    assert next(end for end in (".png", ".svg", ".csv") if f"rate{end})" in text) == in_text[0]
    assert all((f".{end})" in text) == (end in formats) for end in ("png", "svg", "csv"))


def test_json_and_another_target(ttirace: Ttirace, study: Path) -> None:
    done = ttirace("report", study, "--json", "--target", "miss_ratio <= 0.5", "--figure", "fits")
    found = json.loads(done.out)
    assert found["target"] == "miss_ratio <= 0.5"
    assert found == json.loads((study / "report/report.json").read_text())
    assert found["answers"]
    assert set(found["files"]) == {p.name for p in (study / "report").iterdir()} - {"report.json"}


def test_the_study_may_choose_its_figures(ttirace: Ttirace, tmp_path: Path) -> None:
    wanted = [{"heatmap": {"x": "channel.links", "y": "slot", "allocator": "dnn"}}, "pareto",
              {"rate": None}, {"rate": {"x": "links"}}]  # fmt: skip
    study = make_study(tmp_path / "study", AXES, ["wmmse", "dnn"], report=wanted)
    done = ttirace("report", study, "--json", *UNDRAWN)
    assert list(json.loads(done.out)["figures"]) == ["heatmap", "pareto", "rate", "rate_2"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("heatmp", "'heatmp' is no figure; did you mean 'heatmap'?"),
        ({"rate": {"y": "links"}}, "rate: 'y' is no option of it; known: allocator, x"),
        ({"rate": {"x": "slot_u"}}, "rate: x: 'slot_u' is no axis of this study; did you mean"),
        ({"rate": 5}, "{'rate': 5}; want a figure such as rate: {x: budget_us}"),
        (7, "7; want a figure such as rate: {x: budget_us}"),
        ({"fits": {"axis": "budget_us"}}, "fits: cannot be drawn: 'budget_us' is no axis along"),
    ],
)
def test_figures_that_are_not_there(
    ttirace: Ttirace, tmp_path: Path, entry: object, message: str
) -> None:
    study = make_study(tmp_path / "study", AXES, ["wmmse"], report=[entry])
    error = ttirace("report", study).error
    assert error.startswith(f"{study / 'study.yaml'}: report.0: {message}")
    assert not (study / "report").exists()


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (["fits", "rate", "fits"], "fits: stands twice"),
        (["rate:x=links", "rate:x=links"], "rate: stands twice"),
        (["heatmap:x=links:y=channel.links"], "heatmap: x and y are the same axis, channel.links"),
        (["rate:x=slot_u"], "rate: x: 'slot_u' is no axis of this study"),
    ],
)
def test_figures_asked_for_in_vain(
    ttirace: Ttirace, study: Path, figures: list[str], message: str
) -> None:
    asked = [word for name in figures for word in ("--figure", name)]
    assert ttirace("report", study, *asked).error.startswith(f"--figure: {message}")
    assert not (study / "report").exists()


def test_wrong_folders(ttirace: Ttirace, tmp_path: Path, study: Path, tiny: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert ttirace("report", nowhere).error == f"{nowhere}: no such folder; want that of a study"
    assert ttirace("report", tiny).error == f"{tiny}: is a file; want the folder of a study"
    assert ttirace("report", tmp_path).error.endswith(
        "holds no table.parquet; want the folder of a study"
    )
    run = tmp_path / "run"
    assert ttirace("run", tiny, "-o", run, "--no-plots").code == 0
    said = f"{run}: is the folder of a run, which has left what it found in summary.json; want that"
    assert ttirace("report", run).error == f"{said} of a study"
    (run / "summary.json").unlink()
    assert "which was stopped, and has left what was" in ttirace("report", run).error
    (study / "table.parquet").unlink()
    assert ttirace("report", study).error == (
        f"{study}: has no table.parquet yet; `ttirace study` goes on where it was stopped"
    )
    assert ttirace("report", study, "-o", tiny).error.startswith(f"{study}: has no table")


def test_damaged_files(ttirace: Ttirace, study: Path) -> None:
    table = study / "table.parquet"
    whole = table.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PAR1", whole[:-4] + b"XXXX"):
        table.write_bytes(content)
        assert ttirace("report", study).error.startswith(f"{table}: cannot be read: ")
    table.write_bytes(whole)
    (study / "targets.parquet").write_bytes(b"no parquet")
    assert ttirace("report", study).error.startswith(f"{study / 'targets.parquet'}: cannot be read")
    (study / "targets.parquet").unlink()
    (study / "manifest.json").write_text("{")
    assert ttirace("report", study, *UNDRAWN).code == 0
    assert "no manifest to tell" in (study / "report/report.md").read_text()
    for text in ("a: [", "- 1", "name: !!python/object:os.system {}"):
        (study / "study.yaml").write_text(text)
        assert ttirace("report", study).error.startswith(f"{study / 'study.yaml'}: ")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("miss_ratio", "'miss_ratio': want it written as miss_ratio <= 1e-3"),
        ("mis_ratio <= 1", "mis_ratio is no metric; did you mean 'miss_ratio'?"),
        ("miss_ratio <= few", "miss_ratio: want a number (got 'few')"),
        ("miss_ratio <= nan", "miss_ratio: want a number (got 'nan')"),
    ],
)
def test_wrong_targets(ttirace: Ttirace, study: Path, target: str, message: str) -> None:
    assert ttirace("report", study, "--target", target).error.startswith(f"--target: {message}")
    content = yaml.safe_load((study / "study.yaml").read_text())
    (study / "study.yaml").write_text(yaml.safe_dump({**content, "target": target}))
    assert ttirace("report", study).error.startswith(f"{study / 'study.yaml'}: target: {message}")


def test_an_unfinished_study_is_reported_as_such(ttirace: Ttirace, tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", AXES, ["wmmse"], manifest={"status": "interrupted"})
    done = ttirace("report", study, *UNDRAWN)
    assert done.out.startswith("The study is not finished (its manifest says 'interrupted'):")
    text = (study / "report/report.md").read_text()
    assert text.startswith("# s\n\n- **The study is not finished**")


def test_a_file_in_the_place_of_the_report(ttirace: Ttirace, study: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    error = ttirace("report", study, "-o", tmp_path / "taken").error
    assert error == f"-o {tmp_path / 'taken'}: is a file; want a folder"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.drop_columns(["met"]), "lacks the column 'met'; not the table of a"),
        (lambda table: table.slice(0, 0), "holds no point; nothing to report"),
        (
            lambda table: table.select(
                ["replicate", *table.drop_columns("replicate").column_names]
            ),
            "'point' stands after 'replicate'; not the table of a study",
        ),
        (
            lambda table: table.set_column(
                table.column_names.index("met"), "met", [["many"] * len(table)]
            ),
            "met: 'many' in a finished point; want a count",
        ),
        (
            lambda table: table.set_column(
                table.column_names.index("genie_bps_hz"), "genie_bps_hz", [["high"] * len(table)]
            ),
            "genie_bps_hz: 'high'; want a number",
        ),
    ],
)
def test_a_table_that_is_none_of_a_study(
    ttirace: Ttirace, study: Path, spoil: Callable[[pa.Table], pa.Table], said: str
) -> None:
    path = study / "table.parquet"
    pq.write_table(spoil(pq.read_table(path)), path)
    assert said in ttirace("report", study).error


def test_answers_that_are_none(ttirace: Ttirace, study: Path) -> None:
    path = study / "targets.parquet"
    pq.write_table(pa.table({"allocator": ["wmmse"]}), path)
    said = "lacks the column 'axis'; not the answers of a study"
    assert ttirace("report", study).error == f"{path}: {said}"


def test_answers_of_another_study(ttirace: Ttirace, tmp_path: Path) -> None:
    answers = [
        {"channel.links": 5, "allocator": "wmmse", "axis": "budget.lead", "find": "smallest"}
        | dict.fromkeys(("answer", "next", "nearest", "metric_at_answer", "metric_at_next"), 1.0)
        | {"status": "met"}
    ]
    axes = {"channel.links": [5, 10], "budget.lead": [1, 2]}
    study = make_study(tmp_path / "s", axes, ["wmmse"], answers=answers, target="miss_ratio <= 1")
    assert ttirace("report", study, *UNDRAWN).code == 0
    path = study / "targets.parquet"
    pq.write_table(pq.read_table(path).rename_columns({"channel.links": "channel.liNks"}), path)
    said = "lacks the column 'channel.links', an axis of this study"
    assert ttirace("report", study).error == f"{path}: {said}"


def spoilt(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a table."""
    rows = pq.read_table(path).to_pylist()
    changed = change(rows)
    pq.write_table(pa.Table.from_pylist(changed if isinstance(changed, list) else rows), path)


def every(name: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: [{**row, name: value} for row in rows]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (every("in_force_bps_hz", math.nan), "row 1: in_force_bps_hz: nan; want a number"),
        (every("genie_bps_hz", math.inf), "row 1: genie_bps_hz: inf; want a number"),
        (every("aged_bps_hz", -1.0), "row 1: aged_bps_hz: -1.0; want a number, not below zero"),
        (every("miss_ratio", 5.0), "row 1: miss_ratio: 5.0; want a share from 0 to 1"),
        (every("miss_ratio", "0.5"), "row 1: miss_ratio: '0.5'; want a number"),
        (every("miss_ratio", 0.123), "row 1: miss_ratio: 0.123, but "),
        (every("jobs", -3), "row 1: jobs: -3 in a finished point; want a count"),
        (every("jobs", 7), "row 1: jobs: 7, but met + late + aborted + skipped + failed are "),
        (every("status", "foo"), "row 1: status: 'foo'; want ok or refused"),
        (every("allocator", None), "row 1: allocator: null; want text"),
        (every("point", 5), "row 1: point: 5; want text"),
        (every("replicate", "one"), "row 1: replicate: 'one'; want a count"),
        (every("budget_us", math.nan), "row 1: budget_us: nan; want a finite number"),
        (every("latency", 3), "row 1: latency: 3; want text"),
        (every("slot_ns", math.nan), "row 1: slot_ns: nan; want a finite number or text"),
        (lambda rows: rows + rows, "row 9: is the point of row 1 once more"),
    ],
)
def test_a_table_that_somebody_changed(
    ttirace: Ttirace,
    study: Path,
    change: Callable[[list[dict[str, Any]]], object],
    said: str,
) -> None:
    path = study / "table.parquet"
    spoilt(path, change)
    assert ttirace("report", study).error.startswith(f"{path}: {said}")


@pytest.mark.parametrize("status", ["complete", "interrupted"])
def test_a_table_that_was_cut(ttirace: Ttirace, tmp_path: Path, status: str) -> None:
    about = {"status": status, "points": {"total": 9, "finished": 4}}
    study = make_study(tmp_path / "s", AXES, ["wmmse"], manifest=about)
    assert ttirace("report", study, *UNDRAWN).code == 0
    path = study / "table.parquet"
    spoilt(path, lambda rows: rows[:3])
    assert ttirace("report", study).error == (
        f"{path}: has 3 rows, but manifest.json beside it counts 4 finished points; "
        "`ttirace study` writes it again"
    )


def test_files_of_two_studies(ttirace: Ttirace, tmp_path: Path, study: Path) -> None:
    other = make_study(tmp_path / "other", {"slot_ns": [250_000]}, ["wmmse"])
    own = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text((other / "study.yaml").read_text())
    assert ttirace("report", study).error.startswith(
        f"{study / 'study.yaml'}: varies slot_ns, but table.parquet beside it slot_ns, "
        "channel.links: they are of two studies;"
    )
    (study / "study.yaml").write_text(own.replace("- 20\n", "- 30\n"))
    assert ttirace("report", study).error.startswith(
        f"{study / 'study.yaml'}: channel.links: has no value 20, but table.parquet beside it has"
    )
    (study / "study.yaml").write_text("foo: 1\n")
    said = f"{study / 'study.yaml'}: foo: is no key of a study; known: axes, description, name,"
    assert ttirace("report", study).error.startswith(said)
    (study / "study.yaml").write_text(own.replace("name: study", "name: mine"))
    assert ttirace("report", study, *UNDRAWN).code == 0
    about = json.loads((study / "manifest.json").read_text())
    (study / "manifest.json").write_text(json.dumps({**about, "study": "study"}))
    assert ttirace("report", study).error.startswith(
        f"{study / 'study.yaml'}: is the study 'mine', but manifest.json beside it is of 'study';"
    )


def test_a_table_beside_the_points_of_another_study(ttirace: Ttirace, study: Path) -> None:
    points = study / "points"
    points.mkdir()
    for i in range(8):
        (points / f"{i:064x}.json").touch()
    assert ttirace("report", study, *UNDRAWN).code == 0
    (points / f"{5:064x}.json").unlink()
    assert ttirace("report", study).error.startswith(
        f"{study / 'table.parquet'}: row 6: its point is none of those in {points}: the table is "
        "of another study;"
    )


def test_a_study_that_solves_is_reported_with_values_between_its_ends(
    ttirace: Ttirace, tmp_path: Path
) -> None:
    solve = {"axis": "slot", "find": "smallest", "from": "200 us", "to": "1 ms"}
    study = make_study(tmp_path / "s", AXES, ["wmmse"], target="miss_ratio <= 1", solve=solve)
    text = yaml.safe_load((study / "study.yaml").read_text())
    del text["axes"]["slot_ns"]
    (study / "study.yaml").write_text(yaml.safe_dump(text))
    assert ttirace("report", study, *UNDRAWN).code == 0
    text["solve"]["from"] = "300 us"
    (study / "study.yaml").write_text(yaml.safe_dump(text))
    assert "slot_ns: has no value 250000" in ttirace("report", study).error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (every("allocator", None), "row 1: allocator: null; want text"),
        (every("answer", math.nan), "row 1: answer: nan; want a finite number"),
        (every("allocator", "fp"), "row 1: allocator: 'fp' is not in table.parquet beside it; "),
        (lambda rows: rows + rows, "row 2: stands twice"),
    ],
)
def test_answers_that_somebody_changed(
    ttirace: Ttirace,
    tmp_path: Path,
    change: Callable[[list[dict[str, Any]]], object],
    said: str,
) -> None:
    answers = [
        {"allocator": "wmmse", "axis": "slot_ns", "find": "smallest", "status": "met"}
        | dict.fromkeys(("answer", "next", "nearest"), 250_000.0)
    ]
    more = {"answers": answers, "target": "miss_ratio <= 1"}
    study = make_study(tmp_path / "s", {"slot_ns": [250_000, 1_000_000]}, ["wmmse"], **more)
    path = study / "targets.parquet"
    spoilt(path, change)
    assert ttirace("report", study).error.startswith(f"{path}: {said}")
