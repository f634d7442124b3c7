"""Worker processes that leave Ctrl-C to their parent, and end when it does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers start: they inherit that, and die of none on their way."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def live_and_die_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it does, however it ends.

    A worker of a parent that was killed would otherwise wait for work forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # Not join(): of the libraries that start workers, some leave them nothing to wait on.
        while os.getppid() == parent.pid:
            time.sleep(0.2)
        os._exit(1)
