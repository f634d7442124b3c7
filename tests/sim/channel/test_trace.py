from __future__ import annotations

import math
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.channel import TraceChannel, read_gains, write_trace
from sim.channel.hdf5 import is_endless
from sim.deadline.errors import InputError

MUNICH = Path(__file__).parents[3] / "scenarios" / "traces" / "munich_d2d_k10.h5"
N, S, K = 20, 2, 3


@pytest.fixture
def gain() -> np.ndarray:
    return np.random.default_rng(1).random((N, S, K, K))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.h5"


def write_raw(path: Path, name: str, data: object, axes: object = None, interval: object = 1e-3):
    """Write what `write_trace` refuses to."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(name, data=data)
        if axes is not None:
            dataset.attrs["axes"] = axes
        if interval is not None:
            file.attrs["sample_interval_s"] = interval


def complaint(path: Path, slot_s: float = 1e-3, slots: int = N, **options: object) -> str:
    """Return what is said of a bad trace: one line that names the file."""
    with pytest.raises(InputError) as caught:
        TraceChannel(path, slot_s, slots, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


# Good traces


def test_gain_round_trip(path, gain):
    write_trace(
        path, gain=gain, sample_interval_s=1e-3, source="made up", carrier_hz=3.5e9, bandwidth_hz=20
    )
    channel = TraceChannel(str(path), 1e-3, N)
    assert (channel.subbands, channel.links) == (S, K)
    assert channel.sample_interval_s == 1e-3
    assert (channel.source, channel.carrier_hz, channel.bandwidth_hz) == ("made up", 3.5e9, 20.0)
    assert channel.attrs["axes"] == "time, subband, rx, tx"
    assert channel.rx_m is None
    block = channel.block(N)
    assert block.flags.c_contiguous
    assert np.array_equal(block, gain)
    assert not list(path.parent.glob("*.part"))


def test_positions_come_back(path, gain):
    rx_m, tx_m = np.arange(2 * K).reshape(K, 2), np.arange(3.0 * K).reshape(K, 3)
    write_trace(path, gain=gain, sample_interval_s=1e-3, rx_m=rx_m, tx_m=tx_m)
    channel = TraceChannel(path, 1e-3, N)
    assert np.array_equal(channel.rx_m, rx_m)
    assert np.array_equal(channel.tx_m, tx_m)


def test_positions_of_signalling_nan_are_nan(path, gain):
    rx_m = np.ones((K, 2), np.float32)
    rx_m.view(np.uint32)[1, 0] = 0x7F800001  # warns when it is converted
    write_raw(path, "gain", gain)
    with h5py.File(path, "a") as file:
        file["rx_m"] = rx_m
    assert np.argwhere(np.isnan(TraceChannel(path, 1e-3, N).rx_m)).tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float32, np.float64, np.int16])
def test_amplitude_is_squared(path, gain, dtype):
    h = (4 * gain * np.exp(1j * gain) if np.dtype(dtype).kind == "c" else 4 * gain).astype(dtype)
    write_trace(path, H=h, sample_interval_s=1e-3)
    block = TraceChannel(path, 1e-3, N).block(N)
    wide = h.astype(np.complex128)
    assert block == pytest.approx(wide.real**2 + wide.imag**2, rel=1e-14)


def test_what_is_not_said_is_none(path, gain):
    write_raw(path, "gain", gain)
    channel = TraceChannel(path, 1e-3, N)
    assert channel.source is channel.carrier_hz is channel.bandwidth_hz is None


@pytest.mark.parametrize("axes", [b"time,subband,rx,tx", ["time", "subband", "rx", "tx"]])
def test_other_spellings_of_the_axes(path, gain, axes):
    write_raw(path, "gain", gain, axes=axes)
    assert TraceChannel(path, 1e-3, N).block(1).shape == (1, S, K, K)


def test_interval_on_the_dataset_and_in_single_precision(path, gain):
    write_raw(path, "gain", gain, interval=None)
    with h5py.File(path, "a") as file:
        file["gain"].attrs["sample_interval_s"] = np.float32(1e-3)
    assert TraceChannel(path, 1e-3, N).block(N).shape[0] == N


def test_interval_given_by_the_caller(path, gain):
    write_raw(path, "gain", gain, interval=None)
    assert "no attribute 'sample_interval_s'" in complaint(path)
    channel = TraceChannel(path, 1e-3, N, sample_interval_s=1e-3)
    assert np.array_equal(channel.block(N), gain)


def test_fewer_slots_than_the_trace_has(path, gain):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    channel = TraceChannel(path, 1e-3, 5)
    assert np.array_equal(channel.block(5), gain[:5])


def test_past_the_end(path, gain):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    channel = TraceChannel(path, 1e-3, N)
    channel.block(N - 1)
    with pytest.raises(InputError, match="has 20 slots, slot 20 was asked for"):
        channel.block(2)
    assert np.array_equal(channel.block(1), gain[-1:])
    assert channel.block(0).shape == (0, S, K, K)


@settings(max_examples=40, deadline=None)
@given(
    pace=st.fractions(min_value="1/14", max_value=5, max_denominator=14),
    cut=st.integers(0, 30),
)
def test_resampling_holds_the_last_sample(tmp_path_factory, pace, cut):
    path = tmp_path_factory.mktemp("pace") / "trace.h5"
    sample = np.arange(200.0).reshape(200, 1, 1, 1)
    write_trace(path, gain=sample, sample_interval_s=1e-3)
    channel = TraceChannel(path, float(pace) * 1e-3, 40, allow_resampling=True)
    played = np.concatenate((channel.block(cut), channel.block(40 - cut)))
    assert played.ravel().tolist() == [math.floor(n * pace) for n in range(40)]


def test_resampling_needs_the_slots_it_will_reach(path, gain):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    TraceChannel(path, 2e-3, N // 2, allow_resampling=True)
    assert "has 20 slots, the scenario needs 21" in complaint(
        path, 2e-3, N // 2 + 1, allow_resampling=True
    )


def test_munich():
    channel = TraceChannel(MUNICH, 1e-3, 2000)
    assert (channel.subbands, channel.links) == (4, 10)
    assert channel.carrier_hz == 3.5e9
    assert channel.bandwidth_hz == 20e6
    assert "OpenStreetMap" in channel.source
    assert channel.rx_m.shape == channel.tx_m.shape == (10, 2)
    with h5py.File(MUNICH) as file:
        h = file["H"][:].astype(np.complex128)
    played = np.concatenate([channel.block(n) for n in (1, 498, 2, 999, 500)])
    np.testing.assert_allclose(played, np.abs(h) ** 2, rtol=1e-12)


def test_compare_reads_traces_and_bare_gains(path, gain):
    write_raw(path, "gain", gain, interval=None)
    assert np.array_equal(np.concatenate(list(read_gains(path))), gain)
    write_raw(path, "gain", gain[:, 0], interval=None)
    assert np.array_equal(np.concatenate(list(read_gains(path))), gain[:, :1])
    write_raw(path, "H", -gain[:, 0], interval=None)
    assert np.concatenate(list(read_gains(path))) == pytest.approx(gain[:, :1] ** 2)


@pytest.mark.parametrize("chunks", [None, (3, 1, 40, 40), (64, 1, 5, 5), (300, 1, 40, 40)])
def test_a_large_file_comes_in_pieces(path, chunks):
    gain = np.random.default_rng(2).random((300, 1, 40, 40))
    with h5py.File(path, "w") as file:
        file.create_dataset("gain", data=gain, chunks=chunks)
        file.attrs["sample_interval_s"] = 1e-3
    pieces = list(read_gains(path))
    assert np.array_equal(np.concatenate(pieces), gain)
    if chunks and chunks[0] < 300:
        assert len(pieces) > 1
        assert all(len(piece) % chunks[0] == 0 for piece in pieces[:-1])
    assert np.array_equal(TraceChannel(path, 1e-3, 300).block(300), gain)


# Bad files


def test_missing(path):
    assert "no such file, want an HDF5 file" in complaint(path)


def test_a_folder(tmp_path):
    assert complaint(tmp_path) == f"{tmp_path}: is a folder, want an HDF5 file"


@pytest.mark.parametrize("name", ["rx_m", "tx_m"])
@pytest.mark.parametrize(
    "positions",
    [np.ones((K + 1, 2)), np.ones((K, 4)), np.ones(K), 1.0, np.ones((K, 2), complex), [b"x"] * K],
)
def test_positions_of_something_else(path, gain, name, positions):
    write_raw(path, "gain", gain)
    with h5py.File(path, "a") as file:
        file[name] = positions
    said = complaint(path)
    assert said.startswith(f"{path}: dataset {name!r}: has shape ")
    assert said.endswith(f"want x and y, and perhaps z, of each of {K} links in metres")
    with h5py.File(path, "a") as file:
        del file[name]
        file.create_group(name)
    assert complaint(path) == f"{path}: dataset {name!r}: is a group, want an array"


@pytest.mark.parametrize("content", [b"", b"slots: 20\n", bytes(5000)])
def test_not_hdf5(path, content):
    path.write_bytes(content)
    assert "not a readable HDF5 file" in complaint(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated(path, gain, share):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "damaged" in complaint(path)


def test_a_heap_that_hdf5_would_never_leave(path, gain):
    """Free space of no length behind the last string: h5py would hang, deaf to Ctrl-C."""
    write_raw(path, "gain", gain, axes="time, subband, rx, tx")
    assert not is_endless(path)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    at = heap + 16
    while (index := int.from_bytes(content[at : at + 2], "little")) != 0:
        assert index <= 2
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    free = int.from_bytes(content[at + 8 : at + 16], "little")
    assert at + free == heap + int.from_bytes(content[heap + 8 : heap + 16], "little")
    content[at + 8 : at + 16] = bytes(8)
    path.write_bytes(content)
    assert "a global heap without an end" in complaint(path)


def test_bytes_that_look_like_a_heap_are_none(path, gain):
    gain.reshape(-1)[3] = np.frombuffer(b"GCOL\x01\0\0\0")[0]
    write_raw(path, "gain", gain)
    np.testing.assert_array_equal(np.concatenate(list(read_gains(path))), gain)


def test_damaged_data(path, gain):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    with h5py.File(path) as file:
        chunk = file["gain"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    assert "dataset 'gain': slots 0 to 19: damaged" in complaint(path)


def test_neither_or_both(path, gain):
    write_raw(path, "G", gain)
    assert "has neither dataset 'H' nor 'gain', want one" in complaint(path)
    with h5py.File(path, "w") as file:
        file["H"] = file["gain"] = gain
    assert "has both 'H' and 'gain', want one" in complaint(path)


def test_a_group(path):
    with h5py.File(path, "w") as file:
        file.create_group("gain")
    assert "'gain': is a group, want an array" in complaint(path)


def test_number_of_axes(path, gain):
    write_raw(path, "gain", gain[:, 0])
    assert "has 3 axes, shape (20, 3, 3), want 4 (time, subband, rx, tx)" in complaint(path)
    write_raw(path, "gain", gain[0, 0])
    with pytest.raises(InputError, match=r"has 2 axes, .*want 4 .* or 3 \(time, rx, tx\)"):
        read_gains(path)
    write_raw(path, "gain", 3.0)
    assert "has 0 axes" in complaint(path)
    write_raw(path, "gain", h5py.Empty("f8"))
    assert "has 0 axes" in complaint(path)


def test_not_square(path, gain):
    write_raw(path, "H", gain[:, :, :2])
    assert "'H': has 2 rx and 3 tx, want as many of each" in complaint(path)


def test_empty(path, gain):
    write_raw(path, "gain", gain[:0])
    assert "is empty, shape (0, 2, 3, 3)" in complaint(path)


@pytest.mark.parametrize("axes", ["time, subband, tx, rx", "time rx tx", 7, ["time"]])
def test_other_axes(path, gain, axes):
    write_raw(path, "gain", gain, axes=axes)
    message = complaint(path)
    assert "attribute 'axes' is" in message
    assert "want 'time, subband, rx, tx'" in message


def test_not_numbers(path):
    write_raw(path, "gain", np.full((N, S, K, K), b"a"))
    assert "has type |S1, want numbers" in complaint(path)


def test_complex_gain(path, gain):
    write_raw(path, "gain", gain + 0j)
    assert "has type complex128, want real numbers" in complaint(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e-30])
def test_the_first_bad_gain(path, gain, value):
    gain[7, 1, 2, 0] = gain[7, 1, 2, 1] = gain[9, 0, 0, 0] = value
    write_raw(path, "gain", gain)
    want = f"'gain': [7, 1, 2, 0] is {value}, want a finite gain, 0 or more"
    assert want in complaint(path)
    assert want in complaint(path, slots=2)  # also where the scenario does not go


def test_a_bad_gain_is_shown_as_it_is_stored(path, gain):
    whole = np.rint(gain).astype(np.int16)
    whole[3, 0, 1, 1] = -1
    write_raw(path, "gain", whole)
    assert "'gain': [3, 0, 1, 1] is -1, want" in complaint(path)


@pytest.mark.parametrize("value", [math.nan, complex(0, math.inf), 1e200])
def test_the_first_bad_amplitude(path, gain, value):
    h = -gain.astype(complex)
    h[19, 0, 1, 1] = value
    write_raw(path, "H", h)
    message = complaint(path)
    assert "'H': [19, 0, 1, 1] is" in message
    assert "want a finite amplitude" in message


def test_bad_value_in_a_later_piece(path):
    gain = np.ones((900, 1, 30, 30))
    gain[700, 0, 3, 4] = math.nan
    write_raw(path, "gain", gain)
    assert "[700, 0, 3, 4] is nan" in complaint(path)
    pieces = read_gains(path)  # the first pieces are good
    assert next(pieces).shape[1:] == (1, 30, 30)
    with pytest.raises(InputError, match=r"\[700, 0, 3, 4\] is nan"):
        list(pieces)


def test_another_interval(path, gain):
    write_trace(path, gain=gain, sample_interval_s=2e-3)
    assert "sample_interval_s is 0.002 but a slot takes 0.001 s" in complaint(path)
    assert "is 0.002, 0.001 was given" in complaint(path, sample_interval_s=1e-3)


@pytest.mark.parametrize("interval", [0.0, -1.0, math.nan, "1 ms", [1.0, 2.0]])
def test_bad_interval(path, gain, interval):
    write_raw(path, "gain", gain, interval=interval)
    assert "attribute 'sample_interval_s' is" in complaint(path)


def test_too_few_slots(path, gain):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    assert "has 20 slots, the scenario needs 21" in complaint(path, slots=21)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "want one of the two"),
        ({"gain": np.ones((2, 1, 1, 1)), "H": np.ones((2, 1, 1, 1))}, "want one of the two"),
        ({"gain": np.ones((2, 1, 1))}, "has 3 axes"),
        ({"gain": 1.0}, "has 0 axes"),
        ({"gain": -np.ones((2, 1, 1, 1))}, r"\[0, 0, 0, 0\] is -1"),
        ({"H": [[[["a"]]]]}, "want numbers"),
        ({"gain": np.ones((2, 1, 3, 3)), "rx_m": np.ones((2, 2))}, r"rx_m: has shape \(2, 2\)"),
        ({"gain": np.ones((2, 1, 3, 3)), "tx_m": np.ones((3, 4))}, r"tx_m: has shape \(3, 4\)"),
        ({"gain": np.ones((2, 1, 1, 1)), "tx_m": [["here", "?"]]}, "tx_m: has shape .* type <U4"),
        ({"gain": np.ones((2, 1, 1, 1)), "rx_m": [[0.0, np.nan]]}, "rx_m: .* is not finite"),
        ({"gain": 1.0, "rx_m": [[0.0, 0.0]]}, "rx_m: has shape"),
    ],
)
def test_write_leaves_no_bad_file(path, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        write_trace(path, sample_interval_s=1e-3, **arrays)
    assert ".part" not in str(caught.value)
    assert not list(path.parent.iterdir())


def test_write_to_nowhere(tmp_path, gain):
    with pytest.raises(InputError, match="cannot be written"):
        write_trace(tmp_path / "no" / "trace.h5", gain=gain, sample_interval_s=1e-3)


def test_a_full_disk_is_told_in_a_line_and_leaves_the_older_file(path, gain, capfd):
    write_trace(path, gain=gain, sample_interval_s=1e-3)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(InputError) as error:
            write_trace(path, gain=gain, sample_interval_s=1e-3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(error.value) == f"{path}: cannot be written: File too large"
    assert capfd.readouterr().err == ""
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_h5py_is_imported_only_for_traces():
    code = (
        "import sys, numpy, sim.channel as c; "
        "c.RayleighChannel(2, 1, c.Iid(), numpy.random.default_rng(1)).block(1); "
        "sys.exit('h5py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
