"""Frames to race over: of a video, of a folder of pictures, or of one photograph, panned."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from sim.deadline.errors import InputError, check_range
from stylize.pictures import LEAST, Picture, is_picture, picture_files, read_picture, resized
from stylize.video import read_video

#: How much of a photograph's width and height a panned frame shows.
_WINDOW = 0.7


#: Frames are kept in memory: so much of it at most.
_MOST_BYTES = 8e9


def frames_of(source: Path, px: int, count: int, results: Path | None = None) -> list[Picture]:
    """Return frames, ``(3, H, W)`` each and all of one size, their shorter side ``px``.

    Args:
        source: a video, a folder of pictures, or one photograph, over which a window moves.
        px: shorter side.
        count: how many at most; of a photograph exactly so many.
        results: where results go; what is plotted there is no frame.

    Raises:
        InputError: nothing of that kind, or no frame in it; frames too small for the loss, or too
            large for memory.
    """
    check_range("--size", px, LEAST)
    if source.is_dir():
        files = picture_files(source, results)[:count]
        if not files:
            raise InputError(f"{source}: no pictures in this folder")
        _check_memory(px, len(files))
        found = [resized(read_picture(path), px) for path in files]
        height, width = (min(frame.shape[axis] for frame in found) for axis in (1, 2))
        return [_middle(frame, height, width) for frame in found]
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if is_picture(source):
        _check_memory(px, count)
        return _panned(read_picture(source), px, count)
    with read_video(source) as video:
        found = []
        for frame in islice(video.frames(), count):  # few videos say how many they have
            found.append(resized(frame, px))
            _check_memory(px, len(found))
    if not found:
        raise InputError(f"{source}: a video without frames")
    return found


def _check_memory(px: int, count: int) -> None:
    """Raise InputError if square frames would not fit."""
    needed = 3 * px * px * count * np.dtype(np.float32).itemsize
    if needed > _MOST_BYTES:
        raise InputError(
            f"--frames: {count:,} of {px} px take {needed / 1e9:,.0f} GB; want at most"
            f" {_MOST_BYTES / 1e9:.0f}: fewer of them, or a smaller --size"
        )


def _middle(frame: Picture, height: int, width: int) -> Picture:
    top, left = (frame.shape[1] - height) // 2, (frame.shape[2] - width) // 2
    return np.ascontiguousarray(frame[:, top : top + height, left : left + width])


def _panned(photo: Picture, px: int, count: int) -> list[Picture]:
    """Move a square window over a photograph, along an ellipse, once around."""
    whole = resized(photo, round(px / _WINDOW))
    room = np.array(whole.shape[1:]) - px
    angles = 2.0 * np.pi * np.arange(count) / count
    places = np.rint((0.5 + 0.5 * np.stack([np.sin(angles), np.cos(angles)], axis=1)) * room)
    return [
        np.ascontiguousarray(whole[:, top : top + px, left : left + px])
        for top, left in places.astype(int).tolist()
    ]
