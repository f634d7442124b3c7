"""Recorded or ray-traced channels, played back slot by slot from HDF5."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sim.channel import checks
from sim.channel.base import Channel
from sim.channel.hdf5 import write_hdf5
from sim.channel.trace_file import AXES, TraceFile
from sim.deadline.errors import InputError
from sim.deadline.files import reason
from sim.problem import FloatArray

if TYPE_CHECKING:
    import h5py


class TraceChannel(Channel):
    """A trace, read as it is needed; memory does not grow with its length.

    The whole file is checked when it is opened.

    Args:
        path: HDF5 file with complex ``H`` or power ``gain``, axes time, subband, rx, tx.
        slot_s: slot length, in seconds.
        slots: how many slots will be asked for.
        sample_interval_s: time from one sample to the next, in seconds, for a file that does not
            say so itself.
        allow_resampling: accept another sample interval than the slot length; slot n then shows
            the last sample taken by the time it starts.

    Attributes:
        path: the file.
        attrs: attributes of the file and of the dataset, as plain Python values.
        sample_interval_s: time from one sample to the next, in seconds.
        rx_m: receivers' positions in metres, ``(K, 2)``, or ``(K, 3)``; None if not in the file.
        tx_m: transmitters' positions, likewise.
        real_amplitude: whether it holds amplitude, but of real numbers.

    Raises:
        InputError: the file is missing, damaged or not a trace; a value is NaN, infinite or (a
            gain) negative; the sample interval is unknown or not the slot length; too few slots.
    """

    def __init__(
        self,
        path: str | Path,
        slot_s: float,
        slots: int,
        *,
        sample_interval_s: float | None = None,
        allow_resampling: bool = False,
    ) -> None:
        checks.positive("slot_s", slot_s)
        checks.count("slots", slots)
        self._file = TraceFile(path)
        try:
            self.path = self._file.path
            self.subbands, self.links = self._file.subbands, self._file.links
            self.attrs = self._file.attrs
            self.sample_interval_s = _sample_interval(self._file, sample_interval_s)
            if not allow_resampling and not _same(self.sample_interval_s, slot_s):
                raise self._file.fail(
                    f"sample_interval_s is {self.sample_interval_s!r} but a slot takes {slot_s!r} "
                    "s, want them equal"
                )
            self._pace = _pace(slot_s, self.sample_interval_s)
            needed = self._sample(slots - 1) + 1
            if self._file.slots < needed:
                raise self._file.fail(
                    f"has {self._file.slots} slots, the scenario needs {needed}: want a longer "
                    "trace or fewer slots"
                )
            self.real_amplitude = self._file.real_amplitude
            self.rx_m, self.tx_m = self._file.positions("rx_m"), self._file.positions("tx_m")
            for _ in self._file.pieces():
                pass
        except BaseException:
            self._file.close()
            raise
        self._slot = 0
        self._piece: FloatArray = np.empty((0, self.subbands, self.links, self.links))
        self._first = 0  # sample at the head of the piece

    @property
    def bandwidth_hz(self) -> float | None:
        """See `TraceFile`."""
        return self._file.bandwidth_hz

    @property
    def carrier_hz(self) -> float | None:
        """Carrier frequency, if the file says it."""
        value = self.attrs.get("carrier_hz")
        return float(value) if isinstance(value, int | float) else None

    @property
    def source(self) -> str | None:
        """Where the trace comes from and whom to credit, if the file says it."""
        value = self.attrs.get("source")
        return None if value is None else str(value)

    def block(self, slots: int) -> FloatArray:
        """Return the power gains of the next ``slots`` slots, ``(slots, S, K, K)``.

        Raises:
            InputError: the trace ends before.
        """
        last = self._sample(self._slot + slots - 1)
        if last >= self._file.slots:
            raise self._file.fail(f"has {self._file.slots} slots, slot {last} was asked for")
        out = np.empty((slots, self.subbands, self.links, self.links))
        samples = np.array([self._sample(self._slot + n) for n in range(slots)], dtype=np.int64)
        done = 0
        while done < slots:
            self._load(int(samples[done]))
            step = int(np.searchsorted(samples[done:], self._first + len(self._piece)))
            out[done : done + step] = self._piece[samples[done : done + step] - self._first]
            done += step
        self._slot += slots
        return out

    def close(self) -> None:
        """Close the file; no more blocks can be read."""
        self._file.close()

    def _sample(self, slot: int) -> int:
        return slot * self._pace.numerator // self._pace.denominator

    def _load(self, sample: int) -> None:
        """Have the piece in memory that holds this sample."""
        size = self._file.piece_slots
        if not self._first <= sample < self._first + len(self._piece):
            self._first = sample - sample % size
            self._piece = self._file.read(self._first, min(self._first + size, self._file.slots))


def read_gains(path: str | Path) -> Iterator[FloatArray]:
    """Iterate over the power gains in a file, ``(n, S, K, K)`` at a time, a few megabytes each.

    Accepts a trace, and a bare ``gain`` or ``H`` of N instances of one subband, ``(N, K, K)``. The
    time between samples does not matter here.

    Raises:
        InputError: at once if the file is missing, damaged or of a wrong shape or type; on the way
            if a value is NaN, infinite or (a gain) negative.
    """
    file = TraceFile(path, bare=True)

    def pieces() -> Iterator[FloatArray]:
        with file:
            yield from file.pieces()

    return pieces()


def write_trace(
    path: str | Path,
    *,
    gain: ArrayLike | None = None,
    H: ArrayLike | None = None,
    sample_interval_s: float,
    rx_m: ArrayLike | None = None,
    tx_m: ArrayLike | None = None,
    **attrs: str | float,
) -> None:
    """Write a trace; the file appears only once it is whole, and `TraceChannel` would take it.

    Args:
        path: where to; an existing file is replaced.
        gain: linear power gain, ``(N, S, K, K)``: time, subband, rx, tx.
        H: complex amplitude, likewise; one of the two.
        sample_interval_s: time from one sample to the next, in seconds.
        rx_m: receivers' positions in metres, ``(K, 2)`` or ``(K, 3)``, if known.
        tx_m: transmitters' positions, likewise.
        attrs: attributes of the file: ``source``, ``carrier_hz``, ``bandwidth_hz``, ...

    Raises:
        InputError: both or neither of the arrays; or what makes a trace invalid.
    """
    if (gain is None) == (H is None):
        raise InputError("gain, H: want one of the two")
    name, unit = ("gain", "linear power gain") if H is None else ("H", "sqrt(linear power gain)")
    data = np.asarray(gain if H is None else H)
    if data.dtype.kind not in "iufc":
        raise InputError(f"{name}: has type {data.dtype}, want numbers")
    interval = checks.positive("sample_interval_s", sample_interval_s)
    path = Path(path)
    places = [
        (place, _positions(place, positions, data.shape[-1:]))
        for place, positions in (("rx_m", rx_m), ("tx_m", tx_m))
        if positions is not None
    ]

    def fill(file: h5py.File) -> None:
        packing = {"compression": "gzip", "shuffle": True} if data.ndim and data.size else {}
        dataset = file.create_dataset(name, data=data, **packing)
        dataset.attrs["axes"] = ", ".join(AXES)
        dataset.attrs["unit"] = unit
        file.attrs["sample_interval_s"] = interval
        file.attrs.update(attrs)
        for place, positions in places:
            file[place] = positions

    def check(part: Path) -> None:
        try:
            with TraceFile(part) as written:
                for _ in written.pieces():
                    pass
        except InputError as error:
            raise InputError(str(error).replace(str(part), str(path))) from None

    try:
        write_hdf5(path, fill, check)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {reason(error)}") from None


def _positions(name: str, positions: ArrayLike, links: tuple[int, ...]) -> FloatArray:
    """Return the positions as a file holds them."""
    given = np.asarray(positions)
    if given.dtype.kind not in "iuf" or given.shape not in ((*links, 2), (*links, 3)):
        raise InputError(
            f"{name}: has shape {given.shape} and type {given.dtype}, "
            "want x and y, and perhaps z, of each link in metres"
        )
    if not np.isfinite(given).all():
        raise InputError(f"{name}: {given.tolist()} is not finite, want metres")
    return given.astype(np.float64)


def _sample_interval(file: TraceFile, given: float | None) -> float:
    """Settle the sample interval between the file and the caller."""
    said = file.attrs.get("sample_interval_s")
    if said is None:
        if given is None:
            raise file.fail("has no attribute 'sample_interval_s', want seconds, there or given")
        return checks.positive("sample_interval_s", given)
    if not isinstance(said, int | float) or not math.isfinite(said) or said <= 0:
        raise file.fail(f"attribute 'sample_interval_s' is {said!r}, want seconds, above 0")
    if given is not None and not _same(float(said), given):
        raise file.fail(f"attribute 'sample_interval_s' is {said!r}, {given!r} was given")
    return float(said)


def _pace(slot_s: float, sample_interval_s: float) -> Fraction:
    """Samples per slot, as a ratio of small integers: rounding must not shift a sample."""
    if _same(slot_s, sample_interval_s):
        return Fraction(1)
    return Fraction(slot_s / sample_interval_s).limit_denominator(1_000_000)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6)  # single precision in the file is good enough
