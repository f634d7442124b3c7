"""The garbage collector, kept out of what is timed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[Callable[[], None]]:
    """Collect garbage only when the yielded function is called, between timed stretches.

    A collection that falls into a solver's call would be charged to it, though most of the garbage
    is the simulator's.
    """
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()  # what is there by now lives on: later collections need not visit it
    gc.disable()

    def collect() -> None:
        gc.collect(1)

    try:
        yield collect
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
