"""Channel traces in HDF5: opening one, and saying what is wrong with it.

A trace holds one dataset: complex amplitude ``H`` or power ``gain``, axes time, subband, rx, tx.
Its attributes, or the file's, say more: ``sample_interval_s``, ``axes``, where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sim.channel.checks import positive
from sim.channel.fading import power_gain
from sim.channel.hdf5 import is_endless, short_chunk
from sim.deadline.errors import InputError, shown
from sim.deadline.reading import check_regular
from sim.problem import FloatArray

if TYPE_CHECKING:
    import h5py

AXES = ("time", "subband", "rx", "tx")
_READ_VALUES = 2**18  # at a time: 2 MB of gains
_LARGEST_CHUNK = 1 << 30  # bytes: a chunk is unpacked whole
_LARGEST_SLOT = 2**27  # values, all read at once: 1 GiB of gains; 1,000 links have 2**20
_CHUNK_VALUES = 2**22  # unless the file's own chunks are longer, up to this

#: A signalling NaN would warn wherever it is converted or shown.
_quiet = np.errstate(invalid="ignore")


class TraceFile:
    """An open trace, its shape and types checked; its values are checked as they are read.

    Args:
        path: the HDF5 file.
        bare: accept ``(N, K, K)`` as N instances of one subband.

    Attributes:
        path: the HDF5 file.
        name: ``"H"`` or ``"gain"``.
        slots: N.
        subbands: S.
        links: K.
        attrs: attributes of the file and of the dataset, as plain Python values.

    Raises:
        InputError: no such file, not HDF5 or damaged, or what the dataset is does not fit.
    """

    def __init__(self, path: str | Path, *, bare: bool = False) -> None:
        self.path = Path(path)
        check_regular(self.path)
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a folder, want an HDF5 file")
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file, want an HDF5 file")
        self._file = _opened(self.path)
        try:
            with self._damage():
                self._examine(bare)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fail(self, complaint: str) -> InputError:
        """Return an error that names the file and the dataset."""
        return InputError(f"{self.path}: dataset {self.name!r}: {complaint}")

    def pieces(self) -> Iterator[FloatArray]:
        """Yield the power gains, ``(n, S, K, K)``, in order, a few megabytes at a time.

        Raises:
            InputError: a value is not finite, or a gain is negative; it names the first.
        """
        for start in range(0, self.slots, self.piece_slots):
            yield self.read(start, min(start + self.piece_slots, self.slots))

    @_quiet
    def read(self, start: int, stop: int) -> FloatArray:
        """Return the power gains of slots start..stop, ``(n, S, K, K)``; raises as `pieces`."""
        with self._damage(f"dataset {self.name!r}: slots {start} to {stop - 1}: "):
            raw: NDArray[Any] = self._data[start:stop]
            if self.name == "H":
                gain = power_gain(np.ascontiguousarray(raw, dtype=np.complex128))
            else:
                gain = np.ascontiguousarray(raw, dtype=np.float64)
        # A comparison with NaN is false.
        good = (gain >= 0) & (gain < np.inf)
        if not good.all():
            at = tuple(int(i) for i in np.argwhere(~good)[0])
            index = ", ".join(str(i) for i in (start + at[0], *at[1:]))
            want = "a finite amplitude" if self.name == "H" else "a finite gain, 0 or more"
            raise self.fail(f"[{index}] is {raw[at]}, want {want}")
        return gain.reshape(-1, self.subbands, self.links, self.links)

    @property
    def real_amplitude(self) -> bool:
        """Whether it holds amplitude, but of real numbers: perhaps it is gain by another name."""
        return self.name == "H" and self._data.dtype.kind != "c"

    @property
    def bandwidth_hz(self) -> float | None:
        """Bandwidth of all subbands together, if the file says it.

        Raises:
            InputError: it says something else than a number above zero.
        """
        stated = self.attrs.get("bandwidth_hz")
        if stated is None:
            return None
        return positive(f"{self.path}: attribute 'bandwidth_hz'", stated)

    @_quiet
    def positions(self, name: str) -> FloatArray | None:
        """Return dataset ``rx_m`` or ``tx_m``, a position of each link; None if there is none.

        Raises:
            InputError: it is something else than x and y, and perhaps z, of each link.
        """
        import h5py

        with self._damage():
            if name not in self._file:
                return None
            dataset = self._file[name]
            if not isinstance(dataset, h5py.Dataset):
                raise InputError(f"{self.path}: dataset {name!r}: is a group, want an array")
            shapes = (self.links, 2), (self.links, 3)
            if dataset.dtype.kind not in "iuf" or dataset.shape not in shapes:
                raise InputError(
                    f"{self.path}: dataset {name!r}: has shape {dataset.shape} and type "
                    f"{dataset.dtype}, want x and y, and perhaps z, of each of {self.links} links "
                    "in metres"
                )
            self._check_chunks(dataset)
            return np.asarray(dataset[()], dtype=np.float64)

    @contextmanager
    def _damage(self, where: str = "") -> Iterator[None]:
        """Say of whatever h5py raises that the file is damaged: it raises almost anything."""
        try:
            yield
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(f"{self.path}: {where}out of memory ({_one_line(error)})") from None
        except Exception as error:
            raise InputError(
                f"{self.path}: {where}damaged, cannot be read ({_one_line(error)})"
            ) from None

    def _examine(self, bare: bool) -> None:
        """Find the dataset and check all but its values."""
        import h5py

        found = [name for name in ("H", "gain") if name in self._file]
        if len(found) != 1:
            has = "both 'H' and 'gain'" if found else "neither dataset 'H' nor 'gain'"
            raise InputError(f"{self.path}: has {has}, want one: complex amplitude H or power gain")
        self.name = found[0]
        self._data = self._file[self.name]
        if not isinstance(self._data, h5py.Dataset):
            raise self.fail("is a group, want an array")
        self._check_place()
        attrs = {**self._file.attrs, **self._data.attrs}
        self.attrs = MappingProxyType({name: _plain(value) for name, value in attrs.items()})
        self._check_shape(bare)
        self._check_type()

    def _check_place(self) -> None:
        """Refuse values that lie in other files, but for what `ttirace dataset` joins.

        HDF5 reads any bytes of any file as an array, where a file asks for that; and a file to be
        joined that is not there, as zeros.
        """
        import h5py

        if Path(self._data.file.filename) != self.path:
            raise self.fail(f"lies in another file, {self._data.file.filename!r}; want it in here")
        if self._data.external:
            raise self.fail(f"has its values in {self._data.external[0][0]!r}; want them in here")
        if not self._data.is_virtual:
            self._check_written()
            return
        covered = 0
        for source in self._data.virtual_sources():
            name = source.file_name
            if Path(name).name != name or (self.path.parent / name).is_symlink():
                raise self.fail(f"is joined from {name!r}; want files beside it")
            path = self.path.parent / name
            if name == "." or not path.is_file():
                raise self.fail(f"is joined from {name!r}, and there is no such file beside it")
            with _opened(path) as file:
                part = file.get(source.dset_name)
                if (
                    not isinstance(part, h5py.Dataset)
                    or part.external
                    or part.is_virtual
                    or Path(part.file.filename) != path
                ):
                    raise self.fail(f"is joined from {name!r}, which does not hold its part")
                if part.size != source.vspace.get_select_npoints():
                    raise self.fail(f"is joined from {name!r}, of which a part is missing")
                self._check_chunks(part)
                covered += part.size
        if covered != self._data.size:
            raise self.fail("is joined from files that do not make up all of it")

    def _check_written(self) -> None:
        """Refuse an array of which a part was never written, which HDF5 reads as zeros."""
        data, chunk = self._data, self._data.chunks
        if data.shape is None or data.size == 0 or data.dtype.kind not in "iufc":
            return  # of which more is said later
        if chunk is None:
            whole = data.id.get_storage_size() >= data.size * data.dtype.itemsize
        else:
            if math.prod(chunk) * data.dtype.itemsize > _LARGEST_CHUNK:
                raise self.fail(f"has chunks of {chunk}, want at most {_LARGEST_CHUNK >> 20} MiB")
            counts = (-(-size // step) for size, step in zip(data.shape, chunk, strict=True))
            whole = data.id.get_num_chunks() == math.prod(counts)
            self._check_chunks(data)
        if not whole:
            raise self.fail(f"of shape {data.shape} is not all there: a part was never written")

    def _check_chunks(self, data: h5py.Dataset) -> None:
        if (at := short_chunk(data)) is not None:
            raise InputError(f"{data.file.filename}: damaged: the chunk at {at} is cut short")

    def _check_shape(self, bare: bool) -> None:
        shape: tuple[int, ...] = self._data.shape or ()
        accepted = {4: AXES, 3: ("time", "rx", "tx")} if bare else {4: AXES}
        if len(shape) not in accepted:
            want = " or ".join(f"{n} ({', '.join(axes)})" for n, axes in accepted.items())
            raise self.fail(f"has {len(shape)} axes, shape {shape}, want {want}")
        axes = accepted[len(shape)]
        if shape[-1] != shape[-2]:
            raise self.fail(f"has {shape[-2]} rx and {shape[-1]} tx, want as many of each")
        if 0 in shape:
            raise self.fail(f"is empty, shape {shape}")
        if "axes" in self.attrs:
            said = self.attrs["axes"]
            names = said.split(",") if isinstance(said, str) else said
            if not isinstance(names, list) or [str(n).strip() for n in names] != list(axes):
                raise self.fail(f"attribute 'axes' is {shown(str(said))}, want {', '.join(axes)!r}")
        self.slots, self.links = shape[0], shape[-1]
        self.subbands = shape[1] if len(shape) == 4 else 1

        values = math.prod(shape[1:])
        if values > _LARGEST_SLOT:
            raise self.fail(
                f"shape {shape}: {values:,} values a slot, want at most {_LARGEST_SLOT:,}"
            )

        # Read whole chunks of the file where it has them, so that none is unpacked twice.
        piece = max(1, _READ_VALUES // values)
        chunk = self._data.chunks[0] if self._data.chunks else 1
        if chunk <= piece:
            piece -= piece % chunk
        elif chunk * values <= _CHUNK_VALUES:
            piece = chunk
        self.piece_slots: int = piece

    def _check_type(self) -> None:
        dtype = self._data.dtype
        if dtype.kind not in "iufc":
            raise self.fail(f"has type {dtype}, want numbers")
        if self.name == "gain" and dtype.kind == "c":
            raise self.fail(f"has type {dtype}, want real numbers (complex amplitude is called H)")


def _opened(path: Path) -> h5py.File:
    """Open a file to be read.

    Raises:
        InputError: it is not HDF5, or damaged.
    """
    import h5py

    try:
        if is_endless(path):
            raise InputError(f"{path}: damaged, cannot be read (a global heap without an end)")
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a readable HDF5 file, or damaged ({_one_line(error)})"
        ) from None


def _plain(value: object) -> object:
    """Turn what h5py makes of an attribute into plain Python."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray):
        return _plain(value.item()) if value.size == 1 else [_plain(v) for v in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
