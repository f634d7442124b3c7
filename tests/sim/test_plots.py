"""What the plots show, read back from their axes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.deadline.plots import figure, response_times, timeline
from sim.plots import loss_bars, rate_over_time, user_rate_cdf


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def curves(axes: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        str(line.get_label()): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in axes.lines
    }


def test_response_times_end_at_the_maximum_with_the_deadlines_drawn(axes: Axes) -> None:
    sample = np.random.default_rng(1).integers(1_000, 900_000, 20_000)
    response_times(axes, {"a": [sample[:7], sample[7:]], "none": []}, [700_000, 400_000, 700_000])
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
    np.testing.assert_allclose(axes.collections[0].get_facecolor()[:, 3], 0.2)
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


def test_legends_stand_beside_the_curves(tmp_path: Path) -> None:
    with figure(tmp_path / "p.png") as axes:
        response_times(axes, {"a": [np.array([5_000, 6_000])]}, [7_000])
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
