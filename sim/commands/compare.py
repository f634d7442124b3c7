"""`ttirace compare`: rate and time of each allocator on a file of channels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.commands.options import console, plugin_option

if TYPE_CHECKING:
    from rich.table import Table

    from sim.problem import FloatArray


_DEFAULT = "wmmse,fp,dnn,best_link,max_power,random"
_MOST_SNR_DB = 200
_FAR = 100.0  # from a gain of 1: --snr-db is not the SNR that receivers see


@click.command()
@click.argument("channels", type=click.Path(path_type=Path))
@click.option(
    "--allocators",
    metavar="NAME,NAME,...",
    help=f"Shares are of the first. Parameters follow the name: wmmse:backend=numpy. If not "
    f"given: those of {_DEFAULT} that fit.",
)
@click.option("--noise-w", type=float, help="Noise of a receiver in one subband, in W.")
@click.option("--snr-db", type=float, help="Or p_max over noise, in dB (unit gain).")
@click.option(
    "--p-max-w",
    type=float,
    default=1.0,
    show_default=True,
    help="Power cap of a link in one subband, in W.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def compare(
    channels: Path,
    allocators: str | None,
    noise_w: float | None,
    snr_db: float | None,
    p_max_w: float,
    seed: int,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Let every allocator answer every instance of CHANNELS: no slots, no deadlines.

    CHANNELS is an HDF5 file: a trace (H or gain: time, subband, rx, tx) or a bare gain (N, K, K).
    One instance is one time: all its subbands in one call. Times are of one call at a time.

    \b
    Examples:
      ttirace compare scenarios/traces/munich_d2d_k10.h5 --noise-w 1e-13 --p-max-w 0.05
      ttirace compare gains_around_1.h5 --allocators wmmse,dnn,max_power --snr-db 10
    """  # noqa: D301
    from statistics import median

    from sim.channel.trace_file import TraceFile
    from sim.compare import compare as compare_allocators
    from sim.deadline.progress import progress_bar
    from sim.named import listed
    from sim.registry import load_plugin

    for plugin in plugins:
        load_plugin(plugin)
    names = listed("--allocators", _DEFAULT if allocators is None else allocators)
    direct: list[float] = []  # median gain of each piece
    with (
        TraceFile(channels, bare=True) as file,
        progress_bar(channels.name, file.slots, "instances") as advance,
    ):
        result = compare_allocators(
            names,
            _watched(file.pieces(), direct),
            _noise(noise_w, snr_db, p_max_w),
            p_max_w,
            seed,
            lambda more: advance(more, ""),
            leave_out=allocators is None,
        )
    result = {"channels": str(channels), **result}
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        terminal = console()
        terminal.print(_table(result))
        call = result["call_us"]["p50"]
        if call is not None:
            terminal.print(f"The call itself, of an allocator that does nothing: {call:.2f} us")
    gain = median(direct)
    if snr_db is not None and not 1 / _FAR <= gain <= _FAR:
        click.echo(
            f"warning: half of the direct gains are below {gain:.2g}: receivers do not see "
            f"--snr-db {snr_db:g}, which is at a gain of 1; give --noise-w, as in --noise-w 1e-13",
            err=True,
        )
    for why in result["left_out"]:
        click.echo(f"left out: {why}", err=True)
    failed = [entry for entry in result["allocators"] if entry["failed"]]
    for entry in failed:
        click.echo(
            f"warning: {entry['name']}: {entry['failed']} of {result['instances']} failed, first: "
            f"{entry['failure']}",
            err=True,
        )
    return 1 if failed else 0


def _watched(pieces: Iterable[FloatArray], direct: list[float]) -> Iterator[FloatArray]:
    """Yield pieces of a trace, and note the median of the direct gains in each."""
    import numpy as np

    for piece in pieces:
        direct.append(float(np.median(np.diagonal(piece, axis1=-2, axis2=-1))))
        yield piece


def _rate(value: float | None) -> str:
    from sim.deadline.tables import number

    tiny = value is not None and 0.0 < value < 0.001  # bit/s/Hz
    return f"{value:.3g}" if tiny else number(value, 4)


def _noise(noise_w: float | None, snr_db: float | None, p_max_w: float) -> float:
    from math import isfinite

    from sim.deadline import InputError

    if (noise_w is None) == (snr_db is None):
        raise InputError("compare: give either --noise-w or --snr-db")
    if not (isfinite(p_max_w) and p_max_w > 0):
        raise InputError(f"--p-max-w {p_max_w}: must be positive")
    if noise_w is None:
        assert snr_db is not None
        if not abs(snr_db) <= _MOST_SNR_DB:
            raise InputError(
                f"--snr-db {snr_db:g}: want a number of decibels from -{_MOST_SNR_DB} to "
                f"{_MOST_SNR_DB}"
            )
        return float(p_max_w / 10.0 ** (snr_db / 10.0))
    if not (isfinite(noise_w) and noise_w > 0):
        raise InputError(f"--noise-w {noise_w}: must be positive")
    return noise_w


def _table(result: dict[str, Any]) -> Table:
    from rich.markup import escape

    from sim.deadline.tables import number, plain_table
    from sim.report.wording import count

    size = (
        f"{count(result['instances'], 'instance')} of {count(result['links'], 'link')} x "
        f"{count(result['subbands'], 'subband')}"
    )
    table = plain_table(f"{escape(result['channels'])}: {size}")
    table.add_column("allocator")
    first = escape(result["allocators"][0]["name"])
    for heading in ("sum rate bit/s/Hz", f"share of {first}", "time p50 us", "p99 us", "failed"):
        table.add_column(heading, justify="right")
    for entry in result["allocators"]:
        share, time = entry["share"], entry["time_us"]
        table.add_row(
            escape(entry["name"]),
            _rate(entry["sum_rate_bps_hz"]),
            "-" if share is None else f"{share:.2%}",
            number(time["p50"], 2),
            number(time["p99"], 2),
            str(entry["failed"]),
        )
    return table
