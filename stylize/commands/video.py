"""`ttirace stylize video`: every frame of a video, in a style."""

from __future__ import annotations

from pathlib import Path

import click

from stylize.commands.options import (
    keep_color_option,
    network_option,
    picture_option,
    strength_option,
    threads_option,
)


@click.command()
@click.argument("video", type=click.Path(path_type=Path), metavar="IN")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--style", required=True, help="A shipped style, or a network (.safetensors).")
@network_option
@picture_option
@strength_option
@keep_color_option
@threads_option
def video(
    video: Path,
    out: Path,
    style: str,
    network: str | None,
    size: int | None,
    strength: float,
    keep_color: bool,
    threads: int,
) -> int:
    """Paint the video IN, frame by frame, by a network, into OUT (.mp4, .mkv, .mov).

    Frames know nothing of each other: a still scene flickers a little. Sound is left away. Ctrl-C
    ends the video with the frames so far. An older OUT is replaced. Exit status: 0, 2 if the input
    is wrong, 130 after Ctrl-C.

    \b
    Example:
      ttirace stylize video clip.mp4 clip_starry.mp4 --style starry_night --network s --size 360
    """  # noqa: D301
    from sim.deadline.errors import InputError
    from sim.deadline.progress import progress_bar
    from stylize.fast import Fast
    from stylize.finish import check_strength, finished
    from stylize.pictures import check_not_input, resized
    from stylize.styles import Style
    from stylize.video import check_video_suffix, read_video, write_video

    check_strength(strength)
    check_video_suffix(out)
    check_not_input(out, (video, Path(style)))
    model = Style.named(style, network).trained()
    painter = Fast(model.weights, model.made_of, threads)
    interrupted = False
    with read_video(video) as source, write_video(out, source.rate) as target:
        try:
            with progress_bar(model.styles[0], source.length, "frames") as advance:
                for frame in source.frames():
                    content = frame if size is None else resized(frame, size)
                    target.write(finished(content, painter(content), strength, keep_color))
                    advance(1, "")
        except KeyboardInterrupt:
            click.echo("interrupted: the video holds the frames so far", err=True)
            interrupted = True
        if not target.frames and not interrupted:
            raise InputError(f"{video}: a video without frames")
    frames = "1 frame" if target.frames == 1 else f"{target.frames} frames"
    click.echo(f"{out}: {frames} at {float(source.rate):g}/s, {model.styles[0]}")
    return 130 if interrupted else 0
