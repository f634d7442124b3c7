"""Rows of an evaluation: against figures by hand, and independent of whatever else is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose, log2, sqrt
from typing import Any

import numpy as np
import pytest

import sim.registry as registry
from allocators.evaluation import evaluation_table
from allocators.evaluation.cells import EvaluationSettings, Row, evaluate_cells
from allocators.evaluation.channels import EvaluationChannel, channel_named
from allocators.evaluation.contenders import contender
from allocators.evaluation.mismatch import matrix_rows, mismatch, setting_named
from allocators.evaluation.page import verdict
from allocators.evaluation.suites import SUITES, Cell, suite_named
from allocators.evaluation.summary import left_out, sentence, summarize
from allocators.wmmse import WMMSE
from sim.deadline.errors import InputError
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem, sum_rate

SMALL = EvaluationSettings(40, seed=3)


def cell(text: str, links: int, snr_db: float | None = 0.0) -> Cell:
    return Cell(channel_named(text), links, snr_db)


def figures(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the rows without what the clock says."""
    return [{k: v for k, v in row.items() if not k.endswith("_us")} for row in rows]


def rows_of(names: list[str], cells: list[Cell]) -> list[Row]:
    return evaluate_cells([contender(name) for name in names], cells, SMALL)


class Half(Solver[PowerControlProblem, Allocation]):
    """Half of every cap."""

    def solve(self, problem: PowerControlProblem) -> Allocation:
        return Allocation(0.5 * problem.p_max_w)


@dataclass(frozen=True)
class Quiet(EvaluationChannel):
    """Two instances of two links that do not disturb each other: gains 1, then 3; noise 1 W."""

    def check(self, links: int) -> None: ...

    def turns(
        self, links: int, snr_db: float | None, channels: int, seed: int
    ) -> Iterator[list[PowerControlProblem]]:
        yield [PowerControlProblem(gain * np.eye(2), 1.0, 1.0) for gain in (1.0, 3.0)]


def test_a_cell_by_hand() -> None:
    """Full power is optimal: log2 2 and log2 4 a link; half of it gives log2 1.5 and log2 2.5."""
    (row,) = evaluate_cells([contender(Half())], [Cell(Quiet("quiet"), 2, 0.0)], SMALL)
    best, half = (2.0, 4.0), (2 * log2(1.5), 2 * log2(2.5))
    share = sum(half) / 6.0
    assert row["channels"] == 2
    assert isclose(row["wmmse_sum_rate_bps_hz"], 3.0, rel_tol=1e-12)
    assert isclose(row["sum_rate_bps_hz"], sum(half) / 2, rel_tol=1e-12)
    for reference in ("wmmse", "wmmse_best_of_10", "exhaustive"):
        assert isclose(row[f"share_of_{reference}"], share, rel_tol=1e-9)
    residuals = [own - share * other for own, other in zip(half, best, strict=True)]
    variance = 2 * residuals[0] ** 2  # n - 1 = 1; the residuals add up to zero
    assert isclose(row["share_of_wmmse_stderr"], sqrt(variance / 2) / 3.0, rel_tol=1e-9)


def test_rates_are_those_of_the_answers() -> None:
    (row,) = rows_of(["max_power"], [cell("rice", 3, 10.0)])
    problems = [p for turn in channel_named("rice").turns(3, 10.0, 40, 3) for p in turn]
    full = np.mean([sum_rate(p, p.p_max_w) for p in problems])
    wmmse = np.mean([sum_rate(p, WMMSE().solve(p).power_w) for p in problems])
    assert isclose(row["sum_rate_bps_hz"], full, rel_tol=1e-12)
    assert isclose(row["share_of_wmmse"], full / wmmse, rel_tol=1e-12)


def test_a_row_does_not_depend_on_what_else_is_evaluated() -> None:
    here, there = cell("rayleigh", 5), cell("imac", 6, 10.0)
    names = ["random", "wmmse:restarts=2", "max_power", "wmmse:restarts=9"]
    together = rows_of(names, [there, here])
    for i, name in enumerate(names):
        alone = rows_of([name], [here])
        assert figures(alone) == figures([together[len(names) + i]])


