"""Videos in and out, by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline.errors import InputError
from sim.deadline.files import replacing
from sim.deadline.reading import check_regular
from stylize.pictures import MOST_PIXELS, Picture, as_bytes, as_picture

#: What videos can be written as: the containers that H.264 is played from, and FFmpeg's names.
SUFFIXES = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}

_LEAST = 2  # pixels of a side: colours are kept for squares of four

_RATE = Fraction(30)  # of a video that does not say


class Video:
    """A video that is being read.

    Attributes:
        rate: frames a second.
        length: how many frames it says that it has; None if it does not say.
    """

    def __init__(self, path: Path, container: Any) -> None:
        self._path, self._container = path, container
        self._stream = container.streams.video[0]
        self.rate: Fraction = self._stream.average_rate or self._stream.guessed_rate or _RATE
        self.length: int | None = self._stream.frames or None
        size = self._stream.codec_context
        if size.width * size.height > MOST_PIXELS:
            raise InputError(
                f"{path}: frames of {size.width} x {size.height} pixels; want at most"
                f" {MOST_PIXELS:,}"
            )

    def frames(self) -> Iterator[Picture]:
        """Yield the frames as red, green and blue from 0 to 1, ``(3, H, W)``.

        Raises:
            InputError: the video is damaged.
        """
        av = _av()
        try:
            for frame in self._container.decode(self._stream):
                yield self._shown(frame)
        except av.FFmpegError as error:
            raise InputError(f"{self._path}: a damaged video ({error.strerror})") from None

    def _shown(self, frame: Any) -> Picture:
        """Return a frame as a player shows it: pixels square, and turned as it says."""
        width = max(1, round(frame.width * (self._stream.sample_aspect_ratio or 1)))
        if width * frame.height > MOST_PIXELS:
            raise InputError(
                f"{self._path}: frames of {width} x {frame.height} pixels, once square"
            )
        pixels = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
        # Counterclockwise, as a display matrix has it.
        return as_picture(np.rot90(pixels, round(frame.rotation / 90)))


@contextmanager
def read_video(path: Path) -> Iterator[Video]:
    """Open a video to read.

    Raises:
        InputError: no such file, no video, or PyAV is missing.
    """
    av = _av()
    check_regular(path)
    try:
        container = av.open(str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: no picture and no video that can be read ({error.strerror})"
        ) from None
    with container:
        if not container.streams.video:
            raise InputError(f"{path}: no video in this file")
        yield Video(path, container)


class Writer:
    """A video that is being written: H.264, frames of one size.

    Args:
        container: of PyAV.
        rate: frames a second.

    Attributes:
        frames: how many have been written.
    """

    def __init__(self, container: Any, rate: Fraction) -> None:
        self._container, self._rate = container, rate
        self._stream: Any = None
        self.frames = 0

    def write(self, picture: Picture) -> None:
        """Add a frame ``(3, H, W)``; a row or column is left away where there is an odd one."""
        av = _av()
        _, height, width = picture.shape
        if min(height, width) < _LEAST:
            raise InputError(f"frames of {width} x {height} pixels; want at least {_LEAST} a side")
        pixels = as_bytes(picture[:, : height - height % 2 or None, : width - width % 2 or None])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._rate)
            self._stream.height, self._stream.width = pixels.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": "18", "preset": "veryfast"}
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Write what is buffered."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())


@contextmanager
def write_video(path: Path, rate: Fraction) -> Iterator[Writer]:
    """Open a video to write; it appears whole, when the block ends well, or not at all.

    Raises:
        InputError: a suffix that is none of `SUFFIXES`, or the file cannot be written.
    """
    check_video_suffix(path)
    av = _av()
    container_format = SUFFIXES[path.suffix.lower()]
    try:
        with replacing(path) as part, av.open(str(part), "w", container_format) as container:
            writer = Writer(container, rate)
            yield writer
            writer.close()
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


def check_video_suffix(path: Path) -> None:
    """Raise InputError unless a video can be written as that."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: cannot write {path.suffix!r}; want {', '.join(SUFFIXES)}")


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise InputError("videos need PyAV: pip install 'ttirace[stylize]'") from None
    return av
