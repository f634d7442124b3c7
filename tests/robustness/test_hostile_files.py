"""Files made to do harm can at worst fail: in one line, quickly, and reading nothing else."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from in_process import TINY, Ttirace

from sim.deadline.errors import shown

GAINS = np.ones((40, 2, 3, 3))


def external_link(file: h5py.File, secret: Path) -> None:
    file["gain"] = h5py.ExternalLink(str(secret), "gain")


def soft_link_to_an_external_one(file: h5py.File, secret: Path) -> None:
    file["there"] = h5py.ExternalLink(str(secret), "/")
    file["gain"] = h5py.SoftLink("/there/gain")


def external_storage(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", GAINS.shape, "u1", external=[(str(secret), 0, GAINS.size)])


def virtual_from_elsewhere(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout(GAINS.shape, "f8")
    layout[:] = h5py.VirtualSource(str(secret), "gain", GAINS.shape)
    file.create_virtual_dataset("gain", layout)


def virtual_from_a_linked_file(file: h5py.File, secret: Path) -> None:
    (Path(file.filename).parent / "beside.h5").symlink_to(secret)
    layout = h5py.VirtualLayout(GAINS.shape, "f8")
    layout[:] = h5py.VirtualSource("beside.h5", "gain", GAINS.shape)
    file.create_virtual_dataset("gain", layout)


def virtual_from_nowhere(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout(GAINS.shape, "f8")
    layout[:] = h5py.VirtualSource("missing.h5", "gain", GAINS.shape)
    file.create_virtual_dataset("gain", layout)


def virtual_with_a_hole(file: h5py.File, secret: Path) -> None:
    with h5py.File(Path(file.filename).parent / "half.h5", "w") as half:
        half["gain"] = GAINS[:20]
    layout = h5py.VirtualLayout(GAINS.shape, "f8")
    layout[:20] = h5py.VirtualSource("half.h5", "gain", GAINS[:20].shape)
    file.create_virtual_dataset("gain", layout)


def virtual_in_itself(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout(GAINS.shape, "f8")
    layout[:] = h5py.VirtualSource(".", "gain", GAINS.shape)
    file.create_virtual_dataset("gain", layout)


def huge(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", (2**40, 2**10, 3, 3), "f4", chunks=(1, 1, 3, 3))


def huge_links(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", (40, 1, 2**20, 2**20), "f4", chunks=(1, 1, 8, 8))


def one_huge_chunk(file: h5py.File, secret: Path) -> None:
    file.create_dataset(
        "gain", (2**19, 64, 3, 3), "f4", chunks=(2**19, 64, 3, 3), compression="gzip"
    )


def a_chunk_too_short_for_its_checksum(file: h5py.File, secret: Path) -> None:
    chunked = {"chunks": (10, 2, 3, 3), "compression": "gzip", "fletcher32": True}
    gain = file.create_dataset("gain", data=GAINS, **chunked)
    gain.id.write_direct_chunk((20, 0, 0, 0), b"abc")


def signalling_amplitudes(file: h5py.File, secret: Path) -> None:
    amplitude = np.ones(GAINS.shape, np.complex64)
    amplitude.view(np.uint32)[7, 1, 2, 2] = 0x7F800001  # a NaN that warns when it is converted
    file["H"] = amplitude


def signalling_gains(file: h5py.File, secret: Path) -> None:
    gain = np.ones(GAINS.shape, np.float32)
    gain.view(np.uint32)[7, 1, 2, 2] = 0x7F800001
    file["gain"] = gain


def never_written(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", GAINS.shape, "f8")


def written_half(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", GAINS.shape, "f8", chunks=(10, 2, 3, 3))[:20] = 1.0


def objects(file: h5py.File, secret: Path) -> None:
    file.create_dataset("gain", data=np.full(GAINS.shape, "x", object), dtype=h5py.string_dtype())


def references(file: h5py.File, secret: Path) -> None:
    file["other"] = 1
    data = np.full(GAINS.shape, file["other"].ref, dtype=h5py.ref_dtype)
    file.create_dataset("gain", data=data, dtype=h5py.ref_dtype)


def compound(file: h5py.File, secret: Path) -> None:
    file["gain"] = np.zeros(GAINS.shape, [("a", "f8"), ("b", "S4")])


def a_ring_of_links(file: h5py.File, secret: Path) -> None:
    file["gain"] = h5py.SoftLink("/H")
    file["other"] = h5py.SoftLink("/gain")


def huge_attribute(file: h5py.File, secret: Path) -> None:
    file["gain"] = GAINS
    file["gain"].attrs["axes"] = "x" * 60_000


HOSTILE: list[Callable[[h5py.File, Path], None]] = [
    external_link, soft_link_to_an_external_one, external_storage, virtual_from_elsewhere,
    virtual_from_a_linked_file, virtual_from_nowhere, virtual_with_a_hole, virtual_in_itself, huge,
    huge_links, one_huge_chunk, a_chunk_too_short_for_its_checksum, signalling_amplitudes,
    signalling_gains, never_written, written_half, objects, references, compound, a_ring_of_links,
    huge_attribute,
]  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_trace_is_refused(make: Any, tmp_path: Path, ttirace: Ttirace) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["gain"] = GAINS
    with h5py.File(folder / "it.h5", "w") as file:
        file.attrs["sample_interval_s"] = 1e-3
        make(file, secret)
    scenario = yaml.safe_load(TINY) | {"channel": {"trace": "it.h5"}}
    (folder / "it.yaml").write_text(yaml.safe_dump(scenario))
    for command in (
        ["run", folder / "it.yaml", "-o", folder / "out"],
        ["compare", folder / "it.h5", "--allocators", "max_power", "--snr-db", "0"],
    ):
        said = ttirace(*command).error
        assert f"{folder / 'it.h5'}: " in said
        assert len(said) < 1000
        assert not (folder / "out" / "summary.json").exists()


def header(tensors: dict[str, Any], data: bytes = bytes(64), length: int | None = None) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


WEIGHTS = {
    "empty": b"",
    "only a length": struct.pack("<Q", 2**63),
    "a header of exabytes": header({}, length=2**60),
    "a header of 2^64 - 1": header({}, length=2**64 - 1),
    "a header longer than the file": header({}, length=10_000),
    "overlapping tensors": header({"a": tensor(0, 32, [8]), "b": tensor(16, 48, [8])}),
    "a hole": header({"a": tensor(0, 16, [4]), "b": tensor(32, 64, [8])}),
    "beyond the end": header({"a": tensor(0, 2**40, [2**38])}),
    "backwards": header({"a": tensor(32, 0, [8])}),
    "a shape that overflows": header({"a": tensor(0, 64, [2**62, 2**62])}),
    "a negative shape": header({"a": tensor(0, 64, [-16])}),
    "a negative offset": header({"a": tensor(-64, 0, [16])}),
    "an unknown type": header({"a": tensor(0, 64, [16], "OBJECT")}),
    "deep nesting": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "not JSON": struct.pack("<Q", 4) + b"\xff\xfe\x00{",
    "a pickle": b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.",
}


@pytest.mark.parametrize("content", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("allocator", ["dnn", "unfolded", "policy"])
def test_hostile_weights_are_refused(
    allocator: str,
    content: bytes,
    tmp_path: Path,
    ttirace: Ttirace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it.safetensors").write_bytes(content)
    scenario = yaml.safe_load(TINY) | {"allocators": [{allocator: {"model": "it.safetensors"}}]}
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(scenario))
    assert "it.safetensors" in ttirace("run", "it.yaml", "-o", "out").error
    assert not (tmp_path / "out" / "summary.json").exists()
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of somebody's, a file outside of it, and go to a third."""
    for name in ("theirs", "private", "here"):
        (tmp_path / name).mkdir()
    with h5py.File(tmp_path / "private" / "mine.h5", "w") as file:
        file["gain"] = GAINS
        file.attrs["sample_interval_s"] = 1e-3
    (tmp_path / "private" / "base.yaml").write_text(TINY)
    (tmp_path / "theirs" / "link.h5").symlink_to(tmp_path / "private" / "mine.h5")
    (tmp_path / "theirs" / "folder").symlink_to(tmp_path / "private")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "theirs"


