"""Videos in and out, and `ttirace stylize video`."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from in_process import Ttirace
from made_networks import model_file, patches, picture_file

from stylize import video as videos
from stylize.fast import Fast
from stylize.frames import frames_of
from stylize.pictures import as_bytes
from stylize.video import read_video, write_video


def clip(path: Path, frames: int = 5, height: int = 48, width: int = 64) -> Path:
    """Write a video of patches."""
    with write_video(path, Fraction(25)) as writer:
        for seed in range(frames):
            writer.write(patches(seed, height, width))
    return path


@pytest.mark.parametrize("suffix", videos.SUFFIXES)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    with read_video(clip(tmp_path / f"v{suffix}")) as video:
        assert video.rate == 25
        found = list(video.frames())
    assert len(found) == 5
    for seed, frame in enumerate(found):
        assert frame.shape == (3, 48, 64)
        # H.264 keeps colours at half the resolution.
        assert np.abs(frame - patches(seed, 48, 64)).mean() < 0.04


def test_an_odd_row_is_left_away(tmp_path: Path) -> None:
    with read_video(clip(tmp_path / "v.mp4", 2, 33, 51)) as video:
        assert {frame.shape for frame in video.frames()} == {(3, 32, 50)}


def test_a_frame_is_shown_as_a_player_shows_it(tmp_path: Path) -> None:
    """Upright, as telephones record it, and with square pixels."""
    path = clip(tmp_path / "v.mp4", 1)
    with read_video(path) as video:
        (before,) = video.frames()
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd")
    assert content[header + 4] == 0  # its version: of a fixed size
    matrix, one = slice(header + 44, header + 80), 1 << 16
    content[matrix] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)
    path.write_bytes(content)
    with read_video(path) as video:
        (turned,) = video.frames()
    np.testing.assert_array_equal(turned, np.rot90(before, -1, axes=(1, 2)))
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        frame = av.VideoFrame.from_ndarray(as_bytes(patches(1, 48, 64)), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with read_video(tmp_path / "wide.mp4") as video:
        (wide,) = video.frames()
    assert wide.shape == (3, 48, 128)
    assert np.abs(wide[:, :, ::2] - patches(1, 48, 64)).mean() < 0.06


def test_too_small_a_frame(ttirace: Ttirace, tmp_path: Path) -> None:
    network, source, out = model_file(tmp_path), clip(tmp_path / "v.mp4"), tmp_path / "o.mp4"
    done = ttirace("stylize", "video", source, out, "--style", network, "--size", 1)
    assert "1 x 1 pixels; want at least 2 a side" in done.error
    assert not out.exists()


def test_a_video_is_frames_to_race_over(tmp_path: Path) -> None:
    found = frames_of(clip(tmp_path / "v.mp4"), 32, 3)
    assert len(found) == 3
    assert found[0].shape == (3, 32, 43)


def test_the_command(ttirace: Ttirace, tmp_path: Path) -> None:
    network, source, out = model_file(tmp_path), clip(tmp_path / "v.mp4"), tmp_path / "o.mp4"
    done = ttirace("stylize", "video", source, out, "--style", network, "--size", 32)
    assert done.code == 0, done
    assert "5 frames at 25/s, dots" in done.out
    with read_video(out) as video:
        assert {frame.shape for frame in video.frames()} == {(3, 32, 42)}


def test_ctrl_c_keeps_the_frames_so_far(
    ttirace: Ttirace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, source, out = model_file(tmp_path), clip(tmp_path / "v.mp4"), tmp_path / "o.mp4"
    whole, calls, ends = Fast.__call__, [], []

    def interrupted(self: Fast, *arguments: object) -> object:
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(Fast, "__call__", interrupted)
    monkeypatch.setattr("os._exit", ends.append)
    ttirace("stylize", "video", source, out, "--style", network)
    assert ends == [130]
    with read_video(out) as video:
        assert len(list(video.frames())) == 3


def test_bad_input(ttirace: Ttirace, tmp_path: Path) -> None:
    network, source = model_file(tmp_path), clip(tmp_path / "v.mp4")
    photo, out = picture_file(tmp_path / "p.png"), tmp_path / "o.mp4"
    whole = source.read_bytes()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])

    def error(source: Path, out: Path, *more: object) -> str:
        return ttirace("stylize", "video", source, out, "--style", network, *more).error

    for name in ("text", "empty", "cut"):
        assert "no video that can be read" in error(tmp_path / f"{name}.mp4", out)
    assert "no such file" in error(tmp_path / "none.mp4", out)
    assert "is an input, too" in error(source, source)
    assert "cannot write '.avi'" in error(source, tmp_path / "o.avi")
    assert "there is no folder" in error(source, tmp_path / "none" / "o.mp4")
    assert "--strength" in error(source, out, "--strength", 3)
    painting = ttirace("stylize", "video", source, out, "--style", photo)
    assert "no network was trained" in painting.error
    assert not out.exists()
    assert source.read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def test_a_video_without_frames(
    ttirace: Ttirace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, source = model_file(tmp_path), clip(tmp_path / "v.mp4")
    monkeypatch.setattr(videos.Video, "frames", lambda self: iter(()))
    done = ttirace("stylize", "video", source, tmp_path / "o.mp4", "--style", network)
    assert done.error.endswith("v.mp4: a video without frames")
    raced = ttirace("stylize", "race", source, "--style", network, "-o", tmp_path / "out")
    assert raced.error.endswith("v.mp4: a video without frames")
    assert not (tmp_path / "o.mp4").exists()
