"""What users are told: of mistakes, and in tables."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from sim.deadline.errors import InputError, check_range, did_you_mean, shown
from sim.deadline.tables import number, outcome_cells, outcome_headings, plain_table


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("gama", ["gamma", "uniform"], "; did you mean 'gamma'?"),
        ("xyz", ["uniform", "gamma"], "; known: gamma, uniform"),
        ("xyz", [], ""),
    ],
)
def test_the_nearest_word_or_all_of_them(word: str, known: list[str], said: str) -> None:
    assert did_you_mean(word, known) == said


def test_the_ends_of_a_range_are_in_it() -> None:
    check_range("slots", 3, 3)
    check_range("slots", 5, 3, 5)
    with pytest.raises(InputError, match=r"^slots: 2, want at least 3$"):
        check_range("slots", 2, 3)
    with pytest.raises(InputError, match=r"^slots: 6, want at most 5$"):
        check_range("slots", 6, 3, 5)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        ("a\nb", r"'a\nb'"),
        (np.eye(2), "array([[1., 0.], [0., 1.]])"),
        ("x" * 78, repr("x" * 78)),
        ("x" * 79, "'" + "x" * 59 + "... 81 characters"),
    ],
)
def test_a_value_is_shown_in_one_short_line(value: object, said: str) -> None:
    assert shown(value) == said


ENTRY = {
    "miss_ratio": 0.0123,
    "miss_ratio_ci95": [0.0101, 0.0149],
    "response_us": {"p50": 1234.56, "p99": 2000.0, "p999": None, "max": 98765.4},
    "cut_from_us": None,
}


@pytest.mark.parametrize(
    ("width", "headings", "cells"),
    [
        (
            108,
            ["missed", "95% interval", "response p50 us", "response p99 us", "response max us"],
            ["1.23%", "1.01% .. 1.49%", "1,234.6", "2,000.0", "98,765.4"],
        ),
        (
            107,
            ["missed", "response p50 us", "response p99 us", "response max us"],
            ["1.23%", "1,234.6", "2,000.0", "98,765.4"],
        ),
        (
            90,
            ["missed", "response p50 us", "response p99 us", "response max us"],
            ["1.23%", "1,234.6", "2,000.0", "98,765.4"],
        ),
        (89, ["missed", "response p50 us", "response p99 us"], ["1.23%", "1,234.6", "2,000.0"]),
    ],
)
def test_a_narrow_terminal_leaves_columns_out(
    width: int, headings: list[str], cells: list[str]
) -> None:
    assert [heading.replace("\n", " ").strip() for heading in outcome_headings(width)] == headings
    assert {heading.count("\n") for heading in outcome_headings(width)} == {1}
    assert outcome_cells(ENTRY, width) == cells


def test_times_can_be_in_milliseconds() -> None:
    assert [heading[-2:] for heading in outcome_headings(108, "ms")[2:]] == ["ms"] * 3
    assert outcome_cells(ENTRY, 108, "ms")[2:] == ["1.23", "2.00", "98.77"]


def test_where_jobs_were_cut_a_response_is_longer_than_it_reads() -> None:
    assert outcome_cells(ENTRY | {"cut_from_us": 2000.0}, 108)[2:] == [
        "1,234.6", ">2,000.0", ">98,765.4",
    ]  # fmt: skip


def test_what_nobody_knows_is_a_dash() -> None:
    nothing = {
        "miss_ratio": None,
        "miss_ratio_ci95": [0.0, 1.0],
        "response_us": dict.fromkeys(("p50", "p99", "p999", "max")),
        "cut_from_us": None,
    }
    assert outcome_cells(nothing, 108) == ["-", "0.00% .. 100.00%", "-", "-", "-"]


@pytest.mark.parametrize(
    ("value", "said"), [(-0.04, "0.0"), (-0.06, "-0.1"), (1e6, "1,000,000.0"), (None, "-")]
)
def test_zero_has_no_sign(value: float | None, said: str) -> None:
    assert number(value, 1) == said


def test_tables_have_one_look() -> None:
    table = plain_table("what was raced")
    table.add_column("allocator")
    table.add_column("missed")
    table.add_row("wmmse", "1%")
    console = Console(width=60, file=io.StringIO(), color_system=None)
    console.print(table)
    assert console.file.getvalue().splitlines() == [
        "what was raced      ",
        "                    ",
        " allocator  missed  ",
        " ────────────────── ",
        " wmmse      1%      ",
        "                    ",
    ]
