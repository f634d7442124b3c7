"""Progress bars on the terminal; nothing at all where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allocators.training.train_dnn import Epoch


class Bar:
    """A bar that is told how much more is done, and what to say beside it."""

    def __init__(self, advance: Callable[[int, str], None]) -> None:
        self._advance = advance

    def advance(self, more: int, text: str = "") -> None:
        """Move on by ``more``."""
        self._advance(more, text)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs, if that is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total, text="")
        yield Bar(lambda more, text: progress.update(task, advance=more, text=text))


@contextmanager
def epoch_bar(epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """Show epochs with the validation set's error and share of WMMSE's sum rate."""
    with progress_bar("epochs", epochs) as bar:
        done = 0

        def show(epoch: Epoch) -> None:
            nonlocal done
            text = f"mse {epoch.validation:.5f}, {epoch.share:.2%} of WMMSE"
            bar.advance(epoch.index + 1 - done, text)
            done = epoch.index + 1

        yield show
