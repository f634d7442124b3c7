import errno
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from allocators.shipped import WEIGHTS, shipped_models, weights_file
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import (
    Float32Array,
    architecture_of,
    card_path,
    load,
    save,
    write_card,
)
from sim.deadline.models.tensors import write_tensors

Factory = pytest.TempPathFactory

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)}
CONFIG = {"links": 3, "size": "s"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save(path, "dnn", CONFIG, TENSORS)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load(path, "dnn")
    assert "\n" not in str(caught.value)
    assert "net." in str(caught.value)


def test_what_is_written_is_read_again(path: Path) -> None:
    model = load(path, "dnn")
    assert model.config == CONFIG
    assert set(model.tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(model.tensors[name], array)
    assert architecture_of(path) == "dnn"
    model.check({"a": (2, 3), "b": (4,)})
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_the_same_values_are_the_same_bytes(path: Path) -> None:
    content = path.read_bytes()
    for _ in range(10):  # the library's own order of two keys is a matter of chance
        save(path, "dnn", CONFIG, dict(reversed(TENSORS.items())))
        assert path.read_bytes() == content
    assert int.from_bytes(content[:8], "little") % 8 == 0


def test_views_are_written_as_they_look(path: Path) -> None:
    save(path, "dnn", CONFIG, {"a": TENSORS["a"].T})
    np.testing.assert_array_equal(load(path, "dnn").tensors["a"], TENSORS["a"].T)


@pytest.mark.parametrize("keep", [0, 4, 60, 150])
def test_file_cut_short(path: Path, keep: int) -> None:
    content = path.read_bytes()
    assert len(content) > keep
    path.write_bytes(content[:keep])
    refused(path, "not a readable safetensors file")


def test_file_of_something_else(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(10_000))
    refused(path, "not a readable safetensors file")


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_type_that_numpy_does_not_know(path: Path, kind: str, size: int) -> None:
    array = {"dtype": kind, "shape": [2], "data_offsets": [0, 2 * size]}
    metadata = {"architecture": "dnn", "config": "{}"}
    header = json.dumps({"__metadata__": metadata, "a": array}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(2 * size))
    # numpy knows these once somebody, as onnx does, has imported ml_dtypes
    refused(path, "not a readable safetensors file|a: type .*, want float32")


def test_a_folder_in_the_place_of_the_weights(path: Path) -> None:
    write_card(path, {})
    path.unlink()
    path.mkdir()
    refused(path, r"net\.safetensors: cannot be read: Is a directory")


def test_another_architecture_names_both(path: Path) -> None:
    save(path, "unfolded", CONFIG, TENSORS)
    refused(path, "weights of 'unfolded', want 'dnn'")


def test_a_safetensors_file_from_elsewhere(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(TENSORS, path)
    refused(path, "no architecture")
    save_file(TENSORS, path, {"architecture": "dnn"})
    refused(path, "no config")
    save_file(TENSORS, path, {"architecture": "dnn", "config": "[]"})
    refused(path, "no config")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(path: Path, value: float) -> None:
    spoilt = TENSORS["b"].copy()
    spoilt[2] = value
    save(path, "dnn", CONFIG, TENSORS | {"b": spoilt})
    refused(path, "b: holds a value that is not finite")


def test_other_types(path: Path) -> None:
    save(path, "dnn", CONFIG, TENSORS | {"b": np.ones(4)})  # type: ignore[dict-item]
    refused(path, "b: type float64, want float32")


def test_tensors_that_the_architecture_does_not_want(path: Path) -> None:
    model = load(path, "dnn")
    for shapes, message in (
        ({"a": (2, 3)}, "unknown tensor 'b'; want a to a$"),
        ({"a": (2, 3), "b": (4,), "c": (1,)}, "no tensor 'c'; want a to c$"),
        ({"a": (3, 2), "b": (4,)}, r"a: shape \(2, 3\), want \(3, 2\)"),
    ):
        with pytest.raises(InputError, match=message):
            model.check(shapes)


def test_a_card_vouches_for_the_weights(path: Path) -> None:
    card = write_card(path, {"model": "net → ü"})
    assert len(card["sha256"]) == 64
    assert load(path, "dnn").path == path
    assert "net → ü" in json.loads(card_path(path).read_bytes().decode("utf-8"))["model"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    stated = card["sha256"][:12]
    refused(
        path,
        rf"net\.safetensors: checksum \w{{12}}\.\.\., but its card states {stated}\.\.\.:"
        r" the weights were changed or damaged; restore them \(or move the card away\)$",
    )


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"sha256": 3}', '{"sha256": "ab"}'])
def test_cards_that_vouch_for_nothing(path: Path, text: str) -> None:
    card_path(path).write_text(text)
    refused(path, "no sha256|checksum")


def test_shipped_weights_need_their_card(path: Path) -> None:
    shipped = path.parent / "weights" / path.name
    shipped.parent.mkdir()
    path.rename(shipped)
    refused(shipped, r"net\.json: missing")


def test_half_precision_is_read_as_single(path: Path) -> None:
    save(path, "dnn", CONFIG, {name: array.astype(np.float16) for name, array in TENSORS.items()})
    read = load(path, "dnn").tensors
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(read["a"], TENSORS["a"])


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=1, max_dims=4, max_side=4),
        elements=st.floats(-1e3, 1e3, width=32),
    )
)
def test_8_bits_are_within_half_a_step(tmp_path_factory: Factory, values: Float32Array) -> None:
    path = tmp_path_factory.mktemp("bits") / "net.safetensors"
    save(path, "dnn", CONFIG, {"a": values, "b": values}, in_8_bits=["a"])
    model = load(path, "dnn")
    assert set(model.tensors) == {"a", "b"}
    assert model.tensors["a"].shape == values.shape
    np.testing.assert_array_equal(model.tensors["b"], values)
    for found, part in zip(model.tensors["a"], values, strict=True):
        step = np.abs(part).max() / 127
        np.testing.assert_allclose(found, part, rtol=1e-5, atol=0.50001 * step + 2e-36)
    save(path, "dnn", CONFIG, model.tensors, in_8_bits=["a"])  # and once more: nothing more is lost
    np.testing.assert_allclose(load(path, "dnn").tensors["a"], model.tensors["a"], 1e-6)


