"""What the fuzz has found, each as small as it can be."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml
from in_process import TINY, Ttirace

from sim.deadline import InputError, read_log

PROFILE = Path(__file__).parents[2] / "allocators" / "profiles" / "epyc_zen4.json"


@pytest.fixture
def log(tmp_path: Path, ttirace: Ttirace) -> Path:
    (tmp_path / "it.yaml").write_text(TINY)
    out = tmp_path / "out"
    assert ttirace("run", tmp_path / "it.yaml", "-o", out, "--no-plots").code == 0
    return out / "log"


@pytest.mark.parametrize("harm", ["cut", "empty"])
def test_a_damaged_log_is_told(harm: str, log: Path) -> None:
    (part,) = log.iterdir()
    content = part.read_bytes()
    part.write_bytes({"cut": content[:-9], "empty": b""}[harm])
    with pytest.raises(InputError, match=r"00000\.parquet: damaged, cannot be read \(.*\)$"):
        read_log(log)


def test_every_page_of_a_log_has_a_checksum(log: Path) -> None:
    """Without, most flipped bits of a log read as other times. (Names of columns have none.)"""
    (part,) = log.iterdir()
    content = part.read_bytes()
    before, unnoticed = read_log(log), 0
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for at in range(4, footer, 17):
        spoiled = bytearray(content)
        spoiled[at] ^= 1
        part.write_bytes(bytes(spoiled))
        try:
            unnoticed += read_log(log) != before
        except InputError:
            continue
    assert unnoticed == 0


def test_a_profile_that_does_not_unpack_is_named(tmp_path: Path, ttirace: Ttirace) -> None:
    header = json.loads(PROFILE.read_text())
    content = bytearray(PROFILE.with_suffix(".parquet").read_bytes())
    content[40 : len(content) // 2] = bytes(len(content) // 2 - 40)
    header["parquet_sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "p.parquet").write_bytes(content)
    (tmp_path / "p.json").write_text(json.dumps(header))
    scenario = yaml.safe_load(TINY) | {
        "allocators": ["wmmse"],
        "compute": {"latency": {"calibrated": "p"}},
    }
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(scenario))
    assert (
        f"{tmp_path / 'p.parquet'}: is no profile: "
        in ttirace("validate", tmp_path / "it.yaml").error
    )


def test_a_data_set_without_one_of_its_shards_is_not_zeros(
    tmp_path: Path, ttirace: Ttirace
) -> None:
    words = ["--links", "3", "--samples", "30", "--shard-size", "10", "--workers", "1"]
    assert ttirace("dataset", tmp_path / "d", *words).code == 0
    compare = [
        "compare",
        tmp_path / "d" / "dataset.h5",
        "--snr-db",
        "0",
        "--allocators",
        "max_power",
    ]
    assert ttirace(*compare).code == 0
    shutil.move(tmp_path / "d" / "shard-00001.h5", tmp_path)
    assert "'shard-00001.h5', and there is no such file" in ttirace(*compare).error


@pytest.mark.parametrize("data", ["text", ["list"], 3, None, {"dataset": "text"}])
def test_a_card_that_says_nothing_of_its_data_is_let_be(
    data: object, tmp_path: Path, ttirace: Ttirace
) -> None:
    weights = PROFILE.parents[1] / "weights"
    shutil.copy(weights / "dnn_k10.safetensors", tmp_path / "it.safetensors")
    card = json.loads((weights / "dnn_k10.json").read_text()) | {"data": data}
    (tmp_path / "it.json").write_text(json.dumps(card))
    words = ["--suite", "quick", "--links", "10", "--channels", "2", "--json"]
    assert ttirace("evaluate", tmp_path / "it.safetensors", *words).code == 0


@pytest.mark.parametrize("option", ["--samples", "--shard-size", "--seed"])
def test_numbers_that_no_file_can_hold(option: str, tmp_path: Path, ttirace: Ttirace) -> None:
    """Of the size of a shard HDF5 said after the work that there is no such type."""
    options = {"--links": 3, "--samples": 20, "--workers": 1} | {option: 1 << 63}
    words = [str(word) for pair in options.items() for word in pair]
    name = option[2:].replace("-", "_")
    said = f"{name}: {1 << 63}, want at most {(1 << 63) - 1}"
    assert ttirace("dataset", tmp_path / "d", *words).error == said
    assert not (tmp_path / "d").exists()
