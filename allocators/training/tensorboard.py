"""A training's scalars for TensorBoard, where it is wanted and installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from allocators.training.state import Report, State
from sim.deadline.errors import InputError


@contextmanager
def scalar_writer(folder: Path | None) -> Iterator[Callable[[State, Report], None]]:
    """Give an observer that writes an interval's figures; without a folder it does nothing.

    Raises:
        InputError: TensorBoard is not installed.
    """
    if folder is None:
        yield lambda _state, _report: None
        return
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise InputError(
            "--tensorboard needs TensorBoard: pip install 'ttirace[train,tensorboard]'"
        ) from None
    writer = SummaryWriter(folder)

    def write(_state: State, report: Report) -> None:
        for name, value in (
            ("loss", report.loss),
            ("learning_rate", report.learning_rate),
            ("gradient_norm", report.gradient_norm),
            ("skipped", report.skipped),
            *((f"share_of_wmmse/{suite}", share) for suite, share in report.shares.items()),
        ):
            writer.add_scalar(name, value, report.step)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
