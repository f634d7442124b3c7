"""`ttirace dataset` and `ttirace train`; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from allocators.training.options import run_training, training_options

_FOLDER = click.Path(path_type=Path, file_okay=False)
_COUNT = click.IntRange(1)


@click.command()
@click.argument("out", type=_FOLDER)
@click.option("--links", type=_COUNT, required=True, help="Number of links, K.")
@click.option("--samples", type=_COUNT, required=True, help="Number of channels in all.")
@click.option(
    "--channel", default="rayleigh", show_default=True, help="Their law, as in a scenario."
)
@click.option("--snr-db", type=float, default=0.0, show_default=True, help="Cap over noise.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=int, help="Processes; all processors if not given.")
@click.option("--shard-size", type=int, default=10_000, show_default=True, help="Samples a file.")
def dataset(
    out: Path,
    links: int,
    samples: int,
    channel: str,
    snr_db: float,
    seed: int,
    workers: int | None,
    shard_size: int,
) -> None:
    """Draw channels and label them with WMMSE's powers, into the folder OUT.

    A run that was stopped goes on when the same command is given again, and ends with the same
    bytes, whatever the number of workers. OUT/dataset.h5 holds gain (N, K, K) and power (N, K).

    \b
    Example:
      ttirace dataset data/k10 --links 10 --samples 1000000
      ttirace train dnn --links 10 --data data/k10 -o k10.safetensors
      ttirace compare data/k10/dataset.h5 --allocators wmmse,dnn --snr-db 0
      ttirace dataset data/town --links 10 --samples 100000 --channel '{geometric: {side: 50 m}}'
    """  # noqa: D301
    from allocators.training import dataset as files
    from allocators.training.samples import Setting
    from sim.deadline.progress import progress_bar

    settings = files.DatasetSettings(Setting(links, channel, snr_db), samples, shard_size, seed)
    with progress_bar("samples", samples, "samples") as advance:
        files.write_dataset(
            out,
            settings,
            files.available_workers() if workers is None else workers,
            lambda more: advance(more, ""),
        )
    shards = f"{settings.shards} shard" + "s" * (settings.shards != 1)
    click.echo(f"{out}: {samples} samples of {links} links in {shards}")


@click.group()
def train() -> None:
    """Train a learned allocator (needs torch: pip install 'ttirace[train]').

    \b
    Example:
      ttirace train dnn --links 10 -o k10.safetensors
    """  # noqa: D301


@train.command()
@click.option("--links", type=_COUNT, required=True, help="Number of links, K.")
@click.option(
    "--members", type=_COUNT, default=1, show_default=True, help="Networks in the ensemble."
)
@training_options()
def dnn(links: int, members: int, **options: Any) -> None:
    """Train Sun et al.'s network, to imitate WMMSE or for the sum rate itself.

    Leaves the weights (NAME.safetensors), a card (NAME.json) that says what they were trained on,
    how, and what they are worth on fresh channels, and a log (NAME.csv). A run that was stopped
    goes on from NAME.checkpoint.safetensors when the same command is given again. Use the result as

    \b
      allocators:
        - dnn: {model: k10.safetensors}

    \b
    Example:
      ttirace train dnn --links 10 -o k10.safetensors                  # new channels all the time
      ttirace train dnn --links 10 --data data/k10 -o k10.safetensors  # from a data set
      ttirace train dnn --links 10 --recipe mine.yaml -o k10.safetensors
      ttirace train dnn --links 10 --objective sum_rate --members 5 -o epcnet.safetensors
    """  # noqa: D301
    run_training("dnn", {"links": links, "members": members}, links, **options)


@train.command()
@click.option("--size", default="m", show_default=True, help="s, m or l.")
@training_options(
    objective="sum_rate",
    recipe="broad",
    steps=25_000,
    interval=500,
    batch_size=64,
    learning_rate=3e-3,
    temperature=0.02,
    validation=500,
)
def unfolded(size: str, **options: Any) -> None:
    """Train the unfolded network: one for any number of links, without labels.

    Leaves what `ttirace train dnn` leaves, and goes on after a stop as it does. Use the result as

    \b
      allocators:
        - unfolded: {model: mine.safetensors}

    \b
    Example:
      ttirace train unfolded --size s -o mine.safetensors
      ttirace train unfolded --size l --recipe mine.yaml --steps 50000 -o mine.safetensors
    """  # noqa: D301
    run_training("unfolded", {"size": size}, None, **options)
