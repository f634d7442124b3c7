"""Pictures in and out: whatever file it is, red, green and blue from 0 to 1, the right way up."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from sim.deadline.files import check_writable, replacing
from sim.deadline.reading import check_regular

if TYPE_CHECKING:
    from PIL import Image

Picture = NDArray[np.float32]

#: More pixels than this are refused, before they are unpacked.
MOST_PIXELS = 100_000_000

#: Networks see no picture with a shorter side; it is continued first.
LEAST = 16

#: A photograph to show styles with: Chelsea, by Stefan van der Walt, CC0; from scikit-image.
SAMPLE = Path(__file__).with_name("samples") / "chelsea.jpg"

_BAND = 256  # rows

#: What is taken for a picture in a folder.
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}

#: What pictures can be written as, and Pillow's names for it.
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def read_picture(path: Path) -> Picture:
    """Return a picture, ``(3, H, W)``: the first of several, rotated as its EXIF data say.

    What is transparent is taken to lie on white; grey, palettes, CMYK and 16 bits are converted.

    Raises:
        InputError: no such file, no picture, a damaged one, or more than `MOST_PIXELS`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if path.is_dir():
        raise InputError(f"{path}: is a folder; want a picture")
    check_regular(path)
    try:
        with warnings.catch_warnings():
            # Of pictures too large, which are refused here, and of EXIF data that are damaged.
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise InputError(
                        f"{path}: {width} x {height} pixels; want at most {MOST_PIXELS:,}"
                    )
                with _libtiff_silenced() if opened.format == "TIFF" else nullcontext():
                    opened.seek(0)
                    turned = ImageOps.exif_transpose(opened)
                return as_array(turned)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: no picture that can be read") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: too many pixels; want at most {MOST_PIXELS:,}") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        # Pillow's decoders raise any of these for what is cut off or damaged.
        raise InputError(f"{path}: a damaged picture ({error})") from None


@contextmanager
def _libtiff_silenced() -> Iterator[None]:
    """Keep away what libtiff writes to standard error itself; Pillow's error says it as well."""
    try:
        kept = os.dup(2)
    except OSError:  # closed: nobody reads it anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def is_picture(path: Path) -> bool:
    """Return whether a file is called, or begins, as a picture does."""
    from PIL import Image

    if path.suffix.lower() in PICTURES:
        return True
    try:
        check_regular(path)
        with Image.open(path):
            return True
    except Exception:  # whatever it is, it is no picture
        return False


def picture_files(folder: Path, results: Path | None = None) -> list[Path]:
    """Return the pictures in a folder and below it, in the order of their paths.

    Args:
        folder: it.
        results: where an earlier command may have left results: its plots do not count.
    """
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    made = None if results is None else results.resolve() / "plots"
    if made is not None and folder.resolve() not in made.parents:
        made = None
    return sorted(
        path
        for path in found
        if path.is_file() and (made is None or made not in path.resolve().parents)
    )


def as_array(image: Image.Image) -> Picture:
    """Return an image of Pillow's as red, green and blue from 0 to 1, ``(3, H, W)``."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _of_grey(np.asarray(image, dtype=np.float64), image.mode)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return as_picture(np.asarray(image.convert("RGB")))


def as_picture(pixels: NDArray[np.uint8]) -> Picture:
    """Return ``(H, W, 3)``, from 0 to 255, as a picture ``(3, H, W)``, from 0 to 1."""
    picture = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
    for colour, plane in enumerate(picture):  # no copy of the whole: it may be large
        np.divide(pixels[:, :, colour], np.float32(255.0), out=plane)
    return picture


def _of_grey(pixels: NDArray[np.float64], mode: str) -> Picture:
    """Return deep grey: 16 bits whatever the mode's name, or floating point from 0 to 1."""
    most = 65535.0 if mode != "F" else max(1.0, float(pixels.max(initial=0.0)))
    grey = np.clip(np.nan_to_num(pixels / most), 0.0, 1.0).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(grey, (3, *grey.shape)))


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture ``(3, H, W)``; it appears whole or not at all.

    Raises:
        InputError: a suffix that is none of `SUFFIXES`, or the file cannot be written.
    """
    _check_suffix(path)
    try:
        with replacing(path) as part:
            as_image(picture).save(part, SUFFIXES[path.suffix.lower()], quality=95)
    except (OSError, ValueError) as error:  # also a side that the format has no number for
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be written ({why})") from None


def check_output(path: Path, inputs: Iterable[Path]) -> None:
    """Raise InputError, before any work is done, if a result cannot be written to ``path``.

    Args:
        path: where it is to go.
        inputs: what must not be overwritten.
    """
    _check_suffix(path)
    check_not_input(path, inputs)


def check_not_input(path: Path, inputs: Iterable[Path]) -> None:
    """Raise InputError if ``path`` is an input, lies in no folder, or cannot be written."""
    if path.exists() and any(each.exists() and path.samefile(each) for each in inputs):
        raise InputError(f"{path}: is an input, too; it would be overwritten: name another file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}")
    check_writable(path)


def continued(picture: Picture, multiple: int = 1) -> Picture:
    """Return a picture ``(3, H, W)`` mirrored on beyond its end, until networks can see it.

    Args:
        picture: of any size.
        multiple: of what its sides are to be multiples; they are at least `LEAST`, too.
    """
    _, height, width = picture.shape
    tall, wide = (max(LEAST, -(-side // multiple) * multiple) for side in (height, width))
    if (tall, wide) == (height, width):
        return picture
    return np.pad(picture, ((0, 0), (0, tall - height), (0, wide - width)), mode="symmetric")


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: cannot write {path.suffix!r}; want {', '.join(SUFFIXES)}")


def as_image(picture: Picture) -> Image.Image:
    """Return a picture ``(3, H, W)`` as an image of Pillow's."""
    from PIL import Image

    return Image.fromarray(as_bytes(picture))


def as_bytes(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture ``(3, H, W)`` as ``(H, W, 3)``, from 0 to 255."""
    _, height, width = picture.shape
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for first in range(0, height, _BAND):  # a whole copy in single precision may not fit
        band = picture[:, first : first + _BAND].transpose(1, 2, 0)
        pixels[first : first + _BAND] = np.rint(255.0 * np.clip(band, 0.0, 1.0))
    return pixels


def resized(picture: Picture, shorter: int) -> Picture:
    """Return a picture ``(3, H, W)`` scaled until its shorter side has so many pixels.

    Raises:
        InputError: that would be less than one, or more than `MOST_PIXELS` in all.
    """
    from PIL import Image

    _, height, width = picture.shape
    if shorter < 1:
        raise InputError(f"size: {shorter}, want at least 1 pixel")
    factor = shorter / min(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size[0] * size[1] > MOST_PIXELS:
        raise InputError(
            f"size: {size[0]} x {size[1]} pixels, once scaled; want at most {MOST_PIXELS:,}"
        )
    return as_array(as_image(picture).resize(size, Image.Resampling.LANCZOS))
