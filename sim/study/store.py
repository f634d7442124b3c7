"""The folder of a study: finished points by their address, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sim.deadline.errors import InputError
from sim.deadline.files import reason, replacing, unfinished
from sim.deadline.folder import folder_contents
from sim.deadline.locks import Lock
from sim.deadline.manifest import content_hash, json_text, write_manifest
from sim.deadline.reading import read_json
from sim.study.columns import RECORD

if TYPE_CHECKING:
    import pyarrow as pa

Record = dict[str, Any]

_FORMAT = 1


class StudyFolder:
    """The folder of a study; a second process is kept out while it is entered.

    Points of other versions of the study may lie in it: they are found by their addresses only,
    and so never taken for others.

    Args:
        path: the folder; made if it is not there.

    Raises:
        InputError: it holds something else, cannot be written, or another study is at work there.
    """

    _OWN = ("study.yaml", "manifest.json", "table.parquet", "targets.parquet", "report.html")
    _FOLDERS = ("points", "report")
    _LOCK = ".lock"

    def __init__(self, path: Path) -> None:
        self.path = path
        present = folder_contents(path)
        own = {*self._OWN, *self._FOLDERS, self._LOCK, *unfinished(present, self._OWN)}
        ours = not present or self._LOCK in present or "study.yaml" in present
        if present - own or not ours:
            other = sorted(present - own) or sorted(present)
            raise InputError(f"-o {path}: holds {other[0]!r}, no study; name another folder")
        self._points = path / "points"
        if self._points.is_symlink():  # files there are removed and replaced
            raise InputError(f"-o {path}: 'points' is a link; want a folder")
        self._lock: Lock | None = None

    def __enter__(self) -> Self:
        lock = self.path / self._LOCK
        try:
            self._lock = Lock(lock)
            lock.write_text(f"process {os.getpid()}", encoding="utf-8")
            self._points.mkdir(exist_ok=True)
            left = unfinished(folder_contents(self.path), self._OWN)
            for part in (*map(self.path.joinpath, left), *self._points.glob(".*.part")):
                part.unlink(missing_ok=True)  # of a process that was killed as it wrote
        except BlockingIOError:
            raise InputError(
                f"-o {self.path}: a study is at work there ({_holder(lock)}); wait for it, or name"
                " another folder"
            ) from None
        except OSError as error:
            self._close()
            raise InputError(f"-o {self.path}: cannot be written: {reason(error)}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def load(self, address: str) -> Record | None:
        """Return the record of a finished point; None if there is none, or not a whole one."""
        try:
            content = read_json(self._points / f"{address}.json")
        except (OSError, ValueError):
            return None
        if not isinstance(content, dict) or content.get("point") != address:
            return None
        record = content.get("record")
        if content.get("sha256") != content_hash([_FORMAT, address, record]):
            return None
        return record if isinstance(record, dict) and record.keys() == RECORD.keys() else None

    def save(self, address: str, record: Record) -> None:
        """Keep the record of a finished point, whole or not at all.

        Raises:
            InputError: it cannot be written; those before it stay.
        """
        content = {
            "point": address,
            "record": record,
            "sha256": content_hash([_FORMAT, address, record]),
        }
        self._publish(
            self._points / f"{address}.json",
            lambda path: path.write_text(json_text(content), encoding="utf-8"),
        )

    def write(self, name: str, text: str) -> None:
        """Write a text file of the study, whole or not at all; errors as `save`."""
        self._publish(self.path / name, lambda path: path.write_text(text, encoding="utf-8"))

    def remove(self, *names: str) -> None:
        """Remove files of the study, if they are there."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file of the study, whole or not at all; errors as `save`."""
        import pyarrow.parquet as pq

        self._publish(
            self.path / name, lambda path: pq.write_table(table, path, compression="zstd")
        )

    def write_manifest(self, status: str, contents: Mapping[str, Any]) -> None:
        """Write the manifest, whole or not at all; errors as `save`."""
        path = self.path / "manifest.json"
        with _told(path):
            write_manifest(path, status, contents)

    def _publish(self, path: Path, write: Callable[[Path], object]) -> None:
        with _told(path), replacing(path) as part:
            write(part)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {reason(error)}; the points finished so far are kept"
        ) from error


def _holder(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, ValueError):
        return "another process"
