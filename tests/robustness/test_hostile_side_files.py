"""Files that others are read with: pipes, devices, bombs, and links that lead out."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from in_process import TINY, Ttirace

from allocators.evaluation.contenders import contender
from allocators.policy.training.card import read_curve
from allocators.shipped import WEIGHTS
from allocators.training.dataset import DatasetSettings, open_dataset, shard_path, write_dataset
from allocators.training.samples import Setting
from sim.channel.trace_file import TraceFile
from sim.deadline.cost import CHANCES
from sim.deadline.errors import InputError
from sim.deadline.manifest import read_manifest
from sim.deadline.models.checkpoint import read_checkpoint
from sim.deadline.models.model_file import check_card, load
from sim.deadline.models.tensors import write_tensors
from sim.deadline.reading import check_parquet_size, read_json
from sim.profile import load_profile
from sim.report.results import read_results
from sim.study.store import StudyFolder
from stylize.costs import read_costs
from stylize.model_file import losses_of
from stylize.pictures import is_picture, read_picture
from stylize.training.card import card_of_part, history_of
from stylize.video import read_video

DEEP = "[" * 100_000
PROFILE = Path(__file__).parents[2] / "allocators" / "profiles" / "epyc_zen4.json"
SETTINGS = DatasetSettings(Setting(2, "rayleigh", 0.0), samples=4, shard_size=2)


def a_deep_nest(path: Path) -> None:
    path.write_text(DEEP)


def a_nest_that_json_can_read(path: Path) -> None:
    path.write_text('{"sha256": ' + "[" * 300 + "]" * 300 + "}")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)


JSON = [a_deep_nest, a_nest_that_json_can_read, a_pipe, a_device, a_huge_file]
OTHERS = [a_pipe, a_device]

Make = Callable[[Path], None]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[[Path, Make], Path]]:
    """Put something in a file's place; who reads a pipe reads nothing, rather than for ever."""
    pipes: list[Path] = []

    def put(path: Path, make: Make) -> Path:
        path.unlink(missing_ok=True)
        make(path)
        if path.is_fifo():
            pipes.append(path)
            threading.Thread(target=end_at_once, args=(path,), daemon=True).start()
        return path

    def end_at_once(path: Path) -> None:
        with suppress(OSError):
            while path in pipes:
                os.close(os.open(path, os.O_WRONLY))  # waits for who reads

    yield put
    while pipes:
        path = pipes.pop()
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


Place = Callable[[Path, Make], Path]


