"""Files that appear whole or not at all, and what is said of those that do not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sim.deadline.errors import InputError
from sim.deadline.files import check_writable, part_path, reason, replacing, unfinished, whole_file


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert unfinished([part.name, path.name], ["other", path.name]) == {part.name}
        assert path.read_text() == "old"
        assert list(tmp_path.glob("*.csv")) == [path]  # a half file is not taken for one
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_one_file_write_two(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with replacing(path) as slow:
        slow.write_text("ha")
        with replacing(path) as quick:
            quick.write_text("whole")
        assert path.read_text() == "whole"
        assert slow.read_text() == "ha"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["table.csv", "[a]*?.csv", "two\nlines", "n" * 250, "ü" * 60])
def test_parts_of_a_file_are_known_and_of_no_other(name: str) -> None:
    parts = {part_path(Path(name)).name for _ in range(3)}
    assert len(parts) == 3
    others = {name, f".{name}.part", part_path(Path(f"a{name}")).name, f".{name}.0123456g.part"}
    assert unfinished(parts | others, ["x", name]) == parts
    assert unfinished(parts | others, ["x"]) == set()


def test_a_part_is_not_too_long_where_its_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 249)
    with replacing(path) as part:
        part.write_text("all")
    assert path.read_text() == "all"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_is_raised_the_older_file_stays(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as part:
            part.write_text("ne")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("older", [False, True])
def test_a_failure_says_why_and_what_became_of_the_older_file(tmp_path: Path, older: bool) -> None:
    path = tmp_path / "table.csv"
    if older:
        path.write_text("old")

    def fill() -> None:
        with whole_file(path):
            raise OSError(errno.ENOSPC, "a long story of the library's")

    kept = "; the older one is untouched" if older else ""
    with pytest.raises(InputError) as told:
        fill()
    assert str(told.value) == f"{path}: cannot be written: No space left on device{kept}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EACCES, "whatever"), "Permission denied"),
        (OSError("two\n  lines"), "two lines"),
        (OSError(), "OSError"),
        (TimeoutError(" "), "TimeoutError"),
    ],
)
def test_a_reason_is_one_line(error: OSError, said: str) -> None:
    assert reason(error) == said


def test_a_place_is_tried_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    check_writable(path)
    assert path.read_text() == "old"
    with pytest.raises(InputError) as told:
        check_writable(tmp_path)
    assert str(told.value) == f"{tmp_path}: is a folder; want a file"
    missing = tmp_path / "none" / "table.csv"
    with pytest.raises(InputError) as told:
        check_writable(missing)
    assert str(told.value) == f"{missing}: cannot be written: No such file or directory"
