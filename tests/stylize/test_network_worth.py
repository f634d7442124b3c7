"""`ttirace stylize evaluate` and `ttirace stylize styles`."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from in_process import Ttirace
from made_networks import model_file, picture_file

from sim.deadline.models.model_file import write_card
from stylize import model_file as models
from stylize import worth
from stylize.model_file import read_model
from stylize.pictures import read_picture
from stylize.slow import SlowSettings, optimise
from stylize.training.photos import centre, read_photos
from stylize.vgg import VGG16
from stylize.worth import Curve


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        picture_file(folder / f"{seed}.png", seed, 32, 32)
    return folder


def test_evaluations_to_a_loss() -> None:
    curve = Curve("noise", np.array([[4.0, 2.0], [2.0, 2.0], [1.0, 1.0]]))
    assert [curve.evaluations_to(loss) for loss in (3.0, 2.5, 2.0, 1.0, 0.9)] == [1, 2, 2, 3, None]


def test_an_optimisation_that_is_at_its_end_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*args: object) -> Iterator[SimpleNamespace]:
        yield from (SimpleNamespace(loss=loss) for loss in next(falls))

    monkeypatch.setattr(worth, "optimise", ends)
    falls = iter([[4.0, 2.0], [6.0, 4.0, 3.0, 1.0]])
    photos = [np.zeros((3, 8, 8), np.float32)] * 2
    curve = worth.optimised(None, photos, "content", 0.0, 5, 1)  # type: ignore[arg-type]
    assert curve.losses.tolist() == [[4, 6], [2, 4], [2, 3], [2, 1], [2, 1]]


def test_the_command(ttirace: Ttirace, tmp_path: Path, photos: Path) -> None:
    small, other = model_file(tmp_path, "s"), model_file(tmp_path, "m")
    out = tmp_path / "out"
    arguments = ("stylize", "evaluate", small, other, "--photos", photos, "-o", out, "--px", 32,
                 "--count", 2, "--evaluations", 6)  # fmt: skip
    done = ttirace(*arguments)
    assert done.code == 0, done
    found = json.loads((out / "summary.json").read_text())["networks"]
    assert list(found) == ["dots_s", "dots_m"]
    with (out / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["start"] for row in rows} == {"noise", "content"}
    # What it says is what the solver does, photograph by photograph.
    model = read_model(small)
    loss = model.loss_through(VGG16.load())
    content = centre(read_photos(photos).held_out[0], 32)
    iterates = optimise(loss, content, SlowSettings(3))
    wanted = [pytest.approx(iterate.loss, rel=1e-4) for iterate in iterates]
    told = [
        float(row["loss"]) for row in rows if (row["start"], row["photograph"]) == ("content", "0")
    ]
    assert told == wanted[: len(told)]
    for entry in found.values():
        at = entry["evaluations"]["content"]
        means = [
            np.mean([float(row["loss"]) for row in rows
                     if (row["start"], row["evaluations"]) == ("content", str(count))])
            for count in range(1, 1 + max(int(row["evaluations"]) for row in rows
                                          if row["start"] == "content"))
        ]  # fmt: skip
        below = [count for count, mean in enumerate(means, 1) if mean <= entry["loss"] + 1e-6]
        assert at == (below[0] if below else None)
    assert read_picture(out / "plots" / "worth.png").std() > 0.01
    page = (out / "report.html").read_text()
    best = min(found, key=lambda name: found[name]["loss"])
    assert f"One pass of {best} leaves the loss" in page
    assert page.count("<img src=") == 2 * (1 + len(found))
    assert "holds an earlier run" in ttirace(*arguments).error


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("nobody",), "style 'nobody' is not known"),
        (("{network}", "--starts", "nose"), "did you mean 'noise'"),
        (("{network}", "--starts", "noise,noise"), "--starts: noise is there twice"),
        (("{network}", "{other}"), "another style"),
        (("{network}", "--photos", "none"), "none: no such folder"),
    ],
)
def test_wrong_options(
    ttirace: Ttirace, tmp_path: Path, photos: Path, more: tuple[str, ...], match: str
) -> None:
    network, other = model_file(tmp_path), model_file(tmp_path, styles=("lines",))
    given = [text.format(network=network, other=other) for text in more]
    if "--photos" not in given:
        given += ["--photos", str(photos)]
    assert match in ttirace("stylize", "evaluate", "-o", tmp_path / "o", *given).error


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put two styles where the shipped ones are."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for style in ("dots", "lines"):
        for size in ("s", "m"):
            path = model_file(folder, size, (style,))
            losses = {"styles": {style: {"total": 1.25}}}
            write_card(path, {"losses": losses})
    monkeypatch.setattr(models, "WEIGHTS", folder)
    return folder


def test_styles_are_listed_and_drawn(ttirace: Ttirace, shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.jpg"
    picture = picture_file(tmp_path / "p.png")
    done = ttirace("stylize", "styles", "-o", out, "--picture", picture, "--size", 32)
    assert done.code == 0, done
    assert "dots" in done.out
    assert "1.250" in done.out
    assert read_picture(out).std() > 0.05
    assert ttirace("stylize", "styles", "--size", 0).code == 0  # of no picture
    assert "size: 0" in ttirace("stylize", "styles", "-o", out, "--size", 0).error
    assert "is an input" in ttirace("stylize", "styles", "-o", picture, "--picture", picture).error


def test_a_shipped_style_goes_by_its_name(ttirace: Ttirace, shelf: Path, tmp_path: Path) -> None:
    picture, out = picture_file(tmp_path / "p.png"), tmp_path / "o.png"
    arguments = ("stylize", "image", picture, "-o", out, "--style")
    assert "lines, fast" in ttirace(*arguments, "lines", "--network", "s").out
    assert "did you mean 'lines'" in ttirace(*arguments, "line").error
    assert "size 'l' is not known" in ttirace(*arguments, "lines", "--network", "l").error
    (shelf / "lines_s.json").unlink()
    assert "missing" in ttirace(*arguments, "lines", "--network", "s").error
    shutil.copy(shelf / "lines_m.json", shelf / "lines_s.json")
    assert "checksum" in ttirace(*arguments, "lines", "--network", "s").error


def test_an_earlier_evaluation_can_be_replaced(
    ttirace: Ttirace, tmp_path: Path, photos: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("stylize", "evaluate", model_file(tmp_path), "--photos", photos, "-o", out,
                 "--px", 32, "--count", 1, "--evaluations", 1)  # fmt: skip
    assert ttirace(*arguments).code == 0
    (out / "curves.csv").write_text("old")
    assert ttirace(*arguments).error.startswith(f"-o {out}: holds an earlier run; --overwrite")
    done = ttirace(*arguments, "--overwrite")
    assert done.code == 0, done
    assert (out / "curves.csv").read_text().startswith("start,")


def test_tiny_photographs_are_evaluated_too(ttirace: Ttirace, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for seed in range(2):
        picture_file(folder / f"{seed}.png", seed, 1, 3)
    done = ttirace("stylize", "evaluate", model_file(tmp_path), "--photos", folder, "--px", 32,
                   "--evaluations", 2, "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 0, done


@pytest.mark.parametrize("lines", [1, 2, 3, 5])
def test_no_line_hides_another(lines: int) -> None:
    """Of lines at one level none has a dash where another has one, and all have some."""
    at = np.arange(0.0, 200.0, 0.25)
    drawn = np.zeros_like(at)
    for place in range(lines):
        offset, (dash, gap) = worth.dashes(place, lines)
        own = (at + offset) % (dash + gap) < dash
        assert own.any()
        drawn += own
    assert drawn.max() == 1