def test_arguments_in_another_order() -> None:
    cells = [cell("rayleigh", 4), cell("square_10", 13, -5.0)]
    names = ["best_link", "wmmse", "random", "exhaustive"]
    forth, back = rows_of(names, cells), rows_of(names[::-1], cells)
    assert figures(back[:4]) == figures(forth[:4])[::-1]
    assert figures(back[4:]) == figures(forth[4:])[::-1]
    assert [row["allocator"] for row in forth[:4]] == names


def test_named_twice_is_evaluated_once() -> None:
    assert len(rows_of(["max_power", "max_power"], [cell("rayleigh", 2)])) == 1


def test_what_the_references_are() -> None:
    rows = rows_of(["wmmse", "wmmse:restarts=9", "exhaustive"], [cell("rayleigh", 6, 20.0)])
    assert [rows[0]["share_of_wmmse"], rows[0]["share_of_wmmse_stderr"]] == [1.0, 0.0]
    assert rows[1]["share_of_wmmse_best_of_10"] == 1.0
    assert rows[1]["share_of_wmmse"] > 1.0
    assert rows[2]["share_of_exhaustive"] == 1.0
    (large,) = rows_of(["max_power"], [cell("rayleigh", 13)])
    assert large["share_of_exhaustive"] is None
    assert large["share_of_wmmse_best_of_10"] is not None


def test_times_are_of_the_calls_of_this_run() -> None:
    fast = EvaluationSettings(500)  # a p99 takes 459
    (row,) = evaluate_cells([contender("max_power")], [cell("rayleigh", 2)], fast)
    assert 0 < row["time_p50_us"] <= row["time_p99_us"]
    assert 0 < row["wmmse_time_p50_us"] <= row["wmmse_time_p99_us"]


def test_neighbouring_slots_give_no_standard_error() -> None:
    (row,) = rows_of(["max_power"], [cell("munich", 5, None)])
    assert row["share_of_wmmse_stderr"] is None
    assert 0.3 < row["share_of_wmmse"] < 1.0


def test_what_does_not_fit_is_left_out_with_its_reason() -> None:
    rows = rows_of(["dnn_k10", "max_power"], [cell("rayleigh", 20), cell("munich", 20, None)])
    assert [row["share_of_wmmse"] is None for row in rows] == [True, False, True, True]
    assert left_out(rows) == [
        "dnn_k10 at K = 20: dnn: model: dnn_k10 is made for 10 links, but there are 20",
        "max_power at K = 20: munich: 20 links, but it has 10 pairs",
    ]
    with pytest.raises(InputError, match=r"nothing to evaluate: .*made for 10 links"):
        rows_of(["dnn_k10"], [cell("rayleigh", 20)])


class EveryThird(Solver[PowerControlProblem, Allocation]):
    """Fails on every third call; the untimed call before a turn counts too."""

    def __init__(self) -> None:
        self.calls = 0

    def solve(self, problem: PowerControlProblem) -> Allocation:
        self.calls += 1
        if self.calls % 3 == 0:
            raise RuntimeError("third")
        return Allocation(problem.p_max_w)


def test_failures_are_counted_and_not_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"third": EveryThird})
    third, full = rows_of(["third", "max_power"], [cell("square_200", 2)])
    assert (third["failed"], third["failure"]) == (13, "RuntimeError: third")
    assert 0.95 < third["share_of_wmmse"] <= 1.0 + 1e-9  # of the instances it answered
    assert full["failed"] == 0


def test_a_solver_at_hand_has_the_figures_of_its_name() -> None:
    name = "wmmse:max_iterations=2"
    by_name = evaluation_table(name, "quick", 5, 1, links=[3])
    at_hand = evaluation_table(WMMSE(max_iterations=2), "quick", 5, 1, links=[3], label=name)
    assert {row["links"] for row in by_name} == {3}
    assert figures(by_name) == figures(at_hand)
    assert evaluation_table(WMMSE(), "quick", 2, links=[2])[0]["allocator"] == "WMMSE"


