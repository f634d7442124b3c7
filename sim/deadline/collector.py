"""The garbage collector, kept out of what is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY_S = 0.5  # at the most often
_SHARE = 0.05  # of the time, at most: where torch is loaded, a whole collection takes 0.2 s

_next = 0.0


def collect_now_and_then() -> None:
    """Collect all garbage, unless that was done a moment ago: short races leave little."""
    global _next
    begin = time.monotonic()
    if begin >= _next:
        gc.collect()
        end = time.monotonic()
        _next = end + max(_EVERY_S, (end - begin) / _SHARE)


@contextmanager
def collector_paused() -> Iterator[Callable[[], None]]:
    """Collect garbage only when the yielded function is called, between timed stretches.

    A collection that falls into a solver's call would be charged to it, though most of the garbage
    is the simulator's. Where it is paused already, by one who runs many races, it stays so.
    """
    if not gc.isenabled():
        yield _collect
        return
    collect_now_and_then()
    gc.freeze()  # what is there by now lives on: later collections need not visit it
    gc.disable()
    try:
        yield _collect
    finally:
        gc.unfreeze()
        gc.enable()


def _collect() -> None:
    gc.collect(1)
