"""What a manifest says of the machine, and of what was run."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sim.deadline.manifest import content_hash, make_manifest, processor, read_manifest

ONE = "processor\t: 0\nvendor_id\t: A\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: A B: C\n"
OTHER = "\nprocessor\t: 1\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: C\n"


def test_processors_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(ONE + OTHER)
    assert processor(path) == "A B: C (family 25, model 17)"


@pytest.mark.parametrize("text", [None, "", "Hardware\t: C3PO\nmodel\t: 3\n"])
def test_a_processor_that_does_not_tell_has_a_name_all_the_same(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    assert processor(path)
    assert "family" not in processor(path)


def test_it_says_when_and_by_which_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/ttirace", "run", "x.yaml"])
    begun = datetime.now(UTC).replace(microsecond=0)
    found = make_manifest("complete", {"seed": 5})
    assert list(found) == ["status", "written", "command", "machine", "seed"]
    assert found["status"] == "complete"
    assert found["command"] == ["ttirace", "run", "x.yaml"]
    written = datetime.fromisoformat(found["written"])
    assert written.utcoffset() == timedelta(0)
    assert begun <= written <= datetime.now(UTC)


def test_a_hash_is_that_of_compact_json_in_order() -> None:
    # Those of runs that were written long ago must stay theirs.
    expected = hashlib.sha256(b'{"a":[1,2.5],"b":null}').hexdigest()
    assert content_hash({"b": None, "a": [1, 2.5]}) == expected


@pytest.mark.parametrize("content", [None, b"\xff", b"[1]", b"{"])
def test_what_is_no_manifest_says_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    assert read_manifest(path) == {}
