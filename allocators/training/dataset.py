"""A data set on disk: a folder of HDF5 shards, each a function of the seed and its number alone.

So a run that was killed goes on with the shards that are missing, and the bytes depend neither on
that nor on how many processes wrote them. Every shard, and ``dataset.h5``, which joins them
without a copy, holds ``gain (N, K, K)`` and ``power (N, K)`` in single precision.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.training.samples import Setting, label_gains
from sim.channel.hdf5 import write_hdf5
from sim.deadline.errors import InputError, check_range
from sim.deadline.files import unfinished
from sim.deadline.locks import Lock
from sim.deadline.manifest import write_json
from sim.deadline.models.model_file import Float32Array
from sim.deadline.reading import check_regular, read_json
from sim.deadline.workers import interrupts_held, live_and_die_with_parent
from sim.seeding import stream

if TYPE_CHECKING:
    import h5py

_FORMAT = 1
_SETTINGS = "settings.json"
_MOST_SHARDS = 100_000  # five digits in their names


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """All that the bytes of a data set depend on.

    Raises:
        InputError: a size or the seed is too small, or there are too many shards.
    """

    setting: Setting
    samples: int
    shard_size: int = 10_000
    seed: int = 1

    def __post_init__(self) -> None:
        check_range("samples", self.samples, 1)
        check_range("shard_size", self.shard_size, 1)
        check_range("seed", self.seed, 0)
        if self.shards > _MOST_SHARDS:
            raise InputError(
                f"samples: {self.samples} are {self.shards} shards of {self.shard_size}; want at"
                f" most {_MOST_SHARDS}: fewer samples, or a larger shard_size"
            )

    @property
    def shards(self) -> int:
        """Number of shards; the last may be smaller than the others."""
        return -(-self.samples // self.shard_size)

    def size(self, shard: int) -> int:
        """Return how many samples a shard holds."""
        return min(self.shard_size, self.samples - shard * self.shard_size)

    def bytes(self, samples: int) -> int:
        """Return how much room so many samples take."""
        links = self.setting.links
        return 4 * samples * links * (links + 1)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a flat record."""
        return {
            "format": _FORMAT,
            **asdict(self.setting),
            "labels": "wmmse, at most 100 iterations, tolerance 1e-3",
            "samples": self.samples,
            "shard_size": self.shard_size,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that is complete, to read."""

    folder: Path
    settings: DatasetSettings

    def shards(self, order: Iterator[int] | None = None) -> Iterator[tuple[Float32Array, ...]]:
        """Yield ``(gain, power)`` shard by shard, in the given order.

        Raises:
            InputError: a shard is damaged.
        """
        import h5py

        for index in order if order is not None else range(self.settings.shards):
            path = shard_path(self.folder, index)
            with h5py.File(path) as file:
                gain, power = file["gain"][:], file["power"][:]
            if not (_lie_within(gain, float(np.finfo(np.float32).max)) and _lie_within(power, 1.0)):
                raise InputError(
                    f"{path}: damaged: a gain or power that is not finite or out of its range;"
                    " delete it and run the same ttirace dataset command again"
                )
            yield gain, power


def _lie_within(values: Float32Array, most: float) -> bool:
    return bool(values.min() >= 0.0 and values.max() <= most)  # a NaN does not


def write_dataset(
    folder: Path,
    settings: DatasetSettings,
    workers: int,
    on_samples: Callable[[int], None] = lambda _: None,
) -> None:
    """Write every shard that is not there yet, then the file that joins them.

    Args:
        folder: made if it does not exist.
        settings: what to write.
        workers: processes; 1 works in this one.
        on_samples: told how many more samples are there; first those found from an earlier run.

    Raises:
        InputError: the folder holds something else, or cannot be written, or there is no room for
            so much; another process is at it; a worker was killed.
        KeyboardInterrupt: as it came, with what is left as its message.
    """
    check_range("workers", workers, 1)
    try:
        with _sole(folder), _claimed(folder, settings):
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)  # of a process that was killed as it wrote
            missing = [i for i in range(settings.shards) if not _is_complete(folder, settings, i)]
            wanted = sum(settings.size(i) for i in missing)
            _check_room(folder, settings.bytes(wanted))
            on_samples(settings.samples - wanted)
            for index in _write(folder, settings, missing, workers):
                on_samples(settings.size(index))
            _join(folder, settings)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise InputError(f"{folder}: cannot write here: {reason}") from None
    except KeyboardInterrupt:
        kept = len(list(folder.glob("shard-*.h5")))
        raise KeyboardInterrupt(
            f"interrupted; {kept} of {settings.shards} shards are kept: the same command goes on"
        ) from None
    except BrokenProcessPool:
        raise InputError(
            f"{folder}: a worker process was killed (out of memory?); the same command goes on"
        ) from None


def open_dataset(folder: Path) -> Dataset:
    """Open a data set that `write_dataset` has finished.

    Raises:
        InputError: not a data set, or shards are missing.
    """
    path = folder / _SETTINGS
    try:
        record = _read_record(path)
    except OSError:
        raise InputError(f"{folder}: not a data set: no {_SETTINGS}; see ttirace dataset") from None
    try:
        settings = DatasetSettings(
            Setting(int(record["links"]), str(record["channel"]), float(record["snr_db"])),
            int(record["samples"]),
            int(record["shard_size"]),
            int(record["seed"]),
        )
        same = settings.to_json() == record
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise InputError(f"{path}: not the settings of a data set") from None
    if not same:
        raise InputError(f"{path}: written by another version of this program; write it anew")
    missing = [i for i in range(settings.shards) if not _is_complete(folder, settings, i)]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {settings.shards} shards are missing;"
            " run the same ttirace dataset command again to finish it"
        )
    return Dataset(folder, settings)


def shard_path(folder: Path, index: int) -> Path:
    """Return where a shard is."""
    return folder / f"shard-{index:05d}.h5"


def write_shard(folder: Path, settings: DatasetSettings, index: int) -> int:
    """Draw, label and write one shard; the file appears whole or not at all. Return its index."""
    rng = stream(settings.seed, "dataset", index)
    gain = settings.setting.draw(rng, settings.size(index))
    power = label_gains(settings.setting, gain)

    def fill(file: h5py.File) -> None:
        file["gain"] = gain
        file["power"] = power
        _describe(file, settings)

    write_hdf5(shard_path(folder, index), fill)
    return index


def available_workers() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _write(
    folder: Path, settings: DatasetSettings, missing: list[int], workers: int
) -> Iterator[int]:
    if workers == 1 or len(missing) <= 1:
        for index in missing:
            yield write_shard(folder, settings, index)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(missing)), get_context("spawn"), initializer=live_and_die_with_parent
    )
    try:
        with interrupts_held():
            futures = [pool.submit(write_shard, folder, settings, index) for index in missing]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_room(folder: Path, wanted: int) -> None:
    """Refuse what the disk has no room for, before hours of work show it."""
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise InputError(
            f"{folder}: No space left on device: {wanted / 1e6:,.1f} MB to write,"
            f" {free / 1e6:,.1f} MB are free; want fewer samples or links, or another disk"
        )


@contextmanager
def _sole(folder: Path) -> Iterator[None]:
    """Make the folder, and let nobody else write to it meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = Lock(folder)
    except BlockingIOError:
        raise InputError(
            f"{folder}: is being written by another process; wait for it, or name another folder"
        ) from None
    with closing(lock):
        yield


@contextmanager
def _claimed(folder: Path, settings: DatasetSettings) -> Iterator[None]:
    """Let a folder be for these settings; if not a shard comes of it, it is for any again."""
    _claim(folder, settings)
    try:
        yield
    except BaseException:
        if not any(folder.glob("shard-*.h5")):
            (folder / _SETTINGS).unlink(missing_ok=True)
        raise


def _claim(folder: Path, settings: DatasetSettings) -> None:
    """Write the settings into a new folder, or compare them with what an old one was begun with."""
    path = folder / _SETTINGS
    wanted = settings.to_json()
    if not path.exists():
        # What a full disk or a kill left of the settings themselves is in nobody's way.
        present = {file.name for file in folder.iterdir()}
        if present - unfinished(present, [_SETTINGS]):
            raise InputError(f"{folder}: holds other files; want a new or empty folder")
        write_json(path, wanted)
        return
    found = _read_record(path)
    changed = [key for key, value in wanted.items() if found.get(key) != value]
    if changed:
        key = changed[0]
        raise InputError(
            f"{folder}: was begun with {key} {found.get(key)}, now {wanted[key]};"
            " give the same settings, or another folder"
        )


def _read_record(path: Path) -> dict[str, Any]:
    """Return what the file of the settings says; it raises OSError if it cannot be read."""
    try:
        record = read_json(path)
    except InputError:
        raise
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise InputError(f"{path}: not the settings of a data set")
    return record


def _is_complete(folder: Path, settings: DatasetSettings, index: int) -> bool:
    import h5py

    links = settings.setting.links
    size = settings.size(index)
    path = shard_path(folder, index)
    check_regular(path)
    try:
        with h5py.File(path) as file:
            gain, power = file["gain"], file["power"]
            return bool(gain.shape == (size, links, links) and power.shape == (size, links))
    except (OSError, KeyError, AttributeError):
        return False


def _join(folder: Path, settings: DatasetSettings) -> None:
    import h5py

    links = settings.setting.links

    def fill(file: h5py.File) -> None:
        for name, shape in (("gain", (links, links)), ("power", (links,))):
            whole = h5py.h5s.create_simple((settings.samples, *shape))
            properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            properties.set_obj_track_times(False)  # or the bytes would depend on the date
            for index in range(settings.shards):
                size = settings.size(index)
                first = (index * settings.shard_size, *(0 for _ in shape))
                whole.select_hyperslab(first, (size, *shape))
                source = shard_path(folder, index).name.encode()
                piece = h5py.h5s.create_simple((size, *shape))
                properties.set_virtual(whole, source, name.encode(), piece)
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, whole, dcpl=properties)
        _describe(file, settings)

    write_hdf5(folder / "dataset.h5", fill)


def _describe(file: Any, settings: DatasetSettings) -> None:
    file.attrs.update(settings.to_json())
    file.attrs["noise_w"] = settings.setting.noise_w
    file.attrs["p_max_w"] = 1.0