def complaint(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    return str(error.value)


def video(path: Path) -> None:
    with read_video(path):
        pass


def weights(folder: Path) -> Path:
    return Path(shutil.copy(WEIGHTS / "dnn_k10.safetensors", folder / "it.safetensors"))


def of_card(call: Callable[[Path], object]) -> Callable[[Path], object]:
    def read(card: Path) -> object:
        weights(card.parent)
        return call(card.with_suffix(".safetensors"))

    return read


def of_part(path: Path) -> object:
    return card_of_part(path, "dots", "dots_s")


def data_set(path: Path) -> object:
    return open_dataset(path.parent)


def data_set_again(path: Path) -> object:
    return write_dataset(path.parent, SETTINGS, workers=1)


READERS: list[tuple[Callable[[Path], object], str]] = [
    (of_card(check_card), "it.json"),
    (of_card(read_curve), "it.json"),
    (of_card(losses_of), "it.json"),
    (of_card(of_part), "it.json"),
    (of_card(history_of), "it.json"),
    (load_profile, "it.json"),
    (data_set, "settings.json"),
    (data_set_again, "settings.json"),
    (read_costs, "costs.json"),
]


@pytest.mark.parametrize("make", JSON, ids=lambda make: make.__name__)
@pytest.mark.parametrize("reader", READERS, ids=lambda it: getattr(it[0], "__name__", "") + it[1])
def test_json_is_refused_in_one_line(
    reader: tuple[Callable[[Path], object], str], make: Make, tmp_path: Path, place: Place
) -> None:
    read, name = reader
    (tmp_path / "it.parquet").write_bytes(b"")
    path = place(tmp_path / name, make)
    assert f"{path}: " in complaint(read, path)


@pytest.mark.parametrize("make", JSON, ids=lambda make: make.__name__)
def test_what_is_looked_at_in_passing_is_taken_for_nothing(
    make: Make, tmp_path: Path, place: Place
) -> None:
    path = place(tmp_path / "it.json", make)
    if make is not a_nest_that_json_can_read:
        with pytest.raises(ValueError, match=r"nested|regular|larger"):
            read_json(path)
    assert read_manifest(path) == {}
    with StudyFolder(tmp_path / "study") as study:
        place(tmp_path / "study" / "points" / "a.json", make)
        assert study.load("a") is None


@pytest.mark.parametrize("make", OTHERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "read",
    [check_card, read_picture, video, TraceFile, lambda path: read_checkpoint(path, {}),
     lambda path: load(path, "dnn")],
    ids=["card", "picture", "video", "trace", "checkpoint", "weights"],
)  # fmt: skip
def test_what_is_no_regular_file_is_refused(
    read: Callable[[Path], object], make: Make, tmp_path: Path, place: Place
) -> None:
    path = place(tmp_path / "it.safetensors", make)
    said = complaint(read, path)
    assert said.startswith(f"{path}: is no regular file") or "not a checkpoint" in said
    assert not is_picture(path)


@pytest.mark.parametrize("make", [*OTHERS, Path.mkdir], ids=lambda make: make.__name__)
def test_the_table_of_a_profile_is_named(make: Make, tmp_path: Path, place: Place) -> None:
    shutil.copy(PROFILE, tmp_path / "p.json")
    table = place(tmp_path / "p.parquet", make)
    assert complaint(load_profile, tmp_path / "p.json").startswith(f"{table}: ")


@pytest.mark.parametrize("make", OTHERS, ids=lambda make: make.__name__)
def test_a_shard_is_named(make: Make, tmp_path: Path, place: Place) -> None:
    folder = tmp_path / "set"
    write_dataset(folder, SETTINGS, workers=1)
    shard = place(shard_path(folder, 1), make)
    for call in (data_set, data_set_again):
        assert complaint(call, folder / "it") == f"{shard}: is no regular file"


@pytest.mark.parametrize("make", OTHERS, ids=lambda make: make.__name__)
def test_what_a_report_is_made_of_is_named(
    make: Make, tmp_path: Path, place: Place, ttirace: Ttirace
) -> None:
    study = {"scenario": yaml.safe_load(TINY), "axes": {"seed": [1, 2]}}
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(study))
    out = tmp_path / "out"
    assert ttirace("study", tmp_path / "it.yaml", "-o", out, "--workers", 1).code == 0
    assert read_results(out).name == "it"
    for name in ("study.yaml", "table.parquet"):
        path = place(out / name, make)
        assert complaint(read_results, out) == f"{path}: is no regular file"


def test_deep_nests_in_metadata_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    array = {"a": np.zeros(3, np.float32)}
    write_tensors(path, array, {"architecture": "dnn", "config": DEEP})
    assert complaint(load, path, "dnn") == f"{path}: its metadata hold no config"
    write_tensors(path, array, {"settings": "{}", "progress": DEEP})
    assert f"{path}: not a checkpoint" in complaint(read_checkpoint, path, {})


LONG = "1" + "0" * 400
COST = '"base_ns": 1, "per_work_ns": 1, "typical_ns": 1, "least_ns": 1'


