"""The garbage collector, kept out of what is timed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[Callable[[], None]]:
    """Collect garbage only when the yielded function is called, between timed stretches.

    A collection that falls into a solver's call would be charged to it, though most of the garbage
    is the simulator's. Where it is paused already, by one who runs many races, it stays so.
    """
    if not gc.isenabled():
        yield _collect
        return
    gc.collect()
    gc.freeze()  # what is there by now lives on: later collections need not visit it
    gc.disable()
    try:
        yield _collect
    finally:
        gc.unfreeze()
        gc.enable()


def _collect() -> None:
    gc.collect(1)
