"""The contract that every kind of figure keeps, over tables of every shape."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from made_tables import ALLOCATORS, Row, make_study

from sim.deadline.plots import save
from sim.report.document import conclusions, csv_text
from sim.report.exhibit import KINDS, Exhibit, NothingToShowError, kind, make_exhibits
from sim.report.matrix import wrapped
from sim.report.page import study_page
from sim.report.results import StudyResults, read_results
from sim.report.wording import plain

NAMES = list(ALLOCATORS)
SLOTS = [142_857, 250_000, 500_000, 1_000_000]


def no_model(row: Row) -> None:
    if row["allocator"] == "dnn" and row["links"] != 10:
        row.update(status="refused", reason=f"dnn: no model for {row['links']} links")
    if row["budget_us"] <= 50:
        row.update(status="refused", reason="budget: leaves too little", budget_us=None)


def everything_refused(row: Row) -> None:
    row.update(status="refused", reason="budget: leaves -10 us to compute", budget_us=None)


def nobody_served(row: Row) -> None:
    row["figures"] = {"genie": None, "ageing": None, "miss_loss": None, "p99": None}


def labelled(row: Row) -> None:
    row["slot_us"] = {"mu0": 1000.0, "mu1": 500.0}[row["kind of slot"]]
    row["budget_us"] = row["slot_us"] - 100.0


SHAPES: dict[str, Callable[[Path], Path]] = {
    "plain": lambda at: make_study(
        at, {"slot_ns": SLOTS, "channel.links": [5, 10, 50]}, NAMES[:4], 3, change=no_model
    ),
    "one_cell": lambda at: make_study(at, {}, NAMES[:2]),
    "one_allocator": lambda at: make_study(at, {"channel.links": [10, 20]}, ["wmmse"], 2),
    "ten_by_one": lambda at: make_study(at, {"compute.speed": [0.05, 0.3, 1.0]}, NAMES, 2),
    "pool": lambda at: make_study(
        at,
        {"controllers": [1, 8], "compute.servers": [1, 4], "compute.discipline": ["edf", "fifo"]},
        NAMES[1:3],
    ),
    "all_refused": lambda at: make_study(
        at, {"slot_ns": SLOTS[:2]}, NAMES[:2], change=everything_refused
    ),
    "nobody_served": lambda at: make_study(
        at, {"slot_ns": SLOTS[:2]}, NAMES[:2], change=nobody_served
    ),
    "labels": lambda at: make_study(
        at, {"kind of slot": ["mu0", "mu1"]}, NAMES[:3], 2, change=labelled
    ),
}


@pytest.fixture(scope="module", params=SHAPES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    return read_results(SHAPES[request.param](tmp_path_factory.mktemp(request.param) / "study"))


def exhibits_of(results: StudyResults, name: str) -> list[Exhibit]:
    try:
        return kind(name).exhibits(results, {"where": "test"})
    except NothingToShowError:
        return []


@pytest.mark.parametrize("name", KINDS)
def test_figures_come_with_numbers_and_sentences(results: StudyResults, name: str) -> None:
    for exhibit in exhibits_of(results, name):
        assert exhibit.sentences or exhibit.name == "loss"
        assert exhibit.rows
        assert len(set(exhibit.columns)) == len(exhibit.columns)
        assert {len(row) for row in exhibit.rows} == {len(exhibit.columns)}
        for sentence in (*exhibit.sentences, exhibit.caption):
            check_sentence(sentence)
        assert "nan" not in csv_text(exhibit.columns, exhibit.rows)


def check_sentence(sentence: str) -> None:
    assert sentence.endswith("."), sentence
    assert not re.search(r"\b(None|nan|inf)\b|  |\.\.$| ,|\( |\b1 (points|jobs|links|slices)\b",
                         sentence), sentence  # fmt: skip
    assert sentence[0] == "`" or sentence[0].isupper() or sentence[0].isdigit(), sentence


@pytest.mark.parametrize("name", KINDS)
def test_figures_fit_a_page(results: StudyResults, name: str) -> None:
    for exhibit in exhibits_of(results, name):
        width, height = exhibit.figure.get_size_inches()
        assert 4 < width <= 9.6
        assert 1.5 < height <= 16


def test_default_figures_say_what_is_not_there(results: StudyResults) -> None:
    found, missing = make_exhibits(results, None)
    names = {exhibit.name.split("_")[0] for exhibit in found}
    assert names | {why.partition(":")[0] for why in missing} == set(KINDS)


def test_pages_hold_all_that_there_is(results: StudyResults) -> None:
    exhibits, missing = make_exhibits(results, None)
    answers = conclusions(exhibits)
    page = study_page(results, exhibits, answers, missing)
    verdict = [page.verdict, *page.more]
    said = [plain(line) for line in answers] or ["No point of the study could be had."]
    assert set(verdict) <= set(said)
    fits = [exhibit for exhibit in exhibits if exhibit.name.startswith("fits")]
    if fits:  # all that fits is said in one place
        assert set(map(plain, fits[0].sentences)) & set(said) <= set(verdict)
    sections = {section.title: section for section in page.sections}
    assert {exhibit.title for exhibit in exhibits} <= set(sections)
    drawn_as = {exhibit.title for exhibit in exhibits}
    shown = [section for section in page.sections if section.title in drawn_as]
    # Pictures are white in the dark and too small on a phone: every figure is of Bokeh.
    assert all(section.figures and not section.pictures for section in shown)
    hovers = [tool for section in shown for figure in section.figures for tool in figure.tools]
    # With their buttons a toolbar is too long, and ends in a stray colon.
    assert not any(tool.visible for tool in hovers if "Hover" in type(tool).__name__)
    points = sections["Every point"].table
    assert points is not None
    assert len(points.rows) == len(results.cells)
    place = points.headings.index("target")
    assert points.values is not None
    for cell, row, values in zip(results.cells, points.rows, points.values, strict=True):
        assert row[place] == results.target.verdict(cell)
        told = zip(row[len(results.axes) :], values[len(results.axes) :], strict=True)
        # What is no number has none to be sorted by.
        assert all(value is None for text, value in told if text in ("-", "refused"))
    drawn = sum(
        len(renderer.data_source.data.get("missed", ()))
        for figure in sections["Where the target is met"].figures
        for renderer in figure.renderers
        if "jobs" in renderer.data_source.data and "Rect" in type(renderer.glyph).__name__
    )
    assert 0 < drawn <= len(results.cells)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    study = SHAPES["labels"](tmp_path / "study")
    contents = []
    for number in range(2):
        found, _ = make_exhibits(read_results(study), None)
        for exhibit in found:
            save(exhibit.figure, tmp_path / str(number) / f"{exhibit.name}.svg")
        contents.append({p.name: p.read_bytes() for p in (tmp_path / str(number)).iterdir()})
    assert contents[0] == contents[1]
    assert not any(b"<dc:date>" in content for content in contents[0].values())


@pytest.mark.parametrize("name", ["rate", "pareto"])
def test_the_legend_of_a_page_shows_no_verdict(tmp_path: Path, name: str) -> None:
    """A legend shows an allocator's first mark, also of one that was refused everywhere."""

    def change(row: Row) -> None:
        if row["allocator"] == NAMES[1]:
            row.update(status="refused", reason="no model")

    axes = {"slot_ns": SLOTS}
    results = read_results(make_study(tmp_path / "s", axes, NAMES[:2], change=change))
    (exhibit,) = exhibits_of(results, name)
    assert exhibit.interactive is not None
    (figure,) = exhibit.interactive().figures
    sources = [r.data_source.data for r in figure.renderers if "filled" in r.data_source.data]
    assert [data["filled"][0] for data in sources] == [0.5, 0.5]
    assert all(math.isnan(data["x"][0]) for data in sources)
    assert [item.label.value for item in figure.legend[0].items] == NAMES[:2]


