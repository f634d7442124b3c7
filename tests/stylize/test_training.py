"""Training: it learns, goes on to the same end, and says what it leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import Ttirace
from made_networks import made_model, model_file, patches, picture_file

from sim.deadline import InputError
from sim.deadline.models.model_file import card_path, write_card
from sim.deadline.models.tensors import read_tensors
from stylize import model_file as models
from stylize.commands.train import train as train_command
from stylize.loss import LossWeights, StyleLoss, Target
from stylize.model_file import Model, mean_of, read_model, write_model
from stylize.network import PER_STYLE, shapes
from stylize.training import train as training
from stylize.training.border import banding
from stylize.training.card import history_of
from stylize.training.learner import Learner
from stylize.training.photos import HELD_OUT, Photos, centre, crop
from stylize.training.settings import Stage, TrainSettings
from stylize.training.train import Trained, train, worth
from stylize.vgg import VGG16

SETTINGS = TrainSettings(size="s", stages=(Stage(32, 2, 3), Stage(48, 1, 3)), interval=2)


@pytest.fixture(scope="module")
def vgg() -> VGG16:
    return VGG16.load()


@pytest.fixture
def photos() -> Photos:
    made = [np.rint(255 * patches(seed, 64, 80)).astype(np.uint8) for seed in range(4)]
    return Photos(made[1:], made[:1])


def trained(
    photos: Photos, vgg: VGG16, checkpoint: Path, settings: TrainSettings = SETTINGS
) -> Trained:
    paintings = {"one": patches(20), "two": patches(21)}
    return train(paintings, photos, vgg, settings, checkpoint)


@pytest.fixture(autouse=True)
def validated_on_small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "VALIDATION_PX", 32)  # what is trained on


def test_the_rate_falls_over_the_last_part() -> None:
    settings = TrainSettings(stages=(Stage(32, 1, 1000),), learning_rate=0.01, decay=0.4)
    rates = [settings.learning_rate_at(step) for step in (0, 29, 600, 800, 999)]
    assert rates == pytest.approx([0.01 / 30, 0.01, 0.01, 0.005, 0.01 / 400])
    with pytest.raises(InputError, match=r"decay: 1\.5, want a part of all steps"):
        TrainSettings(decay=1.5)


@pytest.mark.parametrize("average", [-0.1, 1.5, float("nan")])
def test_averages_are_over_a_part_of_all_steps(average: float) -> None:
    with pytest.raises(InputError, match=r"average: .* want a part of all steps, from 0 to 1"):
        TrainSettings(average=average)


@pytest.mark.parametrize("margin", [-0.1, 1.5, float("nan")])
def test_a_margin_is_a_part_of_a_crop(margin: float) -> None:
    with pytest.raises(InputError, match=r"margin: .* want a part of a crop, from 0 to 1"):
        TrainSettings(margin=margin)


def test_the_command_has_the_defaults_of_the_settings() -> None:
    told = {option.name: option.default for option in train_command.params}
    known = TrainSettings()
    for name in (
        "size",
        "learning_rate",
        "decay",
        "margin",
        "border",
        "average",
        "style_px",
        "interval",
        "seed",
    ):
        assert told[name] == getattr(known, name), name
    for name in ("content", "style", "variation"):
        assert told[name] == getattr(known.loss, name), name


def test_the_loss_falls(photos: Photos, vgg: VGG16, tmp_path: Path) -> None:
    # So few steps show in the style alone: an untrained network leaves the content as it is.
    settings = replace(
        SETTINGS, stages=(Stage(32, 1, 60),), interval=20, learning_rate=4e-3,
        loss=LossWeights(content=0.1),
    )  # fmt: skip
    painting = {"one": patches(20)}
    loss = StyleLoss(vgg, Target.of(vgg, painting["one"]), settings.loss)
    untrained = worth(Learner("s", painting, settings.seed), [loss], photos)["one"]["total"]
    history = train(painting, photos, vgg, settings, tmp_path / "c.safetensors").history
    assert [report.step for report in history] == [20, 40, 60]
    # With seeds 1 to 3 it is 0.81 to 0.84 of that.
    assert history[-1].validation["one"] < 0.9 * untrained


def test_bands_can_be_trained_away(photos: Photos, vgg: VGG16, tmp_path: Path) -> None:
    """Of the same steps, those that bands count in leave less of them."""
    settings = replace(SETTINGS, stages=(Stage(48, 1, 40),), interval=40, margin=0.3)
    painting, found = {"one": patches(20)}, []
    for border in (0.0, 30.0):
        how = replace(settings, border=border)
        left = train(painting, photos, vgg, how, tmp_path / f"{border}.safetensors").model
        learner = Learner("s", painting, 1, left)
        whole = torch.from_numpy(patches(40, 128, 128))[None]
        within = learner(whole, 0)[:, :, 32:96, 32:96]
        alone = learner(whole[:, :, 32:96, 32:96].contiguous(), 0, 32, 32)
        found.append(float(banding(alone, within).detach()))
    assert found[1] < 0.7 * found[0]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"border": -1.0}, r"border: -1\.0, want a number from 0"),
        ({"border": 1.0, "margin": 0.0}, "nothing to compare it with; want a margin"),
    ],
)
def test_a_border_weighs_something(change: dict[str, float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TrainSettings(**change)


def test_what_is_left_is_the_mean_of_the_last_steps(
    photos: Photos, vgg: VGG16, tmp_path: Path
) -> None:
    stages = (Stage(32, 1, 4),)
    settings = replace(SETTINGS, stages=stages, interval=1, decay=0.01, average=0.5)
    painting, seen = {"one": patches(20)}, []

    def follow(report: object) -> None:
        arrays = read_tensors(tmp_path / "c.safetensors")[1]
        seen.append({k.removeprefix("weights/"): v for k, v in arrays.items()})

    found = train(painting, photos, vgg, settings, tmp_path / "c.safetensors", None, (follow,))
    for name, weight in found.model.weights.items():
        mean = np.mean([seen[step][name] for step in (2, 3)], axis=0).reshape(weight.shape)
        np.testing.assert_allclose(weight, mean, rtol=1e-5, atol=1e-6, err_msg=name)
        assert name.startswith("colour") or not np.array_equal(
            weight.ravel(), seen[3][name].ravel()
        )
    # It is also what is validated: on the one photograph held out, the last interval and the end.
    assert found.history[-1].validation["one"] == pytest.approx(found.worth["one"]["total"])


@pytest.mark.parametrize("average", [0.0, 0.7])
def test_a_training_that_was_stopped_goes_on_to_the_same_end(
    average: float, photos: Photos, vgg: VGG16, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, average=average)
    whole = trained(photos, vgg, tmp_path / "whole.safetensors", settings)

    class StopError(Exception):
        pass

    def stop(report: object) -> None:
        raise StopError

    paintings = {"one": patches(20), "two": patches(21)}
    checkpoint = tmp_path / "parts.safetensors"
    with pytest.raises(StopError):
        train(paintings, photos, vgg, settings, checkpoint, observers=(stop,))
    parts = trained(photos, vgg, checkpoint, settings)
    for name, weight in whole.model.weights.items():
        np.testing.assert_array_equal(parts.model.weights[name], weight)
    assert [r.validation for r in parts.history] == [r.validation for r in whole.history]
    with pytest.raises(InputError, match=r"begun with learning_rate 0\.01, now 0\.02"):
        trained(photos, vgg, checkpoint, replace(settings, learning_rate=0.02))
    for other, match in (
        ({"paintings": {"one": patches(22), "two": patches(21)}}, "begun with styles.one"),
        ({"photos": Photos(photos.train[1:], photos.held_out)}, "begun with photographs"),
        ({"start": made_model("s", ("one", "two"))}, "begun with start"),
    ):
        given = {"paintings": paintings, "photos": photos, "start": None} | other
        with pytest.raises(InputError, match=match):
            train(given["paintings"], given["photos"], vgg, settings, checkpoint, given["start"])


def test_a_start_gives_its_trunk_and_the_styles_it_knows() -> None:
    start = made_model("s", ("one", "two"))
    learner = Learner("s", {"three": patches(30), "two": patches(31)}, 1, start)
    weights = learner.weights()
    np.testing.assert_array_equal(
        weights["deep0.a.weight"].ravel(), start.weights["deep0.a.weight"].ravel()
    )
    np.testing.assert_array_equal(weights["colour.shift"][1], start.weights["colour.shift"][1])
    assert not np.array_equal(weights["colour.shift"][0], start.weights["colour.shift"][0])


def test_another_size_is_no_start(photos: Photos, vgg: VGG16, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--start: a network of size 'm', want 's'"):
        train({"a": patches(1)}, photos, vgg, SETTINGS, tmp_path / "c", made_model("m"))


def test_the_mean_of_networks_is_a_start() -> None:
    one = made_model("s", ("a", "b"))
    other = replace(one, weights={name: 3 * value for name, value in one.weights.items()})
    mean = mean_of([one, other])
    for name, value in one.weights.items():
        np.testing.assert_allclose(mean.weights[name], 2 * value, rtol=1e-6, err_msg=name)
        assert mean.weights[name].dtype == np.float32
    with pytest.raises(InputError, match=r"no mean of networks of a, b \(s\) and of b, a \(s\)"):
        mean_of([one, made_model("s", ("b", "a"))])
    with pytest.raises(InputError, match=r"and of a, b \(m\)"):
        mean_of([one, made_model("m", ("a", "b"))])


@pytest.mark.parametrize("in_8_bits", [True, False])
def test_convolutions_can_be_kept(
    in_8_bits: bool, photos: Photos, vgg: VGG16, tmp_path: Path
) -> None:
    """To the last bit, in the file too: what is distributed again is small then."""
    path = tmp_path / "start.safetensors"
    write_model(path, replace(made_model("s", ("one",)), in_8_bits=in_8_bits))
    start = read_model(path)
    assert start.in_8_bits is in_8_bits
    settings = replace(SETTINGS, stages=(Stage(32, 1, 4),), keep_convolutions=True)
    found = train({"one": patches(20)}, photos, vgg, settings, tmp_path / "c", start).model
    write_model(tmp_path / "found.safetensors", found)
    again = read_model(tmp_path / "found.safetensors")
    assert again.in_8_bits is in_8_bits
    for name, before in start.weights.items():
        same = np.array_equal(again.weights[name], before)
        assert same is not name.endswith(PER_STYLE), name


def test_without_a_start_there_are_no_convolutions_to_keep(
    photos: Photos, vgg: VGG16, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, keep_convolutions=True)
    with pytest.raises(InputError, match=r"--keep-convolutions: .* want --start"):
        train({"a": patches(1)}, photos, vgg, settings, tmp_path / "c")


def test_crops_are_of_the_photograph() -> None:
    photo = np.zeros((3, 400, 500), dtype=np.uint8)
    photo[0] = 255
    rng = np.random.default_rng(1)
    for px in (32, 128, 256):
        found = crop(photo, px, rng)
        assert found.shape == (3, px, px)
        assert found[0].min() == 1.0
        assert found[1:].max() == 0.0
    assert centre(photo, 64).shape == (3, 64, 64)


def test_folders_are_split(tmp_path: Path) -> None:
    for seed in range(HELD_OUT + 2):
        picture_file(tmp_path / f"{seed:02d}.png", seed, 16, 16)
    (tmp_path / "broken.jpg").write_text("no picture")
    files = sorted(tmp_path.iterdir())
    found = Photos.read(files)
    assert (len(found.train), len(found.held_out)) == (HELD_OUT, 2)
    with pytest.raises(InputError, match="1 photographs of use"):
        Photos.read(files[:1])


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = made_model("s", ("one", "two"))
    write_model(tmp_path / "m.safetensors", model)
    read = read_model(tmp_path / "m.safetensors")
    assert (read.size, read.styles, read.vgg, read.loss) == (
        "s",
        ("one", "two"),
        model.vgg,
        model.loss,
    )
    for name, weight in model.weights.items():
        step = np.abs(weight).max() / 127 if weight.ndim == 4 else 0.0
        np.testing.assert_allclose(read.weights[name], weight, rtol=1e-3, atol=0.5 * step + 1e-6)
    for tap, gram in model.targets[1].grams.items():
        np.testing.assert_allclose(read.targets[1].grams[tap], gram, rtol=1e-3, atol=1e-6)
    second = read.only("two")
    assert second.styles == ("two",)
    assert {name: value.shape for name, value in second.weights.items()} == shapes(second.made_of)
    with pytest.raises(InputError, match="'tow'; did you mean 'two'"):
        read.only("tow")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": "xl"}, "config: size: 'xl', want s or m"),
        ({"size": None}, "config: size: null"),
        ({"styles": []}, "config: styles"),
        ({"styles": ["../a"]}, "config: styles"),
        ({"styles": [".."]}, "config: styles"),
        ({"styles": [""]}, "config: styles"),
        ({"styles": ["a\0"]}, "config: styles"),
        ({"styles": ["a", "a"]}, "each once"),
        ({"styles": ["a", "b"]}, "shape|no tensor"),
        ({"loss": {"content": "x"}}, "what loss"),
        ({"loss": {"contents": 1.0}}, "what loss"),
        ({"targets": []}, "what loss"),
        ({"vgg": None}, ""),
    ],
)
def test_files_that_are_no_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], match: str
) -> None:
    whole = models.save

    def changed(
        path: Path, architecture: str, config: dict[str, object], *arrays: object, **how: object
    ) -> None:
        whole(path, architecture, {**config, **change}, *arrays, **how)

    monkeypatch.setattr(models, "save", changed)
    path = model_file(tmp_path)
    if not match:
        assert read_model(path).vgg == "None"
        return
    with pytest.raises(InputError, match=match) as caught:
        read_model(path)
    assert "\n" not in str(caught.value)


def test_a_weight_too_large_for_half_precision(tmp_path: Path) -> None:
    model = made_model()
    weights = {**model.weights, "last.bias": model.weights["last.bias"] + 1e6}
    with pytest.raises(InputError, match="not finite in half precision"):
        write_model(tmp_path / "m.safetensors", replace(model, weights=weights))
    assert not (tmp_path / "m.safetensors").exists()


def test_another_vgg_is_told(vgg: VGG16) -> None:
    other = replace(made_model(), vgg="0123")
    with pytest.raises(InputError, match="through another VGG-16"):
        other.loss_through(vgg)


@pytest.mark.parametrize(
    "text",
    ["", "128", "128:2", "128:2:x", "a:b:c", "30:1:1", "130:1:1", "128:0:1", "128:1:0", "1024:1:1"],
)
def test_wrong_stages(text: str) -> None:
    with pytest.raises(InputError, match="stages: "):
        Stage.parse(text)


def test_the_command(ttirace: Ttirace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        picture_file(folder / f"{seed}.png", seed, 40, 48)
    painting, out = picture_file(tmp_path / "dots.png", 9), tmp_path / "net.safetensors"
    arguments = (
        "stylize", "train", painting, "--photos", folder, "-o", out, "--size", "s", "--style-px",
        48, "--stages", "32:1:2,40:1:1", "--interval", 2,
    )  # fmt: skip
    done = ttirace(*arguments)
    assert done.code == 0, done
    assert "dots: loss" in done.out
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["command"].startswith("ttirace stylize train dots.png --photos photos -o net.")
    assert card["settings"]["stages"] == [[32, 1, 2], [40, 1, 1]]
    assert card["losses"]["styles"]["dots"]["total"] > 0
    assert out.with_suffix(".csv").read_text().splitlines()[0].endswith("validation/dots")
    assert not out.with_suffix(".checkpoint.safetensors").exists()
    assert read_model(out).styles == ("dots",)
    assert "is there already" in ttirace(*arguments).error
    more = tmp_path / "more.safetensors"
    again = ttirace(*arguments[:5], "-o", more, *arguments[7:], "--start", out)
    assert again.code == 0, again
    assert json.loads(more.with_suffix(".json").read_text())["start"]["model"] == "net"
    both = tmp_path / "both.safetensors"
    starts = ("--start", out, "--start", more)

    def meanwhile(*given: Any) -> Trained:
        out.with_suffix(".json").write_text("{")  # it was read before
        return train(*given)

    monkeypatch.setattr(training, "train", meanwhile)
    again = ttirace(*arguments[:5], "-o", both, *arguments[7:], *starts)
    assert again.code == 0, again
    begun = json.loads(both.with_suffix(".json").read_text())["start"]
    assert [one["model"] for one in begun] == ["net", "more"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_card_of_a_start_is_told_of(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "start.json").write_bytes(text)
    with pytest.raises(InputError) as error:
        history_of(tmp_path / "start.safetensors")
    assert str(error.value) == f"{tmp_path / 'start.json'}: not a model card; restore it"


def test_a_start_without_a_card_is_known_by_its_name(tmp_path: Path) -> None:
    assert history_of(tmp_path / "start.safetensors") == {"model": "start"}


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--photos", "none"), "none: no such folder"),
        (("--stages", "1"), "want PX:BATCH:STEPS"),
        (("--size", "q"), "size: 'q'; known: m, s"),
        (("--learning-rate", "0"), "learning_rate: 0.0"),
        (("--style-px", "1"), "style_px: 1, want at least"),
        (("--start", "none.safetensors"), "no such file"),
        (("-o", "net.npz"), "ends in .safetensors"),
        (("--content", "nan"), "content: nan"),
    ],
)
def test_wrong_options(ttirace: Ttirace, tmp_path: Path, more: tuple[str, ...], match: str) -> None:
    (tmp_path / "photos").mkdir()
    painting = picture_file(tmp_path / "dots.png", 9)
    given = {"--photos": tmp_path / "photos", "-o": tmp_path / "net.safetensors"}
    given |= dict(zip(more[::2], more[1::2], strict=True))
    words = [word for option in given.items() for word in option]
    assert match in ttirace("stylize", "train", painting, *words).error


def test_paintings_of_one_name(ttirace: Ttirace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paintings = [
        picture_file(tmp_path / "dots.png", 9),
        picture_file(tmp_path / "other/dots.png", 8),
    ]
    done = ttirace(
        "stylize", "train", *paintings, "--photos", tmp_path, "-o", tmp_path / "n.safetensors"
    )
    assert "dots: two paintings of that name" in done.error


def test_model_files_hold_what_a_start_needs(tmp_path: Path) -> None:
    model: Model = read_model(model_file(tmp_path, "m", ("a", "b")))
    learner = Learner("m", {"b": patches(1)}, 1, model)
    np.testing.assert_array_equal(learner.weights()["up1.scale"][0], model.weights["up1.scale"][1])


def test_a_network_of_several_styles_is_split(ttirace: Ttirace, tmp_path: Path) -> None:
    whole = model_file(tmp_path, "s", ("a", "b"))
    styles = {"a": {"total": 1.5}, "b": {"total": 2.5}}
    write_card(
        whole,
        {"model": "a_b_s", "config": {"size": "s", "styles": ["a", "b"]}, "command": "ttirace ...",
         "losses": {"px": 256, "styles": styles}},
    )  # fmt: skip
    out = tmp_path / "parts"
    done = ttirace("stylize", "split", whole, "-o", out)
    assert (done.code, len(done.out.splitlines())) == (0, 2), done
    both = read_model(whole)
    for place, style in enumerate(("a", "b")):
        path = out / f"{style}_s.safetensors"
        model = read_model(path)
        assert model.styles == (style,)
        np.testing.assert_array_equal(
            model.weights["up1.scale"][0], both.weights["up1.scale"][place]
        )
        np.testing.assert_array_equal(model.weights["last.weight"], both.weights["last.weight"])
        card = json.loads(card_path(path).read_text())
        assert card["losses"] == {"px": 256, "styles": {style: styles[style]}}
        assert card["part_of"] == {"model": "a_b_s", "styles": ["a", "b"]}
        assert (card["model"], card["command"]) == (f"{style}_s", "ttirace ...")
    assert "a_s.safetensors is there already" in ttirace("stylize", "split", whole, "-o", out).error


def test_what_cannot_be_split(ttirace: Ttirace, tmp_path: Path) -> None:
    whole = model_file(tmp_path, "s", ("a", "b"))
    assert ttirace("stylize", "split", whole, "-o", tmp_path / "bare").code == 0
    assert not list((tmp_path / "bare").glob("*.json"))  # it has no card, nor have they
    write_card(whole, {"model": "another"})
    done = ttirace("stylize", "split", whole, "-o", tmp_path / "other")
    assert "not the card of a network of several styles" in done.error
    assert not list((tmp_path / "other").iterdir())
    assert "no such file" in ttirace("stylize", "split", "none.safetensors", "-o", tmp_path).error
    done = ttirace("stylize", "split", whole, "-o", whole)
    assert (done.code, done.error.count("\n")) == (2, 0), done
