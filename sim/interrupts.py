"""Ctrl-C and SIGTERM of a process that is `ttirace`: both end it in order, from its first line on.

It imports next to nothing, as what comes before is what a signal still meets unprepared.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

#: Exit statuses, as shells have them.
INTERRUPTED = 130
TERMINATED = 143

_terminated = False


def exit_on_signals() -> None:
    """End at once and silently when told so: nothing has been done yet that could be lost.

    No exception, which an import on its way would turn into a traceback, or lose in a callback.
    """
    for number, status in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)):
        if signal.getsignal(number) != signal.SIG_IGN:  # as of what a shell has put behind it

            def leave(*_: object, status: int = status) -> NoReturn:
                os._exit(status)

            signal.signal(number, leave)


def raise_on_signals() -> None:
    """From now on have both raise KeyboardInterrupt, so that what is under way is cleared up."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)


def status() -> int:
    """Return what a process that was interrupted ends with."""
    return TERMINATED if _terminated else INTERRUPTED


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    global _terminated
    _terminated = True
    signal.signal(number, signal.SIG_DFL)  # who asks again does not want to wait
    raise KeyboardInterrupt