def test_refusals_of_a_page_are_one_list(tmp_path: Path) -> None:
    axes = {"slot_ns": SLOTS}
    study = make_study(tmp_path / "s", axes, NAMES[:2], change=everything_refused)
    results = read_results(study)
    exhibits, missing = make_exhibits(results, None)
    page = study_page(results, exhibits, conclusions(exhibits), missing)
    (section,) = [section for section in page.sections if section.title == "Refused"]
    assert section.text.splitlines()[0].startswith("8 of 8 points were refused")
    assert section.text.splitlines()[1].startswith("- 8 of `")
    fits = next(exhibit for exhibit in exhibits if exhibit.name.startswith("fits"))
    assert "refused |" in fits.markdown
    assert "refused (" not in fits.markdown


def test_the_heatmap_of_a_page_tells_its_colours(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", {"slot_ns": SLOTS, "channel.links": [5, 10]}, ["a"])
    (exhibit,) = exhibits_of(read_results(study), "heatmap")
    assert exhibit.interactive is not None
    scale, *_ = exhibit.interactive().figures
    told = scale.renderers[0].data_source.data["told"]
    assert (told[0], told[-2:]) == ("0", ["100%", "refused"])
    assert "0.1%" in told


def test_long_titles_are_wrapped_not_cut() -> None:
    assert wrapped("speed 0.2, mu0 4 sym and 50 links", 18) == "speed 0.2, mu0 4\nsym and 50 links"
    assert wrapped("wmmse\n5 links", 18) == "wmmse\n5 links"
    assert wrapped("a b c d e f", 3, most=2) == "a b\n..."
