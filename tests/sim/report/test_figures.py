"""What the figures show, read back from their axes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import Row, make_study, rows, write_study
from matplotlib.axes import Axes

from sim.deadline import InputError
from sim.report import best, fits, heatmap, loss, pareto, rate
from sim.report.exhibit import Exhibit, Kind, NothingToShowError
from sim.report.front import front
from sim.report.matrix import frame, panels
from sim.report.results import StudyResults, read_results

SLOTS = [250_000, 500_000, 1_000_000]
MISSES = {
    # links: misses of 10,000 at slots of 250, 500 and 1000 us; None is refused
    5: (8, 0, 0),
    10: (4000, 40, 0),
    20: (10_000, 9000, None),
}


def missing(row: Row) -> None:
    missed = MISSES[row["links"]][SLOTS.index(row["slot_ns"])]
    if missed is None:
        row.update(status="refused", reason="too many links")
    row["figures"] = {"missed": missed or 0, "p99": 100.0 if row["allocator"] == "a" else 50.0}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    axes = {"slot_ns": SLOTS, "channel.links": [5, 10, 20]}
    return make_study(tmp_path / "study", axes, ["a", "b"], change=missing)


WHERE = {"where": "test"}


def drawn(exhibits: list[Exhibit]) -> list[Axes]:
    (exhibit,) = exhibits
    return [
        axes for axes in exhibit.figure.axes if axes.axison and axes.get_label() != "<colorbar>"
    ]


def texts(axes: Axes) -> set[tuple[float, float, str]]:
    return {(*text.get_position(), text.get_text()) for text in axes.texts}


def test_the_heatmap_marks_what_is_zero_uncertain_and_refused(study: Path) -> None:
    panels = drawn(heatmap.exhibits(read_results(study), WHERE))
    assert [axes.get_title() for axes in panels] == ["a", "b"]
    axes = panels[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["250", "500", "1000"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["5", "10", "20"]
    assert texts(axes) == {
        (0.5, 0.5, "~8e-4"), (1.5, 0.5, "0"), (2.5, 0.5, "0"),
        (0.5, 1.5, "40%"), (1.5, 1.5, "0.4%"), (2.5, 1.5, "0"),
        (0.5, 2.5, "100%"), (1.5, 2.5, "90%"),
    }  # fmt: skip
    mesh, hatched, edge = axes.collections
    image = np.ma.getdata(mesh.get_array()).reshape(3, 3)
    # zero lies on the floor, a power of ten below all that was seen and a tenth of the target
    assert image[0].tolist() == [pytest.approx(math.log10(8e-4)), -4, -4]
    assert np.isnan(image[2, 2]) or np.ma.getmaskarray(mesh.get_array()).reshape(3, 3)[2, 2]
    assert [path.get_extents().bounds for path in hatched.get_paths()] == [(2, 2, 1, 1)]
    lines = {tuple(map(tuple, line)) for line in edge.get_segments()}  # type: ignore[attr-defined]
    assert lines == {
        ((0, 1), (1, 1)), ((1, 1), (2, 1)), ((2, 1), (2, 2)), ((2, 2), (3, 2)),
    }  # fmt: skip


def test_any_two_axes_make_a_heatmap(study: Path) -> None:
    results = read_results(study)
    axes = drawn(heatmap.exhibits(results, {**WHERE, "x": "channel.links", "y": "allocator"}))
    assert [t.get_text() for t in axes[0].get_yticklabels()] == ["b", "a"]
    assert [a.get_title() for a in axes] == [f"a slot of {s} us" for s in (250, 500, 1000)]
    swapped = drawn(heatmap.exhibits(results, {**WHERE, "x": "links", "y": "slot_us"}))
    assert swapped[0].get_xlabel() == "links K"
    one = drawn(heatmap.exhibits(results, {**WHERE, "allocator": "b"}))
    assert [axes.get_title() for axes in one] == ["b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"x": "slot_usss"},
            "test: x: 'slot_usss' is no axis of this study; did you mean 'slot_us'?",
        ),
        ({"x": "servers"}, "test: x: 'servers' does not vary in this study; known: slot,"),
        ({"allocator": "c"}, "test: allocator: 'c' is none of this study; known: a, b"),
        ({"allocator": ["a", "aa"]}, "test: allocator: 'aa' is none of this study; did you mean"),
    ],
)
def test_what_is_not_there_is_said(study: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        heatmap.exhibits(read_results(study), {**WHERE, **options})
    assert str(error.value).startswith(message)


def test_rates_are_drawn_over_the_budget_that_the_slot_leaves(study: Path) -> None:
    panels = drawn(rate.exhibits(read_results(study), WHERE))
    assert [axes.get_title() for axes in panels] == ["5 links", "10 links", "20 links"]
    lines = {line.get_label(): line for line in panels[0].lines}
    assert np.asarray(lines["a"].get_xdata()).tolist() == [150, 400, 900]
    assert panels[0].get_xlabel() == "compute budget (us)"
    refused = {line.get_label(): line for line in panels[2].lines}
    assert np.asarray(refused["a"].get_xdata()).tolist() == [150, 400]


def test_the_crossover_is_marked_where_it_is(tmp_path: Path) -> None:
    def crossing(row: Row) -> None:
        steps = [100_000, 300_000, 500_000].index(row["budget.csi_ns"])
        rates = {"a": (10.0, 10.0, 10.0), "b": (12.0, 11.0, 7.0)}[row["allocator"]]
        row["figures"] = {"missed": 0, "genie": rates[steps], "ageing": 0.0, "miss_loss": 0.0}

    axes = {"budget.csi_ns": [100_000, 300_000, 500_000]}
    results = read_results(make_study(tmp_path / "s", axes, ["a", "b"], change=crossing))
    (exhibit,) = rate.exhibits(results, WHERE)
    # budgets 500, 700, 900 us: b is at 7, 11, 12, and a at 10
    assert exhibit.sentences == [
        "Target or not, the most rate in force changes from `a` to `b` at a budget of 650 us "
        "(interpolated between 500 and 700; one replicate gives no interval)."
    ]
    (panel,) = drawn([exhibit])
    (cross,) = [line for line in panel.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xydata()).tolist() == [[pytest.approx(650), pytest.approx(10)]]
    assert [text.get_text() for text in panel.texts] == ["b from 650"]
    over_csi = rate.exhibits(results, {**WHERE, "x": "budget.csi"})[0].sentences
    assert over_csi[0].startswith(
        "Target or not, the most rate in force changes from `b` to `a` at budget.csi 350 us ("
    )


def crossing_study(folder: Path, links: list[int], replicates: int, wobble: float) -> StudyResults:
    """Read a study in which b overtakes a at a budget of 600 us, and a misses half its jobs."""

    def crossing(row: Row) -> None:
        at = [100_000, 300_000, 500_000].index(row["budget.csi_ns"])
        rate = 10.0 if row["allocator"] == "a" else (12.0, 11.0, 8.0)[at]
        rate += wobble * (row["replicate"] - 1) if row["allocator"] == "b" else 0.0
        missed = 5000 if row["allocator"] == "a" else 0
        row["figures"] = {"missed": missed, "genie": rate, "ageing": 0.0, "miss_loss": 0.0}

    axes = {"budget.csi_ns": [100_000, 300_000, 500_000], "channel.links": links}
    return read_results(make_study(folder, axes, ["a", "b"], replicates, change=crossing))


def test_the_same_change_at_several_places_is_one_sentence(tmp_path: Path) -> None:
    results = crossing_study(tmp_path / "s", [5, 10], 1, 0.0)
    assert rate.exhibits(results, WHERE)[0].sentences == [
        "Target or not, the most rate in force changes from `a` to `b`: with 5 links at a budget "
        "of 633.3 us (interpolated between 500 and 700; there `a` misses the target); with 10 "
        "links at a budget of 633.3 us (interpolated between 500 and 700; there `a` misses the "
        "target); one replicate gives no interval."
    ]
    two = crossing_study(tmp_path / "two", [5], 2, 0.1)
    assert (
        rate.exhibits(two, WHERE)[0]
        .sentences[0]
        .endswith("; 2 replicates are too few for an interval).")
    )


def test_a_crossover_that_chance_may_have_made_says_so_first(tmp_path: Path) -> None:
    results = crossing_study(tmp_path / "s", [5], 3, -4.0)
    (exhibit,) = rate.exhibits(results, WHERE)
    assert exhibit.sentences[0].startswith(
        "Over these replicates the rates in force of `a` and `b` cannot be told apart: the means "
        "cross"
    )
    (panel,) = drawn([exhibit])
    (cross,) = [line for line in panel.lines if line.get_marker() == "x"]
    assert cross.get_color() == "0.6"
    assert panel.texts[0].get_text().endswith("?")


def solved_study(folder: Path) -> StudyResults:
    """Read a study that solved for links: its ends were tried, and a value between."""
    axes = {"slot_ns": SLOTS, "channel.links": list(range(1, 13))}
    table = [
        row
        for row in rows(axes, ["a", "b"])
        if row["links"] in (1, 12)
        or row["links"] == 2 + 3 * SLOTS.index(row["slot_ns"]) + (row["allocator"] == "b")
    ]
    one = {"axis": "channel.links", "find": "largest", "target": "miss_ratio <= 1e-3"}
    empty = dict.fromkeys(
        ("answer", "metric_at_answer", "next", "metric_at_next", "nearest", "metric_at_nearest")
    )
    answers = [
        {"slot_ns": slot, "allocator": who, **one, **empty, "status": "everywhere", "answer": 12.0}
        for slot in SLOTS
        for who in ("a", "b")
    ]
    return read_results(
        write_study(folder, axes, table, answers=answers, target="miss_ratio <= 1e-3")
    )


@pytest.mark.parametrize("module", [heatmap, best])
def test_no_map_along_an_axis_that_was_solved_for(tmp_path: Path, module: Kind) -> None:
    results = solved_study(tmp_path / "s")
    with pytest.raises(NothingToShowError, match=r"links was solved for, .*: 18 of 48 cells"):
        module.exhibits(results, {"where": ""})
    assert module.exhibits(results, WHERE)  # who asks for it gets it


@pytest.mark.parametrize(
    ("axis", "values", "sought"),
    [
        ("channel.links", [5, 10], "Most links that meet the target"),
        ("compute.servers", [1, 2], "Fewest servers that meet the target"),
        ("compute.speed", [1.0, 2.0], "Lowest processor speed that meets the target"),
    ],
)
def test_what_fits_is_called_by_its_name(
    axis: str, values: list[float], sought: str, tmp_path: Path
) -> None:
    (exhibit,) = fits.exhibits(
        read_results(make_study(tmp_path / "s", {"slot_ns": SLOTS, axis: values}, ["a"])), {}
    )[:1]
    assert exhibit.caption.startswith(sought)


@pytest.mark.parametrize(("slots", "shown"), [(40, 40), (44, 40)])
def test_a_table_of_what_fits_is_shortened_only_if_long(
    slots: int, shown: int, tmp_path: Path
) -> None:
    axes = {"slot_ns": [100_000 * i for i in range(1, slots + 1)], "channel.links": [5, 10]}
    exhibit = fits.exhibits(read_results(make_study(tmp_path / "s", axes, ["a"])), {})[0]
    first, *_ = exhibit.markdown.splitlines()
    assert first.startswith(f"{shown} of {slots} rows are shown") == (shown < slots)
    assert exhibit.markdown.count("\n| ") + (shown == slots) == shown + 2
    assert len(exhibit.rows) == slots  # the CSV has all


def test_losses_are_stacked_to_the_genie_rate(study: Path) -> None:
    panel = drawn(loss.exhibits(read_results(study), {**WHERE, "allocator": "a"}))[-1]
    tops = [bar.get_y() + bar.get_height() for bar in panel.patches]  # type: ignore[attr-defined]
    parts = np.array(tops).reshape(3, -1)
    (exhibit,) = loss.exhibits(read_results(study), {**WHERE, "allocator": "a"})
    table = [dict(zip(exhibit.columns, row, strict=True)) for row in exhibit.rows]
    genie = {r["slot_ns"]: r["genie_bps_hz"] for r in table if r["channel.links"] == 20}
    assert parts[-1] == pytest.approx([genie[250_000], genie[500_000]])
    for row in (row for row in table if not row["refused"]):
        lost = row["ageing_loss_bps_hz"] + row["miss_loss_bps_hz"]  # type: ignore[operator]
        assert row["genie_bps_hz"] - lost == pytest.approx(row["in_force_bps_hz"])


POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    expected = [
        not any((t <= time and r >= rate) and (t, r) != (time, rate) for t, r in points)
        for time, rate in points
    ]
    assert front(points) == expected


def test_the_front_is_drawn_dark(study: Path) -> None:
    results = read_results(study)
    (exhibit,) = pareto.exhibits(results, WHERE)
    panel = drawn([exhibit])[0]
    marks = [line for line in panel.lines if len(np.atleast_1d(line.get_xdata())) == 1]
    dark = {float(np.asarray(m.get_xdata())[0]) for m in marks if m.get_alpha() == 1.0}
    assert dark == {50.0}  # equally good answers, in half the time
    by_miss = pareto.exhibits(results, {**WHERE, "x": "miss_ratio"})[0]
    assert by_miss.title == "Rate against misses"
    with pytest.raises(InputError, match="'mis_ratio' is nothing to set a rate against; did you"):
        pareto.exhibits(results, {**WHERE, "x": "mis_ratio"})


@pytest.mark.parametrize(("missed", "cut"), [(99, False), (101, True)])
def test_a_time_that_is_a_cut_is_on_no_front(tmp_path: Path, missed: int, cut: bool) -> None:
    def change(row: Row) -> None:
        quick = row["slot_ns"] == SLOTS[0]
        row["figures"] = {"jobs": 10_000, "missed": missed if quick else 0}

    results = read_results(make_study(tmp_path / "s", {"slot_ns": SLOTS}, ["a"], change=change))
    cells = sorted(results.cells, key=lambda cell: cell.values["slot_ns"])
    assert cells[0].is_cut("response_p99_us") is cut
    assert cells[0].is_cut("response_max_us")
    assert not cells[0].is_cut("response_p50_us")
    assert not cells[0].is_cut("service_p99_us")  # known beyond the cut
    assert not cells[1].is_cut("response_max_us")
    (exhibit,) = pareto.exhibits(results, WHERE)
    said = [each for each in exhibit.sentences if "were cut" in each]
    assert bool(said) is cut
    if cut:
        assert said[0].startswith("1 point is not drawn: of their jobs so many were cut")
    (by_max,) = pareto.exhibits(results, {**WHERE, "x": "response_max_us"})
    assert any("were cut" in each for each in by_max.sentences)


def test_ticks_of_the_front_are_plain_numbers(tmp_path: Path) -> None:
    def change(row: Row) -> None:
        steps = SLOTS.index(row["slot_ns"])
        row["figures"] = {"p99": 3.0 * 30.0**steps, "genie": 2.267 + 1e-6 * steps, "ageing": 0.0}

    results = read_results(make_study(tmp_path / "s", {"slot_ns": SLOTS}, ["a"], change=change))
    (exhibit,) = pareto.exhibits(results, WHERE)
    (panel,) = drawn([exhibit])
    exhibit.figure.canvas.draw()
    shown = panel.get_xlim()
    ticks = [
        text.get_text()
        for text in panel.get_xticklabels()
        if shown[0] <= text.get_position()[0] <= shown[1]
    ]
    assert ticks == ["3", "10", "30", "100", "300", "1000", "3000"]
    assert {text.get_text() for text in panel.get_xticklabels(minor=True)} <= {""}
    assert panel.yaxis.get_offset_text().get_text() == ""
    low, high = panel.get_ylim()
    assert high - low >= 0.02 * 2.267


def test_turned_tick_labels_lie_beside_each_other() -> None:
    names = [f"a long label, number {i}" for i in range(12)]
    figure, (axes,), cell = panels(1, len(names), 3, ["x"], names)
    frame(axes, names, ["a", "b", "c"], ("", ""), cell)
    figure.canvas.draw()
    labels = axes.get_xticklabels()
    assert {label.get_rotation() for label in labels} == {35.0}
    figure.draw_without_rendering()
    places = [label.get_transform().transform(label.get_position())[0] for label in labels]
    between = np.diff(places) / figure.dpi * math.sin(math.radians(35))
    assert between.min() >= 8 / 72  # a line of 8 points


def test_the_map_of_the_best_counts_only_who_meets_the_target(study: Path) -> None:
    (exhibit,) = best.exhibits(read_results(study), WHERE)
    table = {(row[0], row[1]): row[2] for row in exhibit.rows}
    assert [table[slot, 5] for slot in SLOTS] == ["a", "a", "a"]
    assert [table[slot, 10] for slot in SLOTS] == [None, None, "a"]
    assert [table[slot, 20] for slot in SLOTS] == [None, None, None]
    (sentence,) = exhibit.sentences
    assert sentence.startswith(
        "Of 9 combinations, the best that meets the target is `a` in 4; in 5"
    )
