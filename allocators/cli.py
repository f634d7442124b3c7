"""`ttirace dataset` and `ttirace train`; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from allocators.training.samples import Setting
    from allocators.training.source import Source

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("out", type=_FOLDER)
@click.option("--links", type=int, required=True, help="Number of links, K.")
@click.option("--samples", type=int, required=True, help="Number of channels in all.")
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
    click.echo(f"{out}: {samples} samples of {links} links in {settings.shards} shards")


@click.group()
def train() -> None:
    """Train a learned allocator (needs torch: pip install 'ttirace[train]').

    \b
    Example:
      ttirace train dnn --links 10 -o k10.safetensors
    """  # noqa: D301


@train.command()
@click.option("--links", type=int, required=True, help="Number of links, K.")
@click.option("-o", "--out", type=_FILE, required=True, help="The network, NAME.safetensors.")
@click.option("--data", type=_FOLDER, help="From `ttirace dataset`; drawn on the fly without.")
@click.option("--channel", help="Law of the channels, as in a scenario; rayleigh.")
@click.option("--snr-db", type=float, help="Cap over noise; 0.")
@click.option("--samples", type=int, default=50_000, show_default=True, help="Drawn an epoch.")
@click.option("--renew", type=int, default=4, show_default=True, help="Epochs between draws.")
@click.option("--epochs", type=int, default=200, show_default=True, help="At most.")
@click.option("--batch-size", type=int, default=1000, show_default=True)
@click.option("--learning-rate", type=float, default=1e-2, show_default=True, help="At its peak.")
@click.option(
    "--patience", type=int, default=100, show_default=True, help="Epochs; early stopping."
)
@click.option("--validation", type=int, default=2000, show_default=True, help="Validation samples.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--threads", type=int, default=1, show_default=True, help="One: same bits again.")
@click.option("--tensorboard", type=_FOLDER, help="Write scalars for TensorBoard into this folder.")
def dnn(
    links: int,
    out: Path,
    data: Path | None,
    channel: str | None,
    snr_db: float | None,
    samples: int,
    renew: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    validation: int,
    seed: int,
    threads: int,
    tensorboard: Path | None,
) -> None:
    """Train Sun et al.'s network to imitate WMMSE.

    Leaves the weights (NAME.safetensors) and a card (NAME.json) that says what they were trained
    on and what they are worth on fresh channels. A run that was stopped goes on from
    NAME.checkpoint.safetensors when the same command is given again. Use the result as

    \b
      allocators:
        - dnn: {model: k10.safetensors}

    \b
    Example:
      ttirace train dnn --links 10 -o k10.safetensors                  # new channels all the time
      ttirace train dnn --links 10 --data data/k10 -o k10.safetensors  # from a data set
    """  # noqa: D301
    from allocators.training.card import finish, reserve
    from allocators.training.progress import epoch_bar
    from allocators.training.settings import TrainSettings
    from allocators.training.tensorboard import scalar_writer
    from allocators.training.train_dnn import import_torch
    from allocators.training.train_dnn import train as run
    from sim.deadline.manifest import git_state

    settings = TrainSettings(
        samples=samples,
        renew=renew,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        validation=validation,
        seed=seed,
        threads=threads,
    )
    setting, source = _source(links, channel, snr_db, data, samples, renew, seed)
    checkpoint = reserve(out)
    import_torch()
    git = git_state(
        Path(__file__).parent
    )  # of the code that runs, not of what the tree may be by the end
    with scalar_writer(tensorboard) as write, epoch_bar(epochs) as show:
        trained = run(setting, source, settings, checkpoint, (write, show))
    card = finish(out, checkpoint, setting, source, settings, trained, git)
    share = card["quality"]["share_of_wmmse"]
    click.echo(
        f"{out}: {share['rounded']:.2%} of WMMSE's sum rate, {share['unrounded']:.2%} without"
        f" rounding (full power {share['max_power']:.2%}, random {share['random']:.2%})"
    )


def _source(
    links: int,
    channel: str | None,
    snr_db: float | None,
    data: Path | None,
    samples: int,
    renew: int,
    seed: int,
) -> tuple[Setting, Source]:
    from allocators.training.dataset import open_dataset
    from allocators.training.samples import Setting
    from allocators.training.source import FreshSamples, StoredSamples
    from sim.deadline.errors import InputError

    if data is None:
        setting = Setting(links, channel or "rayleigh", 0.0 if snr_db is None else snr_db)
        return setting, FreshSamples(setting, samples, renew, seed)
    stored = open_dataset(data)
    setting = stored.settings.setting
    for option, given, found in (
        ("--links", links, setting.links),
        ("--channel", channel, setting.channel),
        ("--snr-db", snr_db, setting.snr_db),
    ):
        if given is not None and given != found:
            raise InputError(f"{option}: {given}, but the data set in {data} has {found}")
    return setting, StoredSamples(stored, seed)
