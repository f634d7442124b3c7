"""Timelines: which jobs they hold, where they show them, and what is said of each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, CustomJS, HoverTool
from bokeh.models.glyphs import HBar, Scatter, Segment
from hypothesis import given
from hypothesis import strategies as st
from toys import log_of

import sim.deadline.html.timeline
from sim.deadline.html.timeline import MOST_JOBS, TIMELINE_COLUMNS, _chosen, timeline
from sim.deadline.job import Job, Outcome, Source
from sim.deadline.log import JobMemory


def held(figure: Any) -> ColumnDataSource:
    sources = figure.select({"type": ColumnDataSource})
    return next(
        source for source in sources if "last_ms" in source.data and len(source.data["row"])
    )


@pytest.mark.parametrize(
    ("early", "first", "about"),
    # what later misses leave is for the first jobs, and for misses that come soon after them
    [(50, 89, ()), (95, 82, range(92, 99))],
)
def test_of_a_long_log_the_first_jobs_and_those_about_misses_are_held(
    monkeypatch: pytest.MonkeyPatch, early: int, first: int, about: Sequence[int]
) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 100)
    outcomes = [Outcome.MET] * 3000
    for missed in (early, 2000, 2999):
        outcomes[missed] = Outcome.LATE
    figure = timeline({"solver": log_of(*outcomes).parts(TIMELINE_COLUMNS)})
    assert held(figure).data["index"].tolist() == [
        *range(first), *about, *range(1997, 2004), *range(2996, 3000),
    ]  # fmt: skip
    assert script(figure, "start").args["whole_ms"] == pytest.approx((first - 1) / 1e3)


def test_a_miss_in_a_part_of_few_jobs_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 100)
    outcomes = [Outcome.MET] * 3073 + [Outcome.LATE]  # parts of 1,024, 2,048 and 2
    parts = [*log_of(*outcomes).parts(TIMELINE_COLUMNS)]
    assert len(parts[-1]) == 2
    # and so are the jobs about it in the part before
    assert held(timeline({"solver": parts})).data["index"].tolist() == [
        *range(96), *range(3070, 3074),
    ]  # fmt: skip


def test_of_too_many_misses_the_first_are_held_and_the_others_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 100)
    figure = timeline({"solver": log_of(*[Outcome.LATE] * 3000).parts(TIMELINE_COLUMNS)})
    assert held(figure).data["index"].tolist() == [*range(100)]
    for tag in ("start", "next miss", "previous miss"):
        assert script(figure, tag).args["more_ms"] == pytest.approx(100.5e-3)  # job 100 is due


def test_where_every_miss_is_held_no_more_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 100)
    outcomes = [Outcome.MET] * 3000
    outcomes[1000:1044] = [Outcome.LATE] * 44  # with three before and after, half of the room
    figure = timeline({"solver": log_of(*outcomes).parts(TIMELINE_COLUMNS)})
    assert held(figure).data["index"].tolist() == [*range(50), *range(997, 1047)]
    assert script(figure, "start").args["more_ms"] == np.inf
    outcomes[2999] = Outcome.LATE
    figure = timeline({"solver": log_of(*outcomes).parts(TIMELINE_COLUMNS)})
    assert script(figure, "next miss").args["more_ms"] == pytest.approx(2999.5e-3)


@given(
    lates=st.sets(st.integers(0, 79), max_size=80),
    cuts=st.sets(st.integers(0, 80), max_size=10),
    most=st.integers(2, 100),
)
def test_whatever_the_parts_no_miss_is_left_out_unsaid(
    lates: set[int], cuts: set[int], most: int
) -> None:
    outcomes = [Outcome.LATE if i in lates else Outcome.MET for i in range(80)]
    (whole,) = log_of(*outcomes).parts(TIMELINE_COLUMNS)
    ends = sorted({0, *cuts, 80})
    parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    table, first, left_ns = _chosen(iter(parts), most)
    found = table["index"].to_pylist()
    assert len(found) <= most
    assert found == sorted(set(found))
    if most >= 80:
        assert (found, first, left_ns) == ([*range(80)], None, None)
        return
    assert first is not None
    assert first >= most - most // 2
    assert found[:first] == [*range(first)]
    about = [i for i in range(80) if any(abs(i - late) <= 3 for late in lates)]
    assert found[first:] == [i for i in about if i >= first][: most - first]
    left = [i for i in sorted(lates) if i not in found]
    assert left_ns == (1000 * left[0] + 500 if left else None)
    assert len(found) == most  # what misses leave of the room is for the first jobs


def test_a_log_that_fits_is_held_whole() -> None:
    figure = timeline({"solver": log_of(*[Outcome.MET] * 70).parts(TIMELINE_COLUMNS)})
    assert held(figure).data["index"].tolist() == [*range(70)]
    show = next(each for each in figure.select({"type": CustomJS}) if "start" in each.tags)
    assert show.args["whole_ms"] == np.inf
    # no miss, no buttons to go there
    assert not [each for each in figure.select({"type": CustomJS}) if "button" in each.tags]


def script(figure: Any, tag: str) -> CustomJS:
    return next(each for each in figure.select({"type": CustomJS}) if tag in each.tags)


def records(controllers: int = 1) -> JobMemory:
    """Return a log of one job of each outcome and of one more that met, times in ms."""
    ms = 1_000_000
    with JobMemory("solver") as log:
        for index, outcome in enumerate([*Outcome, Outcome.MET]):
            started = outcome is not Outcome.SKIPPED
            log.append(
                Job(
                    index, 10 * index * ms, (10 * index + 1) * ms if started else None,
                    (10 * index + 7) * ms if started else None, (10 * index + 5) * ms, outcome,
                    Source.OWN if outcome is Outcome.MET else Source.HELD,
                    6_500_000 if started else None, controller=index % controllers,
                )
            )  # fmt: skip
    return log


def test_a_timeline_holds_what_the_log_says() -> None:
    figure = timeline({"solver": records().parts(TIMELINE_COLUMNS)})
    data, names = held(figure).data, script(figure, "start").args["names"]
    assert data["index"].tolist() == [*range(6)]
    assert data["release_ms"].tolist() == [0, 10, 20, 30, 40, 50]
    np.testing.assert_array_equal(data["start_ms"], [1, 11, 21, np.nan, 41, 51])
    np.testing.assert_array_equal(data["finish_ms"], [7, 17, 27, np.nan, 47, 57])
    assert data["deadline_ms"].tolist() == [5, 15, 25, 35, 45, 55]
    # what is in view is asked of the later of both; what never ran is over at its deadline
    assert data["last_ms"].tolist() == [7, 17, 27, 35, 47, 57]
    np.testing.assert_array_equal(data["service_us"], [6500, 6500, 6500, np.nan, 6500, 6500])
    assert [names["outcome"][n] for n in data["outcome"]] == [*Outcome, "met"]
    assert [names["source"][n] for n in data["source"]] == ["own", *4 * ["held"], "own"]
    assert {names["row"][n] for n in data["row"]} == {"solver"}
    assert all(data[key].dtype == np.int32 for key in ("row", "outcome", "source"))


def test_each_solver_and_controller_has_a_row() -> None:
    logs = {"one": records(), "two": records(2)}
    figure = timeline(
        {name: log.parts(TIMELINE_COLUMNS) for name, log in logs.items()}, ["left", "right"]
    )
    data, names = held(figure).data, script(figure, "start").args["names"]
    rows = ["one", "two / left", "two / right"]
    assert names["row"] == rows
    assert list(figure.y_range.factors) == rows[::-1]  # the first is above
    assert [names["row"][n] for n in data["row"]] == [
        *6 * ["one"],
        *3 * ["two / left", "two / right"],
    ]
    unnamed = timeline({"two": logs["two"].parts(TIMELINE_COLUMNS)}, ["left"])
    assert script(unnamed, "start").args["names"]["row"] == ["two / left", "two / 1"]


def test_solvers_share_what_a_timeline_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 101)
    logs = {"long": log_of(*[Outcome.MET] * 90), "short": log_of(*[Outcome.MET] * 50)}
    figure = timeline({name: log.parts(TIMELINE_COLUMNS) for name, log in logs.items()})
    assert held(figure).data["row"].tolist() == 50 * [0] + 50 * [1]
    # 50 jobs are all of the short one: from job 49 of the long one on there are gaps
    assert script(figure, "start").args["whole_ms"] == pytest.approx(49e-3)


def test_gaps_begin_where_the_first_log_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.deadline.html.timeline, "MOST_JOBS", 20)
    met, late = log_of(*[Outcome.MET] * 90), log_of(*[Outcome.LATE] * 90)
    for logs in ({"met": met, "late": late}, {"late": late, "met": met}):
        figure = timeline({name: log.parts(TIMELINE_COLUMNS) for name, log in logs.items()})
        assert script(figure, "start").args["whole_ms"] == pytest.approx(4e-3)


def test_the_first_slots_are_in_view() -> None:
    figure = timeline({"solver": log_of(*[Outcome.MET] * 70).parts(TIMELINE_COLUMNS)})
    assert figure.x_range.start == 0.0
    assert figure.x_range.end == pytest.approx(1.02 * 11.5e-3)  # job 11 is due
    assert figure.x_range.bounds == (0.0, None)
    few = timeline({"solver": log_of(Outcome.MET).parts(TIMELINE_COLUMNS)})
    assert few.x_range.end == pytest.approx(1.02 * 0.5e-3)
    two = {name: log_of(*[Outcome.MET] * 70).parts(TIMELINE_COLUMNS) for name in "ab"}
    assert timeline(two).x_range.end == pytest.approx(1.02 * 11.5e-3)


def test_rows_become_lower_as_there_are_more() -> None:
    def height(rows: int) -> int:
        names = [str(number) for number in range(rows)]
        return int(timeline({name: log_of(Outcome.MET).parts() for name in names}).height)

    assert height(2) - height(1) == 36
    assert height(40) - 150 == 40 * (1400 // 40)
    assert height(200) - 150 == 200 * 14


def test_each_outcome_has_its_look() -> None:
    figure = timeline({"solver": records().parts(TIMELINE_COLUMNS)})
    by_label: dict[str, list[Any]] = {}
    for item in figure.legend[0].items:
        by_label[item.label.value] = [each.glyph for each in item.renderers]
    assert list(by_label) == ["waits", *sorted(Outcome), "deadline"]
    for outcome in Outcome:
        assert any(isinstance(glyph, Scatter) for glyph in by_label[outcome])
        crosses = outcome is Outcome.SKIPPED  # it has no beginning and no end
        assert any(isinstance(glyph, HBar) for glyph in by_label[outcome]) is not crosses
        assert {glyph.marker for glyph in by_label[outcome] if isinstance(glyph, Scatter)} == {
            "x" if crosses else "square"
        }
    assert isinstance(by_label["waits"][0], Segment)
    colours = {
        str(glyph.line_color)
        for outcome in Outcome
        for glyph in by_label[outcome]
        if isinstance(glyph, Scatter)
    }
    assert len(colours) == len(Outcome)


def test_what_is_drawn_is_asked_of_columns_that_there_are() -> None:
    figure = timeline({"solver": records().parts(TIMELINE_COLUMNS)})
    show = script(figure, "start")
    assert [len(source.data["row"]) for source in show.args["sources"]] == [0] * len(Outcome)
    assert show.args["jobs"] is held(figure)
    assert show.args["range"] is figure.x_range
    assert show.args["title"] is figure.title
    assert show.args["due"] not in show.args["sources"]
    for renderer in figure.renderers:
        drawn = {
            value
            for name in ("x", "y", "x0", "y0", "x1", "y1", "left", "right")
            if isinstance(value := getattr(renderer.glyph, name, None), str)
        }
        assert drawn <= set(renderer.data_source.data), renderer.glyph
    shown = [each for each in figure.renderers if each.data_source in show.args["sources"]]
    hover = figure.select_one({"type": HoverTool})
    assert hover.renderers == shown
    columns = set(show.args["jobs"].data)
    asked = {word for _, text in hover.tooltips for word in re.findall(r"@(\w+)", text)}
    assert asked == {
        "index", "row", "release_ms", "start_ms", "finish_ms", "deadline_ms", "service_us",
        "outcome", "source",
    }  # fmt: skip
    assert asked <= columns
    for change in ("change:start", "change:end"):
        assert figure.x_range.js_property_callbacks[change] == [show]


def test_buttons_go_to_misses() -> None:
    figure = timeline({"solver": records().parts(TIMELINE_COLUMNS)})
    captions = [each.tags for each in figure.tags]
    assert captions == [["button", "previous miss"], ["button", "next miss"]]
    assert [each.args["ahead"] for each in figure.tags] == [False, True]
    for each in figure.tags:
        assert each.args["jobs"] is held(figure)
        assert each.args["range"] is figure.x_range
        assert each.args["names"]["outcome"] == sorted(Outcome)
    assert timeline({"solver": log_of(Outcome.LATE).parts(TIMELINE_COLUMNS)}).tags


def test_columns_that_a_timeline_reads_are_all_that_it_needs() -> None:
    whole = held(timeline({"solver": records().parts()})).data
    read = held(timeline({"solver": records().parts(TIMELINE_COLUMNS)})).data
    assert list(whole) == list(read)
    assert MOST_JOBS == 100_000


def test_rows_that_mostly_miss_are_passed_over_where_others_miss_too() -> None:
    logs = {
        "never": log_of(*[Outcome.MET] * 4),
        "half": log_of(*[Outcome.MET, Outcome.LATE] * 2),
        "mostly": log_of(Outcome.MET, *[Outcome.SKIPPED] * 3),
    }

    def passed(*names: str) -> tuple[list[int], str]:
        (seek, _) = timeline({name: logs[name].parts() for name in names}).tags
        return seek.args["passed"], seek.args["but"]

    assert passed(*logs) == ([2], "; passed over, as most of it is missed: mostly")
    logs["too"] = log_of(Outcome.LATE)
    assert passed(*logs) == ([2, 3], "; passed over, as most of it is missed: mostly, too")
    assert passed("never", "half") == ([], "")
    assert passed("mostly", "never") == ([], "")  # there would be nothing to go to


def test_what_is_drawn_where() -> None:
    figure = timeline({"solver": records().parts(TIMELINE_COLUMNS)})
    assert figure.xaxis.axis_label == "time (ms)"
    segment = next(each.glyph for each in figure.renderers if isinstance(each.glyph, Segment))
    ends = (segment.x0, segment.y0, segment.x1, segment.y1)
    assert ends == ("release_ms", "row", "start_ms", "row")
    bars = [each.glyph for each in figure.renderers if isinstance(each.glyph, HBar)]
    assert {(bar.y, bar.left, bar.right, bar.height) for bar in bars} == {
        ("row", "start_ms", "finish_ms", 0.55)
    }
    assert all(bar.fill_color == bar.line_color for bar in bars)
    marks = {
        (mark.x, mark.y, mark.marker)
        for each in figure.renderers
        if isinstance(mark := each.glyph, Scatter) and mark.x != "x"
    }
    assert marks == {("release_ms", "row", "x"), ("deadline_ms", "row", "dash")}
    hover = figure.select_one({"type": HoverTool})
    assert [name for name, _ in hover.tooltips] == [
        "job", "release", "start", "finish", "deadline", "service", "outcome",
    ]  # fmt: skip
    assert [asked for _, asked in hover.tooltips][1:6] == [
        *(f"@{name}_ms{{0.0000}} ms" for name in ("release", "start", "finish", "deadline")),
        "@service_us{0,0.0} us",
    ]
    # what it says the page shows above
    assert (figure.title.tags, figure.title.visible) == (["said"], False)
    assert script(figure, "start").args["most"] == 3000
    dash = next(each for each in figure.renderers if "front" in each.glyph.tags)
    assert dash.glyph.x == "deadline_ms"
