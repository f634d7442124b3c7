"""A progress bar over epochs, with what the network is worth by then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.deadline.progress import progress_bar

if TYPE_CHECKING:
    from allocators.training.train_dnn import Epoch


@contextmanager
def epoch_bar(epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """Show epochs with the validation set's error and share of WMMSE's sum rate."""
    with progress_bar("epochs", epochs) as advance:
        done = 0

        def show(epoch: Epoch) -> None:
            nonlocal done
            text = f"mse {epoch.validation:.5f}, {epoch.share:.2%} of WMMSE"
            advance(epoch.index + 1 - done, text)
            done = epoch.index + 1

        yield show