@pytest.mark.parametrize(
    ("steps", "match"),
    [
        (None, "a: 8 bits, and no a.step"),
        (np.ones(2, np.float16), "a: 8 bits, and no a.step in float32"),
        (np.ones(2, np.int8), "a: 8 bits, and no a.step in float32"),
        (np.ones(3, np.float32), r"a: 8 bits, and no a.step in float32, shape \(2,\)"),
        (np.float32([1.0, np.nan]), "a: holds a value that is not finite"),
        (np.float32([1.0, 3e38]), "a: holds a value that is not finite"),
        (np.float32([np.inf, 1.0]), "a: holds a value that is not finite"),
    ],
)
def test_8_bits_without_their_steps(path: Path, steps: Float32Array | None, match: str) -> None:
    tensors = {"a": np.int8([[0, 1, 2], [3, 4, 5]])} | ({} if steps is None else {"a.step": steps})
    metadata = {"architecture": "dnn", "config": json.dumps(CONFIG)}
    write_tensors(path, tensors, metadata)
    refused(path, match)


def test_shipped_models_are_whole_and_small() -> None:
    assert "dnn_k10" in shipped_models()
    for name in shipped_models():
        load(weights_file(name), architecture_of(weights_file(name)))
    assert sum(p.stat().st_size for p in WEIGHTS.glob("*.safetensors")) < 5_000_000


def test_unknown_names() -> None:
    with pytest.raises(InputError, match="'dnn_k_10' is shipped; did you mean 'dnn_k10'"):
        weights_file("dnn_k_10")
    with pytest.raises(InputError, match=r"no such file: a\.safetensors"):
        weights_file("a.safetensors")
    with pytest.raises(InputError, match="'dnn_k10' is shipped"):
        weights_file("dnn_k10", "unfolded")


def test_a_full_disk_leaves_the_older_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"cannot be written: No space left.*older one") as caught:
        save(path, "dnn", CONFIG, {"a": np.zeros(9, np.float32)})
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("value", [0, -1, 101, True, 2.0, "2", None, [2]])
def test_a_size_is_a_whole_number_in_range(path: Path, value: object) -> None:
    save(path, "dnn", {"links": value, "one": 1, "most": 100}, TENSORS)
    model = load(path, "dnn")
    with pytest.raises(InputError) as error:
        model.size("links", 100)
    assert str(error.value) == f"{path}: config: links: {value!r}, want 1 to 100"
    assert (model.size("one"), model.size("most", 100)) == (1, 100)
    with pytest.raises(InputError, match="config: none: None, want 1 to 100000"):
        model.size("none")


def test_an_architecture_is_told_without_reading_weights(path: Path) -> None:
    array = {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}  # not of NumPy
    header = json.dumps({"__metadata__": {"architecture": "dnn"}, "a": array}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(2))
    assert architecture_of(path) == "dnn"
    for spoilt in (path.read_bytes()[:-1], b""):
        path.write_bytes(spoilt)
        with pytest.raises(InputError) as error:
            architecture_of(path)
        assert str(error.value).startswith(f"{path}: not a readable safetensors file: ")
        assert re.search(r": \w+", str(error.value).removeprefix(str(path)).split("file")[1])
        assert "  " not in str(error.value)
    write_tensors(path, TENSORS, {})
    with pytest.raises(InputError, match=re.escape(str(path))):
        architecture_of(path)
