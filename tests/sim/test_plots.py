"""What the plots show, read back from their axes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from sim.deadline.plots import MOST_ROWS, figure, response_times, room, timeline
from sim.deadline.responses import Responses, exceedance
from sim.plots import loss_bars, rate_over_time, user_rate_cdf


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def curves(axes: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        str(line.get_label()): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in axes.lines
    }


def finished(times_ns: np.ndarray) -> Responses:
    return Responses(times_ns, np.empty(0, dtype=np.int64))


@pytest.mark.parametrize("deadlines", [(700_000,), (300_000, 700_000)])
def test_jobs_that_were_cut_are_censored(deadlines: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    times = np.unique(np.exp(rng.normal(12.8, 0.6, 3000)).astype(np.int64))
    due = rng.choice(deadlines, len(times))
    cut = times > due
    found = exceedance([Responses(times[~cut][:9], due[cut]), finished(times[~cut][9:])])
    # SciPy's estimate (Kaplan and Meier) is of longer than x, ours of x or longer.
    data = stats.CensoredData.right_censored(np.minimum(times, due), cut)
    estimate = stats.ecdf(data).sf
    for x, share in zip(found.times_us[:-1] * 1e3, found.share[:-1], strict=True):
        assert share == pytest.approx(float(estimate.evaluate(x - 0.5)), abs=1e-9)
    assert found.open
    assert found.times_us[-1] == max(deadlines) / 1e3
    assert found.share[-1] == pytest.approx(float(estimate.evaluate(max(deadlines))), abs=1e-9)


def test_of_jobs_that_were_all_cut_nothing_more_is_known(axes: Axes) -> None:
    cut = Responses(np.empty(0, dtype=np.int64), np.full(5, 700_000))
    times_us, share, is_open = exceedance([cut])
    assert (times_us.tolist(), share.tolist(), is_open) == ([700.0], [1.0], True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response_times(axes, {"a": [cut]}, [700_000])
    assert axes.get_xlim()[0] < 700.0 < axes.get_xlim()[1]


def test_what_comes_to_its_end_leaves_nothing_open() -> None:
    assert not exceedance([finished(np.array([1_000, 5_000]))]).open
    # who was cut before the last one finished is in the estimate, and its end is known
    assert not exceedance([Responses(np.array([1_000, 5_000]), np.array([3_000]))]).open


def test_times_can_be_in_milliseconds(axes: Axes) -> None:
    response_times(axes, {"a": [finished(np.array([2_000_000, 5_000_000]))]}, [7_000_000], "ms")
    assert curves(axes)["a"][0].tolist() == [2.0, 5.0]
    assert axes.get_xlabel() == "response time x (ms)"


def test_many_names_leave_room_for_what_is_drawn(tmp_path: Path) -> None:
    names = [f"{'solver' * (n % 9)}{n}" for n in range(40)]
    with figure(tmp_path / "p.png", *room(names, 8.0, 4.2)) as axes:
        times = finished(np.array([5_000, 6_000]))
        response_times(axes, {name: [times] for name in names}, [7_000])
        drawing = axes.figure
    legend = axes.get_legend()
    assert legend is not None
    box = legend.get_window_extent()
    assert drawing.bbox.y0 <= box.y0 < box.y1 <= drawing.bbox.y1
    assert box.x1 <= drawing.bbox.x1
    assert axes.get_window_extent().width > 0.35 * drawing.bbox.width


def test_response_times_end_at_the_maximum_with_the_deadlines_drawn(axes: Axes) -> None:
    sample = np.random.default_rng(1).integers(1_000, 900_000, 20_000)
    parts = [finished(sample[:7]), finished(sample[7:])]
    response_times(axes, {"a": parts, "none": []}, [700_000, 400_000, 700_000])
    found = curves(axes)
    x, y = found["a"]
    assert x[-1] == sample.max() / 1e3
    assert y[-1] == pytest.approx(1 / len(sample))
    assert x[0] == sample.min() / 1e3
    assert y[0] == 1.0
    # each point is the share of jobs that take at least so long
    for i in (10, len(x) // 2, -5):
        assert y[i] == pytest.approx(np.mean(sample >= x[i] * 1e3), abs=1e-12)
    deadlines = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]  # type: ignore[index]
    assert deadlines == [400.0, 700.0]
    assert [text.get_text() for text in axes.texts] == ["400 us", "700 us"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "none" not in found


def rate_log(deadline_ns: list[int], controller: list[int], rate: list[float | None]) -> pa.Table:
    return pa.table(
        {
            "deadline_ns": deadline_ns,
            "controller": pa.array(controller, pa.int32()),
            "outcome": pa.array(
                ["met" if n % 5 else "late" for n in range(len(rate))]
            ).dictionary_encode(),
            "in_force_bps_hz": pa.array(rate, pa.float64()),
        }
    )


def test_rate_over_time_shows_rates_and_misses(axes: Axes) -> None:
    n = 100
    rates = [None, *np.linspace(3, 9, n - 1)]
    log = rate_log([10**6 * i for i in range(n)], [0] * n, rates)
    rate_over_time(axes, {"a": [log.slice(0, 33), log.slice(33)]}, 10**6)
    (time_s, shown) = np.asarray(axes.lines[0].get_xydata()).T
    np.testing.assert_allclose(time_s, 1e-3 * (np.arange(n) + 0.5))
    np.testing.assert_allclose(shown[1:], rates[1:])
    assert np.isnan(shown[0])
    # a strip below the curve, opaque where the one job of a stretch missed
    (strip,) = axes.collections
    opacity = strip.get_facecolor()[:, 3]
    assert opacity.tolist() == [float(i % 5 == 0) for i in range(n)]


def test_the_strip_is_as_dark_as_the_share_that_missed(axes: Axes) -> None:
    n = 100
    rate_over_time(
        axes, {"a": [rate_log([10**6 * i for i in range(n)], [0] * n, [1.0] * n)]}, 10**7
    )
    np.testing.assert_allclose(axes.collections[0].get_facecolor()[:, 3], 0.15 + 0.85 * 0.2)
    assert [text.get_text() for text in axes.texts] == [" a: missed"]
    assert len(axes.lines[0].get_xdata()) == 10  # type: ignore[arg-type]


def test_controllers_of_different_slots_are_averaged_evenly(axes: Axes) -> None:
    # one controller every 0.5 ms at rate 1, one every 1 ms at rate 3: their mean is 2 everywhere
    rows = sorted(
        [(500_000 * i, 0, 1.0) for i in range(4000)] + [(10**6 * i, 1, 3.0) for i in range(2000)]
    )
    rate_over_time(axes, {"a": [rate_log(*map(list, zip(*rows, strict=True)))]}, 10**7)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), 2.0)
    assert len(axes.lines[0].get_xdata()) == 200  # type: ignore[arg-type]


def test_user_rate_cdf_is_a_distribution(axes: Axes) -> None:
    user_rate_cdf(axes, {"a": np.array([3.0, 1.0, 2.0, 2.0]), "none": np.empty(0)})
    x, y = curves(axes)["a"]
    assert x.tolist() == [1, 1, 2, 2, 3]
    assert y.tolist() == [0, 0.25, 0.5, 0.75, 1]


def entry(
    name: str, genie: float | None, aged: float = 0, in_force: float = 0
) -> dict[str, object]:
    losses = (None, None) if genie is None else (genie - aged, aged - in_force)
    return {
        "name": name,
        "sum_rate_bps_hz": {"genie": genie, "aged": aged, "in_force": in_force},
        "loss_bps_hz": dict(zip(("ageing", "miss"), losses, strict=True)),
    }


def test_loss_bars_add_up(axes: Axes) -> None:
    loss_bars(axes, [entry("a", 5.0, 4.0, 3.0), entry("b", 5.0, 5.5, 5.0), entry("c", None)])
    widths: dict[float, list[float]] = {}
    for bar in axes.patches:
        widths.setdefault(round(bar.get_y() + 0.3), []).append(bar.get_width())  # type: ignore[attr-defined]
    assert widths == {0: [3.0, 1.0, 1.0], 1: [5.0, 0.0, 0.5]}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_timeline_shows_jobs_in_their_rows(axes: Axes) -> None:
    jobs = {
        "index": [0, 1, 0],
        "controller": [0, 0, 1],
        "release_ns": [0, 10**6, 0],
        "start_ns": [200_000, None, 0],
        "finish_ns": [700_000, None, 300_000],
        "deadline_ns": [900_000, 1_900_000, 1_900_000],
        "outcome": ["met", "skipped", "late"],
    }
    timeline(axes, {"a": pa.table(jobs)}, 10, ["left", "right $x$"])
    drawn = [(b.get_x(), b.get_width()) for b in axes.patches if b.get_width() > 0]  # type: ignore[attr-defined]
    assert drawn == [pytest.approx((0.2, 0.5)), pytest.approx((0.0, 0.3))]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["a / left", "a / right $x$"]
    assert axes.get_xlim() == (0, pytest.approx(1.9 * 1.01))


def test_a_timeline_has_so_many_rows_at_most(axes: Axes) -> None:
    jobs = {
        "index": [0], "controller": [0], "release_ns": [0], "start_ns": [0], "finish_ns": [300_000],
        "deadline_ns": [0], "outcome": ["late"],
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a deadline at the release, too
        timeline(axes, {f"{n}": pa.table(jobs) for n in range(MOST_ROWS + 3)}, 10)
    assert len(axes.get_yticklabels()) == MOST_ROWS


def test_legends_stand_beside_the_curves(tmp_path: Path) -> None:
    with figure(tmp_path / "p.png") as axes:
        response_times(axes, {"a": [finished(np.array([5_000, 6_000]))]}, [7_000])
        drawing = axes.figure
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x0 >= axes.get_window_extent().x1
    assert legend.get_window_extent().x1 <= drawing.bbox.x1
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_any_title_can_be_drawn(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with figure(tmp_path / "p.png") as axes:
            axes.set_title("a $b$ $\\nothing$ [/x] 中", parse_math=False)
    assert (tmp_path / "p.png").stat().st_size > 1000
