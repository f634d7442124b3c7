"""What one process at a time has."""

from __future__ import annotations

import os
import weakref
from pathlib import Path


class Lock:
    """A file or folder that nobody else has until `close`; what is forgotten or killed lets go.

    Where there are no locks, on Windows and on some file systems, nobody is kept out.

    Args:
        path: a folder that is there, or a file, which is made if it is not there.
        transient: remove the file at the end.

    Raises:
        BlockingIOError: somebody has it.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, transient: bool = False) -> None:
        held = _seized(path)
        self._release = weakref.finalize(self, _let_go, held, path if transient else None)

    def close(self) -> None:
        """Let others have it."""
        self._release()


def _seized(path: Path) -> int | None:
    """Return the handle that holds the lock; None where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    # A link would have what it leads to made, or written to.
    how = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    while True:
        held = os.open(path, how, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            raise
        except OSError:  # a file system without locks
            os.close(held)
            return None
        if _is(held, path):
            return held
        os.close(held)  # who had it removed it after it was opened here: a file nobody else finds


def _is(held: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held), path.stat())
    except FileNotFoundError:
        return False


def _let_go(held: int | None, path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)  # before others can have it, or it would be theirs
    if held is not None:
        os.close(held)
