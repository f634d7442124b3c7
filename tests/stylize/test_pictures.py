"""Pictures of every kind, and files that are none."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sim.deadline import InputError
from stylize.pictures import read_picture, resized, write_picture


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_colours_are_from_zero_to_one_channel_by_channel(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 2), (255, 0, 51))
    image.putpixel((2, 1), (0, 255, 0))
    found = read_picture(saved(image, tmp_path / "a.png"))
    assert found.shape == (3, 2, 3)
    assert found.dtype == np.float32
    assert found[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])
    assert found[:, 1, 2].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 51, (0.2, 0.2, 0.2)),
        ("1", 1, (1.0, 1.0, 1.0)),
        ("I;16", 13107, (0.2, 0.2, 0.2)),
        ("RGBA", (255, 0, 0, 0), (1.0, 1.0, 1.0)),  # nothing of it is seen: white
        ("RGBA", (255, 0, 0, 255), (1.0, 0.0, 0.0)),
        ("LA", (0, 51), (0.8, 0.8, 0.8)),
    ],
)
def test_modes(mode: str, colour: Any, expected: tuple[float, ...], tmp_path: Path) -> None:
    found = read_picture(saved(Image.new(mode, (4, 3), colour), tmp_path / "a.png"))
    assert found[:, 1, 1].tolist() == pytest.approx(expected, abs=1e-6)


def test_palettes_with_and_without_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert read_picture(saved(image, tmp_path / "a.png"))[:, 0, 0].tolist() == [1.0, 0.0, 0.0]
    path = saved(image, tmp_path / "b.png", transparency=1)
    assert read_picture(path)[:, 0, 0].tolist() == [1.0, 1.0, 1.0]


def test_cmyk(tmp_path: Path) -> None:
    path = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path / "a.jpg", quality=100)
    red, green, blue = read_picture(path)[:, 8, 8]
    assert red > 0.9
    assert max(green, blue) < 0.1


def test_floating_point(tmp_path: Path) -> None:
    pixels = np.array([[0.0, 0.5], [1.0, np.nan]], np.float32)
    path = saved(Image.fromarray(pixels), tmp_path / "a.tiff")
    assert read_picture(path)[0].tolist() == [[0.0, 0.5], [1.0, 0.0]]


def test_it_stands_upright_as_its_exif_data_say(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    found = read_picture(saved(image, tmp_path / "a.png", exif=exif))
    assert found.shape == (3, 4, 2)
    assert found[0, 0, 1] == 1.0


def test_the_first_of_several(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(path)[:, 4, 4].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1)])
def test_thin_ones(width: int, height: int, tmp_path: Path) -> None:
    found = read_picture(saved(Image.new("RGB", (width, height), "red"), tmp_path / "a.png"))
    assert found.shape == (3, height, width)


def bomb(path: Path, side: int) -> Path:
    """Write a PNG of a few bytes that says it has side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    end = chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + end)
    return path


@pytest.mark.parametrize("side", [10_001, 60_000])
def test_bombs_are_not_unpacked(side: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: .*[^)]; want at most 100,000,000$"):
        read_picture(bomb(tmp_path / "a.png", side))


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"no picture at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]
)
def test_what_is_no_picture(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a.png: (no picture|a damaged)") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tiff", ".bmp"])
def test_what_was_cut_off(suffix: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(256, size=(64, 64, 3), dtype=np.uint8)
    path = saved(Image.fromarray(pixels), tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a damaged picture|no picture"):
        read_picture(path)


def test_of_a_damaged_tiff_only_our_error_speaks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(1).integers(256, size=(64, 64, 3), dtype=np.uint8)
    path = saved(Image.fromarray(pixels), tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)
    with pytest.raises(InputError, match="a damaged picture"):
        read_picture(path)
    assert capfd.readouterr().err == ""
    os.write(2, b"later\n")  # standard error is as it was
    assert capfd.readouterr().err == "later\n"
    # There is something to keep away.
    with pytest.raises(OSError, match="-2"), Image.open(path) as opened:
        opened.load()
    assert capfd.readouterr().err


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a folder; want a picture"):
        read_picture(tmp_path)


def test_damaged_exif_data_are_passed_over_in_silence(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "x" * 40
    content = exif.tobytes()
    path = saved(Image.new("RGB", (4, 2), "red"), tmp_path / "a.jpg", exif=content[:20])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path).shape[0] == 3
    # There is something to warn of.
    with pytest.warns(UserWarning, match="Corrupt EXIF"), Image.open(path) as opened:
        opened.getexif().tobytes()


def test_whatever_a_decoder_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("Failed to decode image")

    path = saved(Image.new("RGB", (4, 2)), tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "convert", fails)
    with pytest.raises(InputError, match=r"a damaged picture \(Failed to decode image\)"):
        read_picture(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_what_is_written_can_be_read(suffix: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 32, dtype=np.float32)
    picture = np.stack(
        [np.tile(ramp, (32, 1)), np.tile(ramp[:, None], (1, 32)), np.full((32, 32), 0.5)]
    )
    write_picture(tmp_path / f"a{suffix}", picture.astype(np.float32))
    found = read_picture(tmp_path / f"a{suffix}")
    assert np.abs(found - picture).mean() < (0.003 if suffix == ".png" else 0.03)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    picture = np.zeros((3, 4, 4), np.float32)
    with pytest.raises(InputError, match=r"cannot write '.xyz'; want .png"):
        write_picture(tmp_path / "a.xyz", picture)
    with pytest.raises(InputError, match="cannot be written"):
        write_picture(tmp_path / "none" / "a.png", picture)


def test_another_size_keeps_the_shape() -> None:
    picture = np.zeros((3, 20, 40), np.float32)
    assert resized(picture, 10).shape == (3, 10, 20)
    assert resized(picture, 80).shape == (3, 80, 160)
    assert resized(np.zeros((3, 1, 5000), np.float32), 2).shape == (3, 2, 10000)
    with pytest.raises(InputError, match="size: 0"):
        resized(picture, 0)
    with pytest.raises(InputError, match="want at most"):
        resized(np.zeros((3, 1, 5000), np.float32), 200)


def test_a_side_that_the_format_has_no_number_for(tmp_path: Path) -> None:
    long = np.zeros((3, 1, 20_000), dtype=np.float32)
    with pytest.raises(InputError, match=r"o\.webp: cannot be written"):
        write_picture(tmp_path / "o.webp", long)
    assert not list(tmp_path.iterdir())
