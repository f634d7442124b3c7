"""Where a run's results go: one folder for each, never two in one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from sim.deadline.errors import InputError
from sim.deadline.files import part_path, unfinished
from sim.deadline.locks import Lock


class RunFolder:
    """The folder of one run. Two runs never mix in it: it is locked until `close`.

    Args:
        path: the folder; made if it is not there.
        overwrite: throw away an earlier run's results that lie there.
        also: names of further files of the run in it; see `also`.

    Raises:
        InputError: it holds an earlier run, or something else, or cannot be written; another run
            is at work there.
    """

    _OWN: tuple[str, ...] = ("manifest.json", "summary.json", "report.html", "log", "plots")

    def __init__(self, path: Path, overwrite: bool = False, also: Sequence[str] = ()) -> None:
        self.path = path
        own = (*self._OWN, *also)
        folder_contents(path)
        self._lock = self._locked()
        present = folder_contents(path)
        left = unfinished(present, own)  # by a run that was killed: nobody else is at it now
        present -= left
        if "manifest.json" in present and not overwrite:
            raise InputError(f"-o {path}: holds an earlier run; --overwrite replaces it")
        if present - set(own) or (present and "manifest.json" not in present):
            other = sorted(present - set(own)) or sorted(present)
            raise InputError(f"-o {path}: holds {other[0]!r}, no run of ours; name another folder")
        try:
            for name in (*own, *left):
                entry = path / name
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
            probe = part_path(self.manifest)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(f"-o {path}: cannot be written: {error.strerror}") from None

    @classmethod
    def also(cls, path: Path, option: str, file: Path | None) -> tuple[str, ...]:
        """Return the name of a further file of a run if it goes into the run's folder.

        Args:
            path: the folder, there or not.
            option: that names the file.
            file: the file; None if there is none.

        Raises:
            InputError: it would go below that folder, or where a result goes.
        """
        if file is None or not file.resolve().is_relative_to(path.resolve()):
            return ()
        if file.parent.resolve() != path.resolve() or file.name in cls._OWN:
            raise InputError(
                f"{option}: {file} is where results go; want another name in {path}, or elsewhere"
            )
        return (file.name,)

    def close(self) -> None:
        """Let others have the folder; the end of the process does so too."""
        self._lock.close()

    def _locked(self) -> Lock:
        try:
            return Lock(self.path)
        except BlockingIOError:
            raise InputError(
                f"-o {self.path}: a run is at work there; wait for it, or name another folder"
            ) from None
        except OSError as error:
            raise InputError(f"-o {self.path}: cannot be used: {error.strerror}") from None

    @property
    def manifest(self) -> Path:
        """The file that says what was run."""
        return self.path / "manifest.json"

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """Where the job log goes."""
        return self.path / "log"

    @property
    def plots(self) -> Path:
        """Where the plots go."""
        return self.path / "plots"


def folder_contents(path: Path) -> set[str]:
    """Return the names in a folder that is to hold results; it is made if it is not there.

    Raises:
        InputError: it is no folder, or cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        return {entry.name for entry in path.iterdir()}
    except FileExistsError:
        raise InputError(f"-o {path}: is a file; want a folder") from None
    except OSError as error:
        raise InputError(f"-o {path}: cannot be used: {error.strerror}") from None