def named(theirs: Path, **keys: Any) -> Path:
    path = theirs / "it.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(TINY) | keys))
    return path


NAMES = ["../private/mine.h5", "link.h5", "folder/mine.h5", "/absolute"]


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_reaches_no_file_out_of_its_folder(
    name: str, theirs: Path, ttirace: Ttirace
) -> None:
    mine = theirs.parent / "private" / "mine.h5"
    name = str(mine) if name == "/absolute" else name
    path = named(theirs, channel={"trace": name})
    said = ttirace("validate", path).error
    assert said.startswith(f"{path}: channel.trace: {shown(name)} lies outside of {theirs}")
    assert f"--files {mine.parent}" in said
    # who may is asked on the command line, and only for that one command
    assert ttirace("validate", path, "--files", mine.parent).code == 0
    assert ttirace("validate", path).code == 2
    # what stands on the command line is the caller's own
    here = named(theirs)
    assert ttirace("validate", here, "--set", f"channel={{trace: {mine}}}").code == 0


def test_weights_profiles_and_bases_are_held_to_the_same(theirs: Path, ttirace: Ttirace) -> None:
    private = theirs.parent / "private"
    (private / "net.safetensors").write_bytes(b"")
    (private / "p.json").write_text("{}")
    for keys in (
        {"allocators": [{"dnn": {"model": str(private / "net.safetensors")}}]},
        {"allocators": [{"anytime": {"start": {"dnn": {"model": "../private/net.safetensors"}}}}]},
        {"allocators": ["max_power"], "compute": {"latency": {"calibrated": "../private/p"}}},
        {"on_miss": {"fallback": {"dnn": {"model": "folder/net.safetensors"}}}},
    ):
        assert "lies outside of" in ttirace("validate", named(theirs, **keys)).error
    study = theirs / "study.yaml"
    study.write_text(yaml.safe_dump({"scenario": "../private/base.yaml", "axes": {"seed": [1, 2]}}))
    assert "scenario: '../private/base.yaml' lies" in ttirace("study", study, "--dry-run").error
    assert ttirace("study", study, "--dry-run", "--files", private).code == 0


