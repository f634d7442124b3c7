"""The job log: Parquet parts, each whole once it is there, so that a killed run stays readable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sim.deadline.call import one_line
from sim.deadline.errors import InputError
from sim.deadline.files import whole_file
from sim.deadline.job import Job

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns of every log, with their Arrow types; a domain adds its own behind them.
JOB_COLUMNS: Mapping[str, str] = {
    "index": "int64",
    "release_ns": "int64",
    "start_ns": "int64",
    "finish_ns": "int64",
    "deadline_ns": "int64",
    "outcome": "dictionary",
    "source": "dictionary",
    "service_ns": "int64",
    "work": "int64",
    "controller": "int32",
    "reason": "dictionary",
}

_FIRST_PART = 1024
_LARGEST_PART = 16384


class Jobs(ABC):
    """Takes the jobs of one solver one by one, and makes parts of them.

    The parts double in size from 1,024 rows to 16,384: a run that dies early has lost little, a
    long one has few of them, and the same run always makes the same ones.

    Args:
        name: who the jobs belong to: the column ``label``.
        label: name of the column that holds ``name``.
        extra: further columns, name to Arrow type.
    """

    def __init__(
        self, name: str, label: str = "solver", extra: Mapping[str, str] | None = None
    ) -> None:
        self._name = name
        self._schema = _schema(label, {**JOB_COLUMNS, **(extra or {})})
        self._rows: list[tuple[object, ...]] = []
        self._size = _FIRST_PART
        self._parts = 0

    @abstractmethod
    def parts(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Iterate over the parts that are there, with all columns or those named."""

    @abstractmethod
    def _keep(self, part: pa.Table) -> None:
        """Take the next part."""

    def append(self, job: Job, extra: tuple[object, ...] = ()) -> None:
        """Add one job, with the values of the further columns in their order."""
        self._rows.append(job + extra)
        if len(self._rows) >= self._size:
            self.flush()
            self._size = min(2 * self._size, _LARGEST_PART)

    def flush(self) -> None:
        """Make a part of what is buffered; of no job at all still one, for its columns."""
        if not self._rows and self._parts:
            return
        import pyarrow as pa

        columns: Iterable[Iterable[object]] = (
            zip(*self._rows, strict=True) if self._rows else [[]] * (len(self._schema) - 1)
        )
        arrays = [pa.array([self._name] * len(self._rows), pa.string()).dictionary_encode()]
        for field, column in zip(list(self._schema)[1:], columns, strict=True):
            if pa.types.is_dictionary(field.type):
                arrays.append(pa.array(column, pa.string()).dictionary_encode())
            else:
                arrays.append(pa.array(column, field.type))
        self._keep(pa.table(arrays, schema=self._schema))
        # Together: an interrupt in between would have the rows written twice.
        self._rows, self._parts = [], self._parts + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()


class JobMemory(Jobs):
    """Keeps the jobs of one solver in memory: for many short runs, of which a summary is left."""

    def __init__(
        self, name: str, label: str = "solver", extra: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, label, extra)
        self._kept: list[pa.Table] = []

    def parts(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Iterate over the parts."""
        for part in self._kept:
            yield part if columns is None else part.select(columns)

    def _keep(self, part: pa.Table) -> None:
        self._kept.append(part)


class JobLog(Jobs):
    """Writes the jobs of one solver into a folder, part by part.

    Args:
        folder: where the parts go; made if it is not there.
        name: who the jobs belong to: the file stem and the column ``label``.
        label: name of the column that holds ``name``.
        extra: further columns, name to Arrow type.
    """

    def __init__(
        self, folder: Path, name: str, label: str = "solver", extra: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        super().__init__(name, label, extra)

    def parts(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Iterate over the parts as they are on disk; see `log_parts`."""
        return log_parts(self._folder, columns, self._name)

    def _keep(self, part: pa.Table) -> None:
        """Write the next part.

        Raises:
            InputError: it cannot be written; those before it stay.
        """
        import pyarrow.parquet as pq

        path = self._folder / f"{self._name}-{self._parts:05d}.parquet"
        with whole_file(path) as unfinished:
            pq.write_table(part, unfinished, compression="zstd", write_page_checksum=True)


def log_parts(
    folder: Path, columns: list[str] | None = None, name: str = "*"
) -> Iterator[pa.Table]:
    """Iterate over the whole parts of a log, of a finished run or a killed one.

    Args:
        folder: the log's folder.
        columns: which columns; all if not given.
        name: whose jobs; everyone's if not given.

    Raises:
        InputError: there is no log, or nobody by that name, or a part is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted(folder.glob(f"{name}-?????.parquet"))
    if not paths:
        raise InputError(f"{folder}: no job log here")
    for path in paths:
        try:
            part = pq.read_table(
                path,
                columns=columns,
                use_threads=False,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            part.validate(full=True)  # what no checksum covers must not crash who computes with it
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: damaged, cannot be read ({one_line(error)})") from None
        yield part


def read_log(folder: Path, columns: list[str] | None = None, name: str = "*") -> pa.Table:
    """Return a log as one table; arguments and errors as `log_parts`."""
    import pyarrow as pa

    parts = list(log_parts(folder, columns, name))
    try:
        return pa.concat_tables(parts)
    except pa.ArrowException as error:
        raise InputError(f"{folder}: damaged: its parts differ ({one_line(error)})") from None


def _schema(label: str, columns: Mapping[str, str]) -> pa.Schema:
    import pyarrow as pa

    types = {"dictionary": pa.dictionary(pa.int32(), pa.string())}
    fields = [(label, types["dictionary"])]
    fields += [(name, types.get(kind) or pa.type_for_alias(kind)) for name, kind in columns.items()]
    return pa.schema(fields)
