"""A training's scalars for TensorBoard, where it is wanted and installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sim.deadline.errors import InputError

if TYPE_CHECKING:
    from allocators.training.train_dnn import Epoch


@contextmanager
def scalar_writer(folder: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """Give a function that writes an epoch's figures; without a folder it does nothing.

    Raises:
        InputError: TensorBoard is not installed.
    """
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise InputError(
            "--tensorboard needs TensorBoard: pip install 'ttirace[train,tensorboard]'"
        ) from None
    writer = SummaryWriter(folder)

    def write(epoch: Epoch) -> None:
        for name, value in (
            ("mse/training", epoch.loss),
            ("mse/validation", epoch.validation),
            ("share_of_wmmse/validation", epoch.share),
        ):
            writer.add_scalar(name, value, epoch.index)

    try:
        yield write
    finally:
        writer.close()
