"""Photographs to train on: a folder of them, in memory at the size that crops are taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from stylize.pictures import Picture, picture_files, read_picture, resized

#: Shorter side that photographs are kept at: crops of 256 pixels show most of one.
KEPT = 384

#: Every so many photographs one is not trained on, but validated on.
HELD_OUT = 9


@dataclass(frozen=True, slots=True)
class Photos:
    """Photographs, split.

    Attributes:
        train: as ``uint8``, ``(3, H, W)`` each.
        held_out: never trained on.
    """

    train: Sequence[NDArray[np.uint8]]
    held_out: Sequence[NDArray[np.uint8]]

    @classmethod
    def read(cls, files: Sequence[Path], seen: Callable[[], None] | None = None) -> Photos:
        """Read photographs; what is no picture is passed over.

        Args:
            files: from `photo_files`.
            seen: told about every file.

        Raises:
            InputError: fewer than two are of use.
        """
        kept: list[NDArray[np.uint8]] = []
        for path in files:
            try:
                picture = resized(read_picture(path), KEPT)
            except InputError:
                continue  # damaged, or not what its name says
            finally:
                if seen is not None:
                    seen()
            kept.append(np.rint(255.0 * picture).astype(np.uint8))
        if len(kept) < 2:
            raise InputError(f"--photos: {len(kept)} photographs of use; want hundreds, at least 2")
        train = [photo for i, photo in enumerate(kept) if i % HELD_OUT]
        return cls(train, kept[::HELD_OUT])


def read_photos(folder: Path, results: Path | None = None) -> Photos:
    """Read a folder and all below it but results, with a progress bar.

    Raises:
        InputError: no such folder, or fewer than two photographs in it.
    """
    from sim.deadline.progress import progress_bar

    files = photo_files(folder, results)
    with progress_bar("photographs", len(files)) as advance:
        return Photos.read(files, lambda: advance(1, ""))


def photo_files(folder: Path, results: Path | None = None) -> list[Path]:
    """Return the pictures in a folder and below it, but those in a folder of results.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--photos: {folder}: no such folder")
    return picture_files(folder, results)


def crop(photo: NDArray[np.uint8], px: int, rng: np.random.Generator) -> Picture:
    """Return a random square of a photograph, ``(3, px, px)``, at a random scale, maybe mirrored.

    It shows between the whole shorter side and as many pixels as it has itself.
    """
    side = int(rng.integers(px, min(photo.shape[1:]), endpoint=True)) if px < KEPT else KEPT
    top, left = (int(rng.integers(0, length - side, endpoint=True)) for length in photo.shape[1:])
    square = photo[:, top : top + side, left : left + side]
    if rng.integers(2):
        square = square[:, :, ::-1]
    return scaled(square, px)


def centre(photo: NDArray[np.uint8], px: int) -> Picture:
    """Return the largest square in the middle of a photograph, scaled to ``(3, px, px)``."""
    side = min(photo.shape[1:])
    top, left = ((length - side) // 2 for length in photo.shape[1:])
    return scaled(photo[:, top : top + side, left : left + side], px)


def scaled(square: NDArray[np.uint8], px: int) -> Picture:
    """Return a square picture of another size, from 0 to 1."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0)))
    pixels = np.asarray(image.resize((px, px), Image.Resampling.BICUBIC), dtype=np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) / np.float32(255.0)