def test_below_its_folder_and_below_the_current_one_it_may(theirs: Path, ttirace: Ttirace) -> None:
    mine = theirs.parent / "private" / "mine.h5"
    (theirs / "traces").mkdir()
    (theirs / "traces" / "own.h5").write_bytes(mine.read_bytes())
    Path("ours.h5").write_bytes(mine.read_bytes())
    assert ttirace("validate", named(theirs, channel={"trace": "traces/own.h5"})).code == 0
    ours = str(Path("ours.h5").absolute())
    assert ttirace("validate", named(theirs, channel={"trace": ours})).code == 0


@pytest.mark.parametrize(
    "name", ["os:system", "os.system", "allocators.wmmse:WMMSE", "mine", "mine.py"]
)
def test_a_scenario_imports_nothing(name: str, theirs: Path, ttirace: Ttirace) -> None:
    for folder in (theirs, Path()):
        (folder / "mine.py").write_text("open('owned', 'w')\n")
    for keys in (
        {"allocators": [name]},
        {"on_miss": {"fallback": name}},
        {"allocators": [{"anytime": {"start": name}}]},
        {"plugins": [name]},
        {"plugin": name},
    ):
        assert ttirace("validate", named(theirs, **keys)).code == 2
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    "command",
    ["run", "study", "validate", "verify", "evaluate", "mismatch", "train dnn", "train unfolded",
     "rl evaluate"],
)  # fmt: skip
def test_whoever_refuses_a_file_says_how_to_permit_it(command: str, ttirace: Ttirace) -> None:
    assert "--files FOLDER" in ttirace(*command.split(), "--help").out
