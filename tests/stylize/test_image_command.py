"""`ttirace stylize image`, from good input and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from in_process import Ttirace
from made_networks import model_file, patches, picture_file
from PIL import Image

from stylize import slow
from stylize.pictures import read_picture


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return model_file(tmp_path)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return picture_file(tmp_path / "photo.png")


def test_a_network_paints(ttirace: Ttirace, network: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = ttirace("stylize", "image", photo, "--style", network, "-o", out)
    assert done.code == 0, done
    assert "48 x 32, dots, fast" in done.out
    assert read_picture(out).shape == (3, 32, 48)
    assert np.abs(read_picture(out) - read_picture(photo)).mean() > 0.05


def test_size_strength_and_colours(
    ttirace: Ttirace, network: Path, photo: Path, tmp_path: Path
) -> None:
    def painted(*more: object) -> np.ndarray:
        out = tmp_path / "out.png"
        done = ttirace("stylize", "image", photo, "--style", network, "-o", out, *more)
        assert done.code == 0, done
        return read_picture(out)

    assert painted("--size", 64).shape == (3, 64, 96)
    content, full = read_picture(photo), painted()
    np.testing.assert_allclose(painted("--strength", 0), content, atol=0.5 / 255)
    half = painted("--strength", 0.5)
    np.testing.assert_allclose(half, (content + full) / 2, atol=1.1 / 255)
    kept = painted("--keep-color")
    inside = ((kept > 0.01) & (kept < 0.99)).all(axis=0)
    shade = kept - content  # the same in every colour, where nothing is cut off
    assert np.abs(shade - shade.mean(axis=0))[:, inside].max() < 1.1 / 255


@pytest.mark.parametrize("start", ["content", "noise"])
def test_a_painting_is_optimised(ttirace: Ttirace, photo: Path, tmp_path: Path, start: str) -> None:
    painting, out = picture_file(tmp_path / "painting.png", 2), tmp_path / "out.png"
    arguments = ("stylize", "image", photo, "--style", painting, "--style-px", 32, "-o", out)
    done = ttirace(*arguments, "--evaluations", 3, "--start", start)
    assert done.code == 0, done
    assert "painting, gatys" in done.out
    first = out.read_bytes()
    assert ttirace(*arguments, "--evaluations", 3, "--start", start).code == 0
    assert out.read_bytes() == first


@pytest.mark.parametrize("made", [0, 2])
def test_ctrl_c_keeps_the_best_picture_so_far(
    ttirace: Ttirace,
    network: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: int,
) -> None:
    whole = slow.optimise
    kept: list[np.ndarray] = []

    def interrupted(*arguments: object, **more: object) -> object:
        for number, iterate in enumerate(whole(*arguments, **more)):
            if number == made:
                raise KeyboardInterrupt
            kept.append(iterate.picture)
            yield iterate

    ends: list[int] = []
    monkeypatch.setattr(slow, "optimise", interrupted)
    monkeypatch.setattr("os._exit", ends.append)
    out = tmp_path / "out.png"
    ttirace("stylize", "image", photo, "--style", network, "--solver", "gatys", "-o", out)
    assert ends == [130]
    assert out.exists() == bool(made)
    if made:
        np.testing.assert_allclose(read_picture(out), kept[-1], atol=0.51 / 255)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--style", "{photo}", "--style-px", "7"), "--style-px: 7, want at least 32"),
        (("--style", "{photo}", "--network", "s"), "a painting, for which there is no network"),
        (("--style", "{folder}"), "is a folder; want a picture"),
        (("--style", "STARRY_NIHGT"), "did you mean 'starry_night'?"),
        (("--style", "{network}", "--evaluations", "9"), "--evaluations: means something to gatys"),
        (("--style", "{network}", "--start", "noise"), "--start: means something to gatys alone"),
        (("--style", "nobody"), "'nobody' is no style that is shipped and no file"),
        (("--style", "{photo}", "--solver", "fast"), "no network was trained for this painting"),
        (("--style", "{network}", "--solver", "quick"), "--solver: 'quick'; known: fast, gatys"),
        (("--style", "{network}", "--strength", "2"), "--strength: 2.0, want from 0"),
        (("--style", "{network}", "--strength", "nan"), "--strength: nan, want from 0"),
        (("--style", "{network}", "--size", "0"), "size: 0, want at least 1"),
        (("--style", "{network}", "--size", "1000000"), "want at most 100,000,000"),
        (("--style", "{photo}", "--evaluations", "0"), "evaluations: 0, want at least 1"),
        (("--style", "{photo}", "--start", "nose"), "did you mean 'noise'"),
        (("--style", "{photo}", "--size", "4000"), "too many for the optimisation"),
        (("--style", "{network}", "--vgg", "none.safetensors", "--solver", "gatys"), "no such fil"),
        (("--style", "none.safetensors"), "no such file"),
    ],
)
def test_wrong_options(
    ttirace: Ttirace,
    network: Path,
    photo: Path,
    tmp_path: Path,
    more: tuple[str, ...],
    match: str,
) -> None:
    given = [text.format(photo=photo, network=network, folder=tmp_path) for text in more]
    assert match in ttirace("stylize", "image", photo, "-o", tmp_path / "o.png", *given).error
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("photo.png", "is an input, too"),
        ("dots_s.safetensors", "cannot write '.safetensors'"),
        ("o.gif", "cannot write '.gif'"),
        ("o", "cannot write ''"),
        ("none/o.png", "there is no folder"),
        ("folder.png", "is a folder"),
    ],
)
def test_wrong_outputs(
    ttirace: Ttirace, network: Path, photo: Path, tmp_path: Path, out: str, match: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    before = photo.read_bytes(), network.read_bytes()
    arguments = ("stylize", "image", photo, "--style", network, "-o", tmp_path / out)
    assert match in ttirace(*arguments).error
    assert (photo.read_bytes(), network.read_bytes()) == before


def test_a_network_of_several_styles_is_split_first(
    ttirace: Ttirace, photo: Path, tmp_path: Path
) -> None:
    both = model_file(tmp_path, styles=("one", "two"))
    done = ttirace("stylize", "image", photo, "--style", both, "-o", tmp_path / "o.png")
    assert "holds 2 styles; make a network of each with: ttirace stylize split" in done.error


def test_another_name_of_an_input_is_an_input(
    ttirace: Ttirace, network: Path, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.png").symlink_to(photo)
    arguments = ("stylize", "image", photo, "--style", network, "-o", tmp_path / "other.png")
    assert "is an input, too" in ttirace(*arguments).error


def test_whatever_picture_it_is(ttirace: Ttirace, network: Path, tmp_path: Path) -> None:
    """The right result or one clear line, for every kind of file."""
    good = Image.fromarray((255 * patches(3).transpose(1, 2, 0)).astype(np.uint8))
    good.convert("L").save(tmp_path / "grey.png")
    good.convert("P").save(tmp_path / "palette.png")
    good.convert("CMYK").save(tmp_path / "cmyk.jpg")
    good.resize((1, 1)).save(tmp_path / "dot.png")
    good.resize((5000, 1)).save(tmp_path / "line.png")
    good.save(tmp_path / "moving.gif", save_all=True, append_images=[good.rotate(90)])
    alpha = good.convert("RGBA")
    alpha.putalpha(100)
    alpha.save(tmp_path / "alpha.png")
    deep = (65535 * patches(4)[0]).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    good.save(tmp_path / "turned.jpg", exif=turned)
    shapes = {"dot.png": (1, 1), "line.png": (1, 5000), "turned.jpg": (48, 32)}
    for path in sorted(tmp_path.glob("*.*g*")):
        out = tmp_path / "out.webp"
        done = ttirace("stylize", "image", path, "--style", network, "-o", out)
        assert done.code == 0, (path, done)
        assert read_picture(out).shape[1:] == shapes.get(path.name, (32, 48)), path


def test_whatever_is_no_picture(ttirace: Ttirace, network: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    good = picture_file(tmp_path / "good.jpg", 1, 200, 200).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(good[: len(good) // 2])
    for name, match in {
        "text.jpg": "no picture that can be read",
        "empty.png": "no picture that can be read",
        "cut.jpg": "a damaged picture",
        "none.jpg": "no such file",
        ".": "",
    }.items():
        out = tmp_path / "out.png"
        error = ttirace("stylize", "image", tmp_path / name, "--style", network, "-o", out).error
        assert match in error
        assert not out.exists()