@pytest.mark.parametrize("label", ["wmmse", "wmmse:restarts=9", "exhaustive"])
def test_a_label_does_not_make_a_reference(label: str) -> None:
    """A network trained into wmmse.safetensors is not what it is held against."""
    (row,) = evaluation_table(Half(), "quick", 20, links=[3], label=label)[:1]
    (plain,) = evaluation_table(Half(), "quick", 20, links=[3])[:1]
    assert figures([row]) == figures([{**plain, "allocator": label}])
    assert row["share_of_wmmse"] < 0.99


def test_the_default_suite_is_that_of_the_contract() -> None:
    cells = SUITES["default"].cells()
    assert len(cells) == len(set(cells)) == 6 * 6 * 4 + 2
    assert {c.links for c in cells} == {5, 10, 20, 30, 50, 100}
    assert {c.snr_db for c in cells} == {-5.0, 0.0, 10.0, 20.0, None}
    named = ("rayleigh", "rice", "square_10", "square_50", "square_200", "imac", "munich")
    assert tuple(dict.fromkeys(c.channel.name for c in cells)) == named


def test_axes_in_the_place_of_the_suites() -> None:
    suite = suite_named("default").narrowed(["munich", "square_30"], [10, 15], [5.0])
    assert [str(c) for c in suite.cells()] == [
        "munich, K = 10",
        "munich, K = 15",
        "square_30, K = 10, 5 dB",
        "square_30, K = 15, 5 dB",
    ]
    own = suite_named("default").narrowed(["munich"]).cells()
    assert [c.links for c in own] == [5, 10]


def test_summary_names_the_worst_cell() -> None:
    rows = rows_of(["max_power"], [cell("rayleigh", 4, 20.0), cell("square_200", 2, -5.0)])
    (summary,) = summarize(rows)
    shares = [row["share_of_wmmse"] for row in rows]
    assert isclose(summary["mean_share_of_wmmse"], sum(shares) / 2)
    assert summary["worst_share_of_wmmse"] == min(shares)
    assert sentence(summary).endswith("%, rayleigh, K = 4, 20 dB")
    none = summarize([{**rows[0], "share_of_wmmse": None}])[0]
    assert sentence(none).endswith("no cell with a share of WMMSE")


def test_means_over_part_of_the_cells_say_so_and_verdicts_are_of_common_ones() -> None:
    rows = rows_of(["max_power", "dnn_k20"], [cell("rayleigh", 4), cell("rayleigh", 20)])
    everywhere, twenty = summarize(rows)
    assert (everywhere["cells"], everywhere["cells_of_exhaustive"], twenty["cells"]) == (2, 1, 1)
    assert "of exhaustive (1 of 2 cells);" in sentence(everywhere)
    assert "of 2 cells" not in sentence(everywhere).partition("of WMMSE")[0]
    told = verdict(rows)
    assert "over the one cell that fits all" in told
    assert f"Least: max_power, {rows[2]['share_of_wmmse']:.1%} on average" in told
    apart = [row for row in rows if (row["links"] == 20) == (row["allocator"] == "dnn_k20")]
    assert verdict(apart).startswith("No cell fits all allocators")


def test_mismatch_tries_a_model_at_its_own_size() -> None:
    contenders = [contender(name) for name in ("dnn_k10", "max_power", "dnn_k20")]
    pairs = [(one.label, links) for one, links in matrix_rows(contenders, [])]
    assert pairs == [("dnn_k10", 10), ("max_power", 10), ("max_power", 20), ("dnn_k20", 20)]
    assert [links for _, links in matrix_rows(contenders[1:2], [])] == [10]
    assert [links for _, links in matrix_rows(contenders, [7])] == [10, 7, 20]
    tests = [setting_named("rayleigh@0"), setting_named("munich")]
    matrix = mismatch(contenders, tests, [], SMALL)
    assert matrix.at(0, 0)["trained_on"] == "rayleigh 0 dB"
    assert matrix.at(1, 0)["trained_on"] == ""
    assert matrix.at(3, 1)["share_of_wmmse"] is None  # ten pairs
    direct = rows_of(["dnn_k20"], [cell("rayleigh", 20)])
    assert figures([{**direct[0], "trained_on": "rayleigh 0 dB"}]) == figures([matrix.at(3, 0)])
