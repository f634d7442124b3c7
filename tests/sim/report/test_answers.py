"""What fits, in words and figures, for tables made so that the answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_tables import Row, make_study, rows, write_study

from sim.report.capacity import capacities, fit_rows
from sim.report.fit_sentences import answer_sentences
from sim.report.results import StudyResults, read_results
from sim.study.target import read_target

Misses = Mapping[tuple[str, int], int | None]


def study(
    folder: Path, misses: Misses, slots: int = 10_000, axis: str = "channel.links", **more: Any
) -> StudyResults:
    """Read a study of points with so many misses; None is refused, what is not there not run."""

    def change(row: Row) -> None:
        missed = misses.get((row["allocator"], row[axis]), 0)
        if missed is None:
            row.update(status="refused", reason="no model for that")
        else:
            row["figures"] = {"missed": missed, "genie": float(row[axis]), "ageing": 0.0}
            row["figures"]["miss_loss"] = 0.0 if row["allocator"] == "a" else 0.5

    labels = dict.fromkeys(label for label, _ in misses)
    axes = {axis: sorted({at for _, at in misses})}
    table = [
        row
        for row in rows(axes, list(labels), slots=slots, change=change)
        if (row["allocator"], row[axis]) in misses
    ]
    return read_results(write_study(folder / "study", axes, table, **more))


def sentences(results: StudyResults) -> list[str]:
    (capacity,) = capacities(results)
    return answer_sentences(results, capacity, fit_rows(results, capacity, results.allocators))


def fits(results: StudyResults) -> list[tuple[str, str, float | None]]:
    (capacity,) = capacities(results)
    (row,) = fit_rows(results, capacity, results.allocators)
    return [(fit.allocator, fit.status, fit.answer) for fit in row.fits]


def test_the_largest_below_which_all_meet_it(tmp_path: Path) -> None:
    results = study(
        tmp_path,
        {("a", 5): 0, ("a", 10): 10, ("a", 20): 11, ("b", 5): 0, ("b", 10): 50, ("b", 20): 0},
    )
    assert fits(results) == [("a", "met", 10), ("b", "met", 5)]
    assert sentences(results) == [
        "The most that meets the target is 10 links with `a` and 5 links with `b`. Best of those "
        "that meet it: `a` from 5 to 10 links (10.00 bit/s/Hz, in force at 10; miss ratio 0.1% in "
        "0.048% .. 0.18%) and `b` at 20 links (19.50 bit/s/Hz, in force there; no miss in 10,000 "
        "jobs: a miss ratio below 3e-4)."
    ]


def test_everything_meets_it(tmp_path: Path) -> None:
    results = study(tmp_path, {("a", 5): 0, ("a", 10): 0})
    assert fits(results) == [("a", "everywhere", 10)]
    assert sentences(results) == [
        "The most that meets the target is 10 links (the most tried) with `a`. Best of those "
        "that meet it: `a` from 5 to 10 links (10.00 bit/s/Hz, in force at 10; no miss in "
        "10,000 jobs: a miss ratio below 3e-4)."
    ]


def test_nothing_meets_it(tmp_path: Path) -> None:
    results = study(tmp_path, {("a", 5): 40, ("a", 10): 500, ("b", 5): 30, ("b", 10): 9999})
    assert fits(results) == [("a", "unmet", None), ("b", "unmet", None)]
    assert sentences(results) == [
        "Nothing tried meets the target with any allocator; nearest is `b` with a miss ratio of "
        "0.3% at 5 links."
    ]
    (only,) = sentences(study(tmp_path / "only", {("a", 1): 40, ("a", 2): 50}))
    assert only.startswith(
        "Nothing tried meets the target with `a`; nearest is `a` with a miss ratio of 0.4% at 1 "
        "link."
    )


def test_refused_points(tmp_path: Path) -> None:
    misses: dict[tuple[str, int], int | None] = {("a", 5): None, ("a", 10): 0, ("a", 20): None}
    results = study(tmp_path, misses)
    assert fits(results) == [("a", "met", 10)]
    all_refused = study(tmp_path / "all", {("a", 5): None, ("a", 10): None})
    assert sentences(all_refused) == ["Every point is refused: no model for that."]
    one = study(tmp_path / "one", {("a", 5): 0, ("a", 9): 0, ("b", 5): None, ("b", 9): None})
    assert "; all is refused with `b`. Best of those" in sentences(one)[0]


def test_a_gap_is_told(tmp_path: Path) -> None:
    results = study(tmp_path, {("a", 5): 100, ("a", 10): 0, ("a", 20): 100})
    assert fits(results) == [("a", "gap", None)]
    assert sentences(results)[0].startswith(
        "No value meets the target together with all that ask less; with `a` it is met at 10 "
        "links, but not at all that asks less. Best of those that meet it: `a` at 10 links (10.00"
    )


def test_what_is_not_run_yet_is_not_taken_for_a_miss(tmp_path: Path) -> None:
    results = study(tmp_path, {("a", 5): 0, ("b", 5): 0, ("b", 10): 100, ("b", 20): 100})
    assert fits(results) == [("a", "unknown", 5), ("b", "met", 5)]
    assert "5 links (so far; the next is not run yet) with `a`" in sentences(results)[0]


def test_the_fewest_servers(tmp_path: Path) -> None:
    results = study(
        tmp_path,
        {("a", 1): 100, ("a", 2): 0, ("a", 4): 0, ("b", 1): 0, ("b", 2): 0, ("b", 4): 0},
        axis="compute.servers",
    )
    assert fits(results) == [("a", "met", 2), ("b", "everywhere", 1)]
    assert sentences(results)[0].startswith(
        "The least that meets the target is 1 server (the least tried) with `b` and 2 servers with "
        "`a`. Best of those that meet it: `a` from 2 to 4 servers (2.00 bit/s/Hz, in force at 2;"
    )
    assert "and `b` at 1 server (0.50 bit/s/Hz, in force there;" in sentences(results)[0]


def test_level_allocators_share_the_honour(tmp_path: Path) -> None:
    def same(row: Row) -> None:
        row["figures"] = {"missed": 0, "genie": 7.0, "ageing": 0.0, "miss_loss": 0.0}

    axes = {"channel.links": [5, 10]}
    results = read_results(make_study(tmp_path / "s", axes, ["a", "b"], change=same))
    assert sentences(results)[0].endswith("; level with it: `b`).")


ANSWER = {"axis": "channel.links", "find": "largest", "target": "miss_ratio <= 1e-3"}
EMPTY = dict.fromkeys(
    ("answer", "metric_at_answer", "next", "metric_at_next", "nearest", "metric_at_nearest")
)


def test_answers_of_the_study_go_before_the_grid(tmp_path: Path) -> None:
    answers = [
        {"allocator": "a", **ANSWER, **EMPTY, "status": "met", "answer": 10.0, "next": 11.0},
        {"allocator": "b", **ANSWER, **EMPTY, "status": "unmet", "nearest": 5.0},
    ]
    results = study(
        tmp_path,
        {("a", 5): 0, ("a", 10): 1, ("a", 11): 90, ("b", 5): 70, ("b", 11): 80},
        answers=answers,
        target="miss_ratio <= 1e-3",
    )
    assert fits(results) == [("a", "met", 10), ("b", "unmet", None)]
    assert sentences(results) == [
        "The most that meets the target is 10 links with `a`; nothing tried meets it with `b`. "
        "Best of those that meet it: `a` from 5 to 10 links (10.00 bit/s/Hz, in force at 10; miss "
        "ratio 1e-4 in 2.5e-6 .. 5.6e-4)."
    ]


def test_who_was_not_tried_may_still_be_best(tmp_path: Path) -> None:
    """The search tried a alone at 10, and b may fit there: nobody is best there that we know."""
    answers = [
        {"allocator": "a", **ANSWER, **EMPTY, "status": "met", "answer": 10.0, "next": 11.0},
        {"allocator": "b", **ANSWER, **EMPTY, "status": "met", "answer": 20.0},
    ]
    results = study(
        tmp_path,
        {("a", 5): 0, ("a", 10): 1, ("a", 11): 90, ("b", 5): 0, ("b", 20): 1},
        answers=answers,
        target="miss_ratio <= 1e-3",
    )
    assert sentences(results)[0].endswith(
        "Best of those that meet it: `a` at 5 links (5.00 bit/s/Hz, in force there; no miss in "
        "10,000 jobs: a miss ratio below 3e-4) and `b` at 20 links (19.50 bit/s/Hz, in force "
        "there; miss ratio 1e-4 in 2.5e-6 .. 5.6e-4)."
    )


def test_all_places_where_nothing_meets_it_are_one_sentence(tmp_path: Path) -> None:
    def change(row: Row) -> None:
        lost = row["compute.speed"] < 1 or row["slot_ns"] < 500_000
        row["figures"] = {"missed": 0 if not lost else 20 + row["links"]}

    slots = [62_500, 71_429, 125_000, 142_857, 250_000, 500_000, 1_000_000]
    axes = {"compute.speed": [0.5, 1.0], "slot_ns": slots, "channel.links": [5, 10]}
    results = read_results(make_study(tmp_path / "s", axes, ["a", "b"], change=change))
    capacity = capacities(results)[0]
    found = answer_sentences(results, capacity, fit_rows(results, capacity, results.allocators))
    assert len(found) == 3
    assert found[0] == (
        "With speed 1 and slot 500, 1000 us, the most that meets the target is 10 links (the most "
        "tried) with `a` and `b`."
    )
    assert found[2] == (
        "Best of those that meet it: `a` from 5 to 10 links with speed 1 and slot 500, 1000 us."
    )
    assert found[1] == (
        "Nothing tried meets the target with any allocator at 12 of 14 places: with speed 0.5 and "
        "slot 62.5 to 1000 us; with speed 1 and slot 62.5 to 250 us. Nearest is `a` with a miss "
        "ratio of 0.25% at 5 links and speed 0.5 and a slot of 62.5 us (numerology 4)."
    )


def test_intervals_are_possible_and_marked_where_misses_come_in_bursts(tmp_path: Path) -> None:
    def change(row: Row) -> None:
        late = (row["replicate"] + 1) * 3 if row["links"] == 5 else 300 * row["replicate"]
        rate = [0.1, 0.2, 6.0][row["replicate"]]
        row["figures"] = {"missed": late, "genie": rate, "ageing": 0.0, "miss_loss": 0.0}

    axes = {"channel.links": [5, 10]}
    (sentence,) = sentences(read_results(make_study(tmp_path / "s", axes, ["a"], 3, change=change)))
    # (0.1, 0.2, 6): mean 2.1, and Student's half-width 8.39 reaches below zero
    assert sentence.endswith(
        "`a` at 5 links (2.10 bit/s/Hz in 0.00 .. 10.49, in force there; miss ratio 6e-4 in "
        "3.6e-4 .. 9.5e-4 or wider)."
    )
    two = study(tmp_path / "two", {("a", 5): 0, ("a", 10): 1}, replicates=2)
    assert ".00 bit/s/Hz, in force at 10;" in sentences(two)[0]


def test_another_target_leaves_the_answers_of_the_study(tmp_path: Path) -> None:
    answers = [{"allocator": "a", **ANSWER, **EMPTY, "status": "met", "answer": 10.0}]
    results = study(
        tmp_path, {("a", 5): 0, ("a", 10): 1}, answers=answers, target="miss_ratio <= 1e-3"
    )
    assert read_results(results.folder).answers
    assert not read_results(results.folder, "miss_ratio <= 1e-5").answers
    same = read_results(results.folder, "miss_ratio<=0.001")
    assert same.answers


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("response_p99_us <= 300", "a p99 response time of at most 300 us"),
        ("in_force_bps_hz >= 4.5", "a rate in force of at least 4.5 bit/s/Hz"),
        (
            "miss_ratio <= 0.01 and jain >= 0.2",
            "a miss ratio of at most 1% and a jain of at least 0.2",
        ),
    ],
)
def test_other_targets(tmp_path: Path, target: str, words: str) -> None:
    results = study(tmp_path, {("a", 5): 0, ("a", 10): 0}, target=target)
    assert str(results.target) == words
    assert sentences(results)


def test_a_target_is_judged_as_the_study_judges_it(tmp_path: Path) -> None:
    """Five times a thousand jobs without a miss show 1e-3, though none of the five does."""

    def none(row: Row) -> None:
        row["figures"] = {"missed": 0, "genie": 1.0, "ageing": 0.0, "miss_loss": 0.0}

    folder = make_study(
        tmp_path / "study", {"channel.links": [5, 10]}, ["a"], 5, slots=1000, change=none
    )
    for target in ("miss_high <= 1e-3", "miss_low <= 0", "jobs >= 5000", "late <= 0"):
        results = read_results(folder, target)
        for cell in results.cells:
            assert results.target.met(cell) == read_target(target).judge(cell.rows).met
            assert results.target.met(cell)
            assert not results.target.straddled(cell)
