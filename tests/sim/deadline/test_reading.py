"""Files that are read whole: what is refused, and what is read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.deadline.errors import InputError
from sim.deadline.reading import (
    check_parquet_size,
    check_regular,
    parse_json,
    read_json,
    read_whole,
)


def said(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        check_regular(*arguments)  # type: ignore[arg-type]
    return str(error.value)


def test_pipes_and_devices_are_refused_by_their_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert said(pipe) == f"{pipe}: is no regular file"
    assert said(pipe, "model") == f"model: {pipe}: is no regular file"
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    assert said(link) == f"{link}: is no regular file"


def test_who_opens_it_says_what_else_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "none", tmp_path / "file" / "below"):
        check_regular(path)


def test_a_name_that_no_file_can_have_is_shortened(tmp_path: Path) -> None:
    name = Path("n" * 400)
    assert said(name, "profile") == (
        f"profile: '{'n' * 59}... 402 characters: no name that a file can have"
    )


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(bytes(5 << 20))
    assert read_whole(path) == bytes(5 << 20)
    assert read_whole(path, 5 << 20) == bytes(5 << 20)
    with pytest.raises(InputError) as error:
        read_whole(path, (5 << 20) - 1)
    assert str(error.value) == f"{path}: larger than 4 MiB"
    with path.open("r+b") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match=re.escape(f"{path}: larger than 64 MiB")):
        read_whole(path)
    with path.open("r+b") as file:
        file.truncate(64 << 20)
    assert len(read_whole(path)) == 64 << 20
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is no regular file"):
        read_whole(path)


def test_json_is_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_bytes('{"a": ["ü", 1, null]}'.encode())
    assert read_json(path) == {"a": ["ü", 1, None]}
    path.write_bytes('"ü"'.encode("latin-1"))
    with pytest.raises(ValueError, match="utf-8"):
        read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none")


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}"), ('[1,{"a":', "}]")])
def test_json_is_nested_a_hundred_deep_at_most(before: str, after: str) -> None:
    each = before.count("[") + before.count("{")
    most = 99 // each
    good = before * most + "0" + after * most
    assert parse_json(good) == json.loads(good)
    for depth in (101 // each, 100_000):
        with pytest.raises(ValueError, match=r"^nested too deeply$"):
            parse_json(before * depth + "0" + after * depth)
    with pytest.raises(ValueError, match="Expecting value"):
        parse_json("[")


def test_a_table_is_as_large_as_its_values_not_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"a": [1] * 10, "lists": [[1, 2, 3]] * 10})
    pq.write_table(table, path, row_group_size=4)
    metadata = pq.read_metadata(path)
    check_parquet_size(metadata)
    check_parquet_size(metadata, 10 + 10 + 30)
    with pytest.raises(ValueError, match=r"^10 rows, 50 rows and values together; want at most 49"):
        check_parquet_size(metadata, 49)
    pq.write_table(pa.table({"a": pa.array([0]).take(pa.array([0] * (1 << 20)))}), path)
    many = pq.read_metadata(path)
    check_parquet_size(many)
    with pytest.raises(ValueError, match=r"^1,048,576 rows, 2,097,152 rows and values"):
        check_parquet_size(many, (1 << 21) - 1)