@pytest.mark.parametrize("height", ["1e999", "NaN", "[]"])
def test_sizes_that_no_frame_has_are_refused(height: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text(f'{{"height": {height}, "width": 1, "threads": 1, "costs": {{}}}}')
    assert f"{path}: holds no costs of frames" in complaint(read_costs, path)


@pytest.mark.parametrize("part", ["time", "jitter"])
def test_numbers_without_end_are_refused(part: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    jitter = [1] * len(CHANCES)
    cost = COST + f', "jitter": {jitter}'
    whole = f'{{"height": 1, "width": 1, "threads": 1, "costs": {{"a": {{{cost}}}}}}}'
    path.write_text(whole)
    assert read_costs(path).height == 1
    spoiled = {"time": ('"base_ns": 1', f'"base_ns": {LONG}'), "jitter": ("[1,", f"[{LONG},")}
    path.write_text(whole.replace(*spoiled[part]))
    assert f"{path}: holds no costs of frames" in complaint(read_costs, path)


CARDS = ["[]", "1", "null", f'{{"losses": {{"styles": {{"a": {{"total": {LONG}}}}}}}}}']


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_something_else_is_refused(card: str, tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_text(card)
    said = complaint(losses_of, path.with_suffix(".safetensors"))
    assert said == f"{path}: no card of one style"


def test_a_curve_of_numbers_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    curve = f'[{{"environment_steps": {LONG}}}]'
    path.write_text(f'{{"training": {{"curve": {curve}, "baselines": {{"a": {{}}}}}}}}')
    said = complaint(read_curve, path.with_suffix(".safetensors"))
    assert said.startswith(f"{path}: holds no learning curve")


def test_a_contender_has_a_card_of_any_kind(tmp_path: Path) -> None:
    """An SNR that no float holds is no reason for a traceback."""
    path = weights(tmp_path)
    card = json.loads((WEIGHTS / "dnn_k10.json").read_text())
    text = json.dumps({**card, "data": {"channel": "rayleigh", "snr_db": "@"}})
    path.with_suffix(".json").write_text(text.replace('"@"', LONG))
    assert contender(str(path)).trained_on == ""


def test_a_slot_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.h5"
    size = 12_000
    with h5py.File(path, "w") as file:
        chunked = {"chunks": (1, 1, size, size), "compression": "gzip"}
        gain = file.create_dataset("gain", (1, 1, size, size), "u1", **chunked)
        gain.id.write_direct_chunk((0, 0, 0, 0), b"as good as any")
        file.attrs["sample_interval_s"] = 1e-3
    said = complaint(TraceFile, path)
    assert said.endswith("144,000,000 values a slot, want at most 134,217,728")


def test_a_trace_that_memory_runs_out_of_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it.h5"
    with h5py.File(path, "w") as file:
        file["H"] = np.ones((2, 1, 3, 3), complex)

    def none_left(_: object) -> None:
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr("sim.channel.trace_file.power_gain", none_left)
    with TraceFile(path) as trace:
        said = complaint(trace.read, 0, 2)
    assert said.startswith(f"{path}: dataset 'H': slots 0 to 1: out of memory (Unable")


def test_a_table_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    column = pa.array(np.zeros(1 << 26, np.int8))
    pq.write_table(pa.table({"a": column}), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    said = complaint(read_results, tmp_path)
    assert said.startswith(f"{path}: cannot be read: 67,108,864 rows")


def test_values_inside_of_lists_and_rows_without_any_count(tmp_path: Path) -> None:
    path = tmp_path / "it.parquet"
    pq.write_table(pa.table({"a": [[1.0] * 50, [1.0] * 50]}), path)
    check_parquet_size(pq.read_metadata(path), 102)
    with pytest.raises(ValueError, match="2 rows, 102 rows and values together; want at most 101"):
        check_parquet_size(pq.read_metadata(path), 101)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("theirs", "private", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "theirs"


@pytest.mark.parametrize(
    ("keys", "own", "linked"),
    [
        ({"compute": {"latency": {"calibrated": "p"}}}, "p.json", "p.parquet"),
        ({"compute": {"latency": {"calibrated": "p.json"}}}, "p.json", "p.parquet"),
        ({"compute": {"latency": {"calibrated": "p.parquet"}}}, "p.parquet", "p.json"),
        ({"allocators": [{"dnn": {"model": "n.safetensors"}}]}, "n.safetensors", "n.json"),
    ],
)
def test_the_file_beside_one_is_held_to_the_same(
    keys: dict[str, Any], own: str, linked: str, theirs: Path, ttirace: Ttirace
) -> None:
    source = PROFILE.with_suffix("") if own.startswith("p") else WEIGHTS / "dnn_k10"
    shutil.copy(source.with_suffix(Path(own).suffix), theirs / own)
    there = theirs.parent / "private" / linked
    shutil.copy(source.with_suffix(there.suffix), there)
    (theirs / linked).symlink_to(there)
    scenario = yaml.safe_load(TINY) | {"channel": {"rayleigh": {"links": 10}}} | keys
    (theirs / "it.yaml").write_text(yaml.safe_dump(scenario))
    said = ttirace("validate", theirs / "it.yaml").error
    assert f": {linked} lies outside of {theirs}" in said
    assert f"--files {there.parent}" in said
    assert ttirace("validate", theirs / "it.yaml", "--files", there.parent).code == 0
    (theirs / linked).unlink()
    shutil.copy(there, theirs / linked)
    assert ttirace("validate", theirs / "it.yaml").code == 0


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"channel": {"trace": "a" * 400}}, "channel"),
        ({"compute": {"latency": {"calibrated": "a" * 400}}}, "profile"),
        ({"allocators": [{"dnn": {"model": "a" * 400 + ".safetensors"}}]}, "model"),
        ({"allocators": [{"policy": {"model": "a" * 400 + ".zip"}}]}, "model"),
    ],
)
def test_names_that_no_file_can_have_are_told_with_their_key(
    keys: dict[str, Any], key: str, theirs: Path, ttirace: Ttirace
) -> None:
    (theirs / "it.yaml").write_text(yaml.safe_dump(yaml.safe_load(TINY) | keys))
    said = ttirace("validate", theirs / "it.yaml").error
    assert said.startswith(f"{theirs / 'it.yaml'}: ")
    assert f" {key}: '" in said
    assert said.endswith(" characters: no name that a file can have")
