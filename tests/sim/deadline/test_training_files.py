"""What a training leaves in its folder: while it runs, when it is stopped, when it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.deadline.errors import InputError
from sim.deadline.files import part_path
from sim.deadline.models import training
from sim.deadline.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from sim.deadline.models.training import (
    check_skipped,
    checkpoint_path,
    conclude,
    import_torch,
    log_path,
    reserve,
    sole_training,
)

SETTINGS = {"sizes": (3, 4), "rate": 0.1, "data": {"seed": 1, "channel": "rayleigh"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.safetensors"


def written(path: Path, settings: dict = SETTINGS) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2], dtype=np.int64)}
    write_checkpoint(path, Checkpoint(settings, {"step": 7, "best": 0.5}, arrays))


def refusal(path: Path, settings: dict) -> str:
    with pytest.raises(InputError) as error:
        read_checkpoint(path, settings)
    return str(error.value)


def test_a_checkpoint_is_read_as_it_was_written(path: Path) -> None:
    assert read_checkpoint(path, SETTINGS) is None
    written(path)
    found = read_checkpoint(path, SETTINGS)
    assert found is not None
    assert found.settings == json.loads(json.dumps(SETTINGS))
    assert found.progress == {"step": 7, "best": 0.5}
    assert found.arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.arrays["b"].dtype == np.int64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": 0.2}, "rate 0.1, now 0.2"),
        ({"data": {"seed": 2, "channel": "rayleigh"}}, "data.seed 1, now 2"),
        ({"data": {"seed": 1}}, "data.channel 'rayleigh', now nothing"),
        ({"new": 1}, "new nothing, now 1"),
        ({"data": 5}, "data {'seed': 1, 'channel': 'rayleigh'}, now 5"),
        ({"sizes": (3, 5)}, "sizes [3, 4], now [3, 5]"),
    ],
)
def test_a_training_goes_on_with_its_own_settings_alone(
    path: Path, change: dict, said: str
) -> None:
    written(path)
    assert refusal(path, {**SETTINGS, **change}) == (
        f"{path}: that training was begun with {said};"
        " give the same settings to go on, or delete the file to begin anew"
    )


def test_a_setting_that_was_left_out_is_named(path: Path) -> None:
    written(path)
    assert "begun with rate 0.1, now nothing" in refusal(
        path, {key: SETTINGS[key] for key in ("sizes", "data")}
    )


def test_what_is_no_checkpoint_is_refused(path: Path) -> None:
    from safetensors.numpy import save_file

    said = f"{path}: not a checkpoint; delete it to begin anew"
    path.write_bytes(b"nothing of the kind")
    assert refusal(path, SETTINGS) == said
    good = {"settings": json.dumps(SETTINGS), "progress": "{}"}
    for metadata in ({}, {"settings": good["settings"]}, {**good, "progress": "{"}):
        save_file({"a": np.zeros(2)}, path, metadata)
        assert refusal(path, SETTINGS) == said
    save_file({"a": np.zeros(2)}, path, good)
    assert read_checkpoint(path, SETTINGS) is not None


def test_names_lie_beside_the_weights(tmp_path: Path) -> None:
    out = tmp_path / "m.v2.safetensors"
    assert checkpoint_path(out) == tmp_path / "m.v2.checkpoint.safetensors"
    assert log_path(out) == tmp_path / "m.v2.csv"


def test_a_place_is_made_and_left_empty(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "m.safetensors"
    assert reserve(out) == checkpoint_path(out)
    assert reserve(out) == checkpoint_path(out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["m.pt", "m", "m.safetensors.gz"])
def test_weights_are_safetensors(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as error:
        reserve(tmp_path / "a" / name)
    assert str(error.value) == (
        f"--output: {tmp_path / 'a' / name}, want a name that ends in .safetensors"
    )
    assert not (tmp_path / "a").exists()


def test_what_is_there_is_in_the_way(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    for taken in (out, log_path(out), tmp_path / "m.json"):
        taken.write_text("mine")
        with pytest.raises(InputError) as error:
            reserve(out)
        assert str(error.value) == (
            f"--output: {taken} is there already; move it away or take another name"
        )
        assert taken.read_text() == "mine"
        taken.unlink()


def test_beside_a_checkpoint_only_a_card_is_in_the_way(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    for path in (checkpoint_path(out), out, log_path(out)):
        path.write_text("of a training that was killed at its end")
    assert reserve(out) == checkpoint_path(out)
    (tmp_path / "m.json").write_text("a model that is whole")
    with pytest.raises(InputError, match=re.escape("m.json is there already")):
        reserve(out)


def test_a_place_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as error:
        reserve(tmp_path / "file" / "m.safetensors")
    assert str(error.value) == f"--output: {tmp_path / 'file'} is no folder, or below a file"
    long = tmp_path / f"{'n' * 240}.safetensors"  # its checkpoint would have no name
    with pytest.raises(InputError) as error:
        reserve(long)
    assert str(error.value) == f"--output: {long}: cannot write here: File name too long"


def test_two_do_not_train_one_model(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    with sole_training(out):
        assert (tmp_path / ".m.lock").exists()
        with pytest.raises(InputError) as error, sole_training(out):
            pass
        assert str(error.value) == (
            f"--output: {out} is being trained by another process; wait, or take another name"
        )
        with sole_training(tmp_path / "other.safetensors"):
            pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), sole_training(out):
        raise ZeroDivisionError
    with sole_training(out):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_training_left_half_written_is_taken_away(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    for path in (out, tmp_path / "m.json", checkpoint_path(out), log_path(out)):
        part_path(path).touch()
    other = part_path(tmp_path / "m2.safetensors")  # somebody else's
    other.touch()
    with sole_training(out):
        assert set(tmp_path.iterdir()) == {other, tmp_path / ".m.lock"}


def test_where_nothing_can_be_locked_it_trains_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with sole_training(tmp_path / "m.safetensors"):
        pass
    assert list(tmp_path.iterdir()) == []


def interruption(out: Path) -> str:
    with pytest.raises(KeyboardInterrupt) as error, sole_training(out):
        raise KeyboardInterrupt
    return str(error.value)


def test_an_interrupt_says_what_is_left(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    assert interruption(out) == "interrupted; nothing is left, as it just began"
    (tmp_path / "m.json").write_text("{}")
    assert interruption(out) == f"interrupted; {out} is written"
    checkpoint_path(out).write_text("")
    assert interruption(out) == (
        f"interrupted; {checkpoint_path(out)} is kept: the same command goes on from there"
    )


def test_an_end_is_a_card_and_no_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    out.write_bytes(b"weights")
    for _ in range(2):  # with a checkpoint, and without
        whole = conclude(out, checkpoint_path(out), {"best": 0.5})
        assert json.loads((tmp_path / "m.json").read_text()) == whole
        assert whole["best"] == 0.5
        assert out.read_bytes() == b"weights"
        (tmp_path / "m.json").unlink()
        checkpoint_path(out).write_text("")
    conclude(out, checkpoint_path(out), {})
    assert not checkpoint_path(out).exists()


def test_without_its_card_there_are_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise InputError("disk full")

    out = tmp_path / "m.safetensors"
    out.write_bytes(b"weights")
    checkpoint_path(out).write_text("")
    monkeypatch.setattr(training, "write_card", fails)
    with pytest.raises(InputError, match="disk full"):
        conclude(out, checkpoint_path(out), {})
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint_path(out).name]


def test_torch_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_torch().__name__ == "torch"
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=re.escape("training needs torch: pip install 'ttirace[")):
        import_torch()
    with pytest.raises(InputError, match=r"^painting needs torch"):
        import_torch("painting")


def test_a_training_is_given_up_where_too_many_steps_are_skipped() -> None:
    for skipped, steps in ((10, 10), (11, 100), (20, 1000)):
        check_skipped(skipped, steps, "care")
    with pytest.raises(InputError) as error:
        check_skipped(11, 99, "care")
    assert str(error.value) == (
        "training: 11 of 99 steps came to a loss or gradient that is not finite and were skipped;"
        " begin anew with care"
    )
