"""Where a run's results go: one folder for each, never two in one."""

from __future__ import annotations

import shutil
from pathlib import Path

from sim.deadline.errors import InputError


class RunFolder:
    """The folder of one run. Two runs never mix in it.

    Args:
        path: the folder; made if it is not there.
        overwrite: throw away an earlier run's results that lie there.

    Raises:
        InputError: it holds an earlier run, or something else, or cannot be written.
    """

    _OWN: tuple[str, ...] = ("manifest.json", "summary.json", "report.html", "log", "plots")
    _UNFINISHED = (".manifest.json.part", ".summary.json.part")  # where a run was killed

    def __init__(self, path: Path, overwrite: bool = False) -> None:
        self.path = path
        present = folder_contents(path) - set(self._UNFINISHED)
        if "manifest.json" in present and not overwrite:
            raise InputError(f"-o {path}: holds an earlier run; --overwrite replaces it")
        if present - set(self._OWN) or (present and "manifest.json" not in present):
            other = sorted(present - set(self._OWN)) or sorted(present)
            raise InputError(f"-o {path}: holds {other[0]!r}, no run of ours; name another folder")
        try:
            for name in (*self._OWN, *self._UNFINISHED):
                entry = path / name
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
            (path / self._UNFINISHED[0]).touch()
            (path / self._UNFINISHED[0]).unlink()
        except OSError as error:
            raise InputError(f"-o {path}: cannot be written: {error.strerror}") from None

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
