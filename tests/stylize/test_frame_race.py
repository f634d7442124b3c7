"""The race over frames: on the same harness as the radio, to the nanosecond."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from in_process import Ttirace
from made_networks import made_model, model_file, patches, picture_file
from trace_checks import check_format

from sim.deadline import Constant, InputError
from sim.deadline.log import JOB_COLUMNS
from sim.deadline.solver import AnytimeSolver, Solver
from sim.deadline.testing import check_solver
from stylize.costs import Costs, measure, read_costs, write_costs
from stylize.frames import frames_of
from stylize.loss import StyleLoss
from stylize.pictures import Picture, read_picture
from stylize.race import (
    Contestant,
    RaceSettings,
    fault_of,
    race,
    scored_frames,
    summarize,
    verdict,
)
from stylize.solvers import Entry, FastSolver, GatysSolver, HoldSolver, Painted
from stylize.styles import Style
from stylize.vgg import VGG16


@pytest.fixture(scope="module")
def loss() -> StyleLoss:
    return made_model().loss_through(VGG16.load())


@pytest.fixture
def frames() -> list[Picture]:
    return [patches(seed, 32, 32) for seed in range(6)]


class Grey(Solver[Picture, Painted]):
    """Paints every frame grey; its shade tells which call it was."""

    calls = 0

    def solve(self, problem: Picture) -> Painted:
        self.calls += 1
        return Painted(np.full_like(problem, self.calls / 100))


class Shades(AnytimeSolver[Picture, Painted]):
    """Comes to its answer in ten steps."""

    def iterates(self, problem: Picture) -> Iterator[Painted]:
        for step in range(1, 11):
            yield Painted(np.full_like(problem, step / 10), step)

    def solve(self, problem: Picture) -> Painted:
        return list(self.iterates(problem))[-1]


def test_every_solver_keeps_the_contract(loss: StyleLoss, frames: list[Picture]) -> None:
    spec = frames[0].shape[1:]
    for make in (
        lambda: FastSolver(made_model()),
        lambda: GatysSolver(loss, 3),
        lambda: HoldSolver(Painted(frames[0])),
    ):
        check_solver(make, spec, frames[:2], check=fault_of)


def test_a_quick_solver_meets_every_deadline(tmp_path: Path, frames: list[Picture]) -> None:
    quick = Contestant("quick", Grey(), Constant(1e6))
    settings = RaceSettings(fps=100, scored=3)
    race([quick], frames, settings, tmp_path)
    entry = summarize([quick], frames, settings, None)["solvers"][0]
    assert entry["met"] == entry["jobs"] == 6
    assert entry["response_us"]["max"] == 1000.0
    assert list(quick.shown) == scored_frames(6, 3)
    for index, picture in quick.shown.items():
        assert picture[0, 0, 0] == np.float32((index + 1) / 100)


def test_frames_that_come_meanwhile_are_dropped(tmp_path: Path, frames: list[Picture]) -> None:
    slow = Contestant("slow", Grey(), Constant(25e6))
    settings = RaceSettings(fps=100, scored=6)
    race([slow], frames, settings, tmp_path)
    entry = summarize([slow], frames, settings, None)["solvers"][0]
    assert (entry["late"], entry["skipped"]) == (2, 4)
    for picture in slow.shown.values():  # nothing was ever in time: the bare first frame stays
        np.testing.assert_array_equal(picture, frames[0])


def test_a_late_picture_may_be_shown_with_the_next_frame(
    tmp_path: Path, frames: list[Picture]
) -> None:
    slow = Contestant("slow", Grey(), Constant(15e6))
    settings = RaceSettings(fps=100, use_late=True, scored=6)
    race([slow], frames, settings, tmp_path)
    shades = [round(100 * float(picture[0, 0, 0])) for picture in slow.shown.values()]
    assert shades[1:] == [1, 1, 2, 2, 3]  # every other frame is painted, and seen one later


def test_an_anytime_solver_leaves_its_best_so_far(tmp_path: Path, frames: list[Picture]) -> None:
    slow = Contestant("slow", Shades(), Constant(0.0, 2e6))  # 2 ms a step, 20 ms in all
    settings = RaceSettings(fps=100, on_overrun="abort", scored=6)
    race([slow], frames, settings, tmp_path)
    for picture in slow.shown.values():
        assert picture[0, 0, 0] == np.float32(0.5)  # what five steps come to


def test_losses_are_of_what_was_shown(
    tmp_path: Path, loss: StyleLoss, frames: list[Picture]
) -> None:
    held, own = (
        Contestant(name, HoldSolver(Painted(frames[0])), Constant(time))
        for name, time in (("late", 1e12), ("own", 1e6))
    )
    settings = RaceSettings(scored=2)
    race([held, own], frames, settings, tmp_path)
    held_entry, own_entry = summarize([held, own], frames, settings, loss)["solvers"]
    # Both show the first frame: one as it is its answer, one for want of any.
    assert held_entry["loss"]["in_force"] == own_entry["loss"]["in_force"]
    assert own_entry["loss"]["miss"] == 0.0
    assert own_entry["loss"]["frames"] == scored_frames(6, 2)


def test_which_frames_are_scored() -> None:
    assert scored_frames(90, 0) == []
    assert scored_frames(1, 8) == [0]
    assert len(scored_frames(90, 8)) == 8
    assert scored_frames(90, 8)[-1] == 89
    assert scored_frames(3, 8) == [0, 1, 2]


def test_what_is_wrong_with_a_picture() -> None:
    frame = patches(1)
    assert fault_of(frame, Painted(frame)) is None
    assert "shape" in (fault_of(frame, Painted(frame[:, 1:])) or "")
    assert "want 0 to 1" in (fault_of(frame, Painted(frame + 1.0)) or "")
    assert "want 0 to 1" in (fault_of(frame, Painted(frame * np.float32(np.nan))) or "")


@pytest.mark.parametrize("text", ["fast", "fast_l", "gatys", "gatys_0", "gatys_x", "slow", ""])
def test_nobody_is_called_that(text: str) -> None:
    with pytest.raises(InputError, match="--solvers: "):
        Entry.parse(text)


def test_a_folder_of_pictures_is_frames(tmp_path: Path) -> None:
    for number, height in enumerate((40, 32, 48)):
        picture_file(tmp_path / f"{number}.png", number, height, 64)
    found = frames_of(tmp_path, 32, 10)
    assert len(found) == 3
    assert len({frame.shape for frame in found}) == 1


def test_what_a_race_drew_is_no_frame(ttirace: Ttirace, tmp_path: Path) -> None:
    source, network = tmp_path / "frames", model_file(tmp_path)
    source.mkdir()
    for number in range(3):
        picture_file(source / f"{number}.png", number, 32, 32)
    arguments = ("stylize", "race", source, "--style", network, "-o", source / "race",
                 "--solvers", "fast_s", "--size", 32, "--score", 0, "--json")  # fmt: skip
    for more in ((), ("--overwrite",)):
        done = ttirace(*arguments, *more)
        assert done.code == 0, done
        assert json.loads(done.out)["solvers"][0]["jobs"] == 3
    assert list((source / "race" / "plots").glob("*.png"))
    # Results may also go where the frames are, or above them.
    assert len(frames_of(source, 32, 9, source / "race")) == 3
    assert len(frames_of(source, 32, 9, tmp_path)) == 3 + len(list(source.rglob("plots/*.png")))
    (source / "race").rename(tmp_path / "away")
    assert len(frames_of(source, 32, 9, source)) == 3
    (tmp_path / "away").rename(source / "race")
    inside = ttirace(*arguments, "--overwrite", "--trace", source / "1.png")
    assert "1.png: want NAME.json or NAME.json.gz" in inside.error


def test_a_trace_shows_frames(ttirace: Ttirace, tmp_path: Path) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png", 1, 60, 90)
    trace = tmp_path / "t.json"
    # Three frames long: deadlines overlap.
    done = ttirace("stylize", "race", photo, "--style", network, "-o", tmp_path / "race",
                   "--solvers", "fast_s,hold", "--size", 32, "--frames", 5, "--score", 0,
                   "--deadline", 100, "--no-plots", "--trace", trace)  # fmt: skip
    assert done.code == 0, done
    events = check_format(trace.read_text())
    named = {event["args"]["name"] for event in events if event.get("name") == "thread_name"}
    assert {"frames", "budget 1", "budget 3", "server 0", "jobs"} <= named <= {
        "frames", "budget 1", "budget 2", "budget 3", "budget 4", "server 0", "jobs", "jobs 2",
        "jobs 3", "misses",
    }  # fmt: skip
    assert sum(event.get("name") == "frame 4" for event in events) == 2


def test_a_photograph_is_panned(tmp_path: Path) -> None:
    found = frames_of(picture_file(tmp_path / "p.png", 1, 60, 90), 32, 8)
    assert {frame.shape for frame in found} == {(3, 32, 32)}
    assert all(not np.array_equal(a, b) for a, b in pairwise(found))


def test_costs_are_replayed(tmp_path: Path, frames: list[Picture]) -> None:
    cost = measure(Grey(), frames, 50, lambda more, text: None)
    write_costs(tmp_path / "c.json", Costs(32, 32, 1, {"grey": cost}))
    read = read_costs(tmp_path / "c.json")
    assert read.by_name["grey"].typical_ns == cost.typical_ns > 0
    first, second = (read.latency("grey", frames[0], np.random.default_rng(1)) for _ in "ab")
    times = [first.service_ns(first.draw(), 0, 0) for _ in range(20)]
    assert times == [second.service_ns(second.draw(), 0, 0) for _ in range(20)]
    assert len(set(times)) > 1
    with pytest.raises(InputError, match="measured over frames of 32 x 32"):
        read.latency("grey", patches(1), np.random.default_rng(1))
    with pytest.raises(InputError, match="was not measured; measured: grey"):
        read.latency("other", frames[0], np.random.default_rng(1))


def test_the_command(ttirace: Ttirace, tmp_path: Path) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png", 1, 60, 90)
    arguments = ("stylize", "race", photo, "--style", network, "--frames", 12, "--size", 32)
    out = tmp_path / "out"
    done = ttirace(*arguments, "--solvers", "fast_s,gatys_2,hold", "--latency", 5, "-o", out)
    assert done.code == 0, done
    assert "At 30 frames/s, every frame was made by fast_s, gatys_2 and hold." in done.out
    summary = json.loads((out / "summary.json").read_text())
    assert [entry["name"] for entry in summary["solvers"]] == ["fast_s", "gatys_2", "hold"]
    assert json.loads((out / "manifest.json").read_text())["status"] == "complete"
    table = pq.read_table(out / "log" / "fast_s-00000.parquet")
    assert table.column_names == ["solver", *JOB_COLUMNS]
    for name in ("response_time", "timeline", "frames"):
        assert read_picture(out / "plots" / f"{name}.png").std() > 0.01
    report = (out / "report.html").read_text()
    assert "every frame was made by fast_s, gatys_2 and hold" in report
    assert report.count("data:image/jpeg") == 4 * 4  # four frames: each, and what three showed
    assert "holds an earlier run" in ttirace(*arguments, "-o", out).error


def test_all_that_there_is_paints_where_nobody_is_named(tmp_path: Path) -> None:
    def names(style: str) -> list[str]:
        return [entry.name for entry in Entry.parse_all(None, Style.sizes(style))]

    assert names("starry_night") == ["fast_s", "fast_m", "gatys_1", "hold"]
    assert names(str(model_file(tmp_path))) == ["fast_s", "gatys_1", "hold"]
    assert names(str(picture_file(tmp_path / "painting.png"))) == ["gatys_1", "hold"]


def test_live(ttirace: Ttirace, tmp_path: Path) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png", 1, 60, 90)
    out = tmp_path / "out"
    done = ttirace(
        "stylize", "race", photo, "--style", network, "--frames", 5, "--size", 32, "--live",
        "--solvers", "fast_s,gatys_20,hold", "--score", 1, "--no-plots", "--json", "-o", out,
    )  # fmt: skip
    assert done.code == 0, done
    summary = json.loads(done.out)
    assert summary["live"]
    assert all(entry["jobs"] == 5 for entry in summary["solvers"])
    assert not (out / "plots").exists()
    assert not (out / "report.html").exists()


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--fps", "0"), "--fps: 0.0, want from 0.001"),
        (("--fps", "nan"), "--fps: nan"),
        (("--deadline", "-1"), "--deadline: -1.0 ms"),
        (("--solvers", "fast_s,fast_s"), "fast_s is there twice"),
        (("--solvers", "fast_q"), "want fast_s, fast_m, gatys_N"),
        (("--solvers", "fast_m"), "a network of size s, not m"),
        (("--latency", "none.json"), "none.json: No such file"),
        (("--latency", "-3"), "want a positive number"),
        (("--live", "--latency", "3"), "leave --latency away"),
        (("--on-overrun", "skipp"), "did you mean 'skip'"),
        (("--size", "7"), "--size: 7, want at least 16"),
        (("--frames", "1000000"), "take 786 GB; want at most 8: fewer of them"),
        (("--trace", "p.png"), "--trace: p.png: want NAME.json or NAME.json.gz"),
        (("--trace", "p.png/t.json"), "--trace: p.png is no folder"),
        (("--score", "-1"), "--score: -1"),
    ],
)
def test_wrong_options(
    ttirace: Ttirace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
    match: str,
) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png", 1, 60, 90)
    before = photo.read_bytes()
    monkeypatch.chdir(tmp_path)
    arguments = ("stylize", "race", photo, "--style", network, "-o", tmp_path / "out")
    assert match in ttirace(*arguments, *more).error
    assert photo.read_bytes() == before


def test_verdict_is_computed() -> None:
    entry = {"name": "a", "miss_ratio": 0.0}
    summary = {"fps": 30.0, "solvers": [entry, {"name": "b", "miss_ratio": 0.5}]}
    assert verdict(summary) == "At 30 frames/s, every frame was made by a."
    entry["miss_ratio"] = 0.25
    assert "nobody made every frame; a missed the fewest, 25.00%" in verdict(summary)
    late = [{**entry, "miss_ratio": 1.0} for entry in summary["solvers"]]
    told = verdict({**summary, "solvers": late})
    assert told == "At 30 frames/s, every painter missed every frame."
    for entry in summary["solvers"]:  # as good as each other
        entry["loss"] = {"in_force": 1.5, "given_time": 1.5}
    assert verdict(summary).endswith("The least loss on the screen: a, 1.50.")


def test_costs_replace_nothing_unasked(
    ttirace: Ttirace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, photo = model_file(tmp_path), picture_file(tmp_path / "p.png", 1, 60, 90)
    monkeypatch.chdir(tmp_path)
    Path("c.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    measured = ("stylize", "calibrate", photo, "--style", network, "--solvers", "hold")
    quick = ("--frames", 2, "--calls", 2, "--size", 32)
    for out, said in (
        (photo, "is read for this; take another name"),
        ("base.yaml", "--output: base.yaml, want a name that ends in .json"),
        ("c.json", "--output: c.json is there already; --overwrite replaces it"),
    ):
        assert said in ttirace(*measured, *quick, "-o", out).error
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert ttirace(*measured, *quick, "-o", "c.json", "--overwrite").code == 0
    assert json.loads(Path("c.json").read_text())
