"""What a manifest says of the machine, and of what was run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Self

import pytest

from sim.deadline.manifest import (
    command_line,
    content_hash,
    git_state,
    make_manifest,
    processor,
    read_manifest,
    versions,
    write_json,
    write_manifest,
)

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
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            elsewhere = timezone(timedelta(hours=5))  # whatever zone the machine is in
            return cls(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC).astimezone(tz or elsewhere)

    monkeypatch.setattr("sim.deadline.manifest.datetime", Stopped)
    monkeypatch.setattr(sys, "argv", ["/somewhere/ttirace", "run", "x.yaml"])
    found = make_manifest("complete", {"seed": 5})
    assert list(found) == ["status", "written", "command", "machine", "seed"]
    assert found["status"] == "complete"
    assert found["command"] == ["ttirace", "run", "x.yaml"]
    assert found["written"] == "2030-01-02T03:04:05+00:00"


def test_a_command_line_can_be_typed_again_and_tells_of_no_folder_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["train", "--data", "sets/a b", "-o", "/home/me/m.safetensors", "--snr-db=0"]
    monkeypatch.setattr(sys, "argv", ["/opt/venv/bin/ttirace", *words])
    assert command_line() == "ttirace train --data 'sets/a b' -o m.safetensors --snr-db=0"


def test_a_hash_is_that_of_compact_json_in_order() -> None:
    # Those of runs that were written long ago must stay theirs.
    expected = hashlib.sha256(b'{"a":[1,2.5],"b":null}').hexdigest()
    assert content_hash({"b": None, "a": [1, 2.5]}) == expected


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "\udc00"])
def test_a_manifest_that_says_nothing(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    assert read_manifest(path) == {}


def test_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, "running", {"seed": 1})
    write_manifest(path, "complete", {"seed": 1, "versions": versions(["numpy", "no-such-thing"])})
    manifest = json.loads(path.read_text())
    assert manifest["status"] == "complete"
    assert manifest["seed"] == 1
    assert manifest["versions"]["numpy"]
    assert manifest["versions"]["no-such-thing"] is None
    assert set(manifest["machine"]) == {"system", "processor", "cores", "python"}
    assert list(tmp_path.iterdir()) == [path]
    assert read_manifest(path) == manifest


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert path.read_text() == '{\n  "a": 1\n}\n'


def test_content_hash_does_not_mind_the_order_of_keys() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert len(content_hash(None)) == 64


def test_git_state(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    package = tmp_path / "package"
    package.mkdir()
    assert git_state(package) is None
    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    # An installed package in a virtual environment inside somebody's checkout is not theirs.
    (package / "module.py").write_text("1")
    assert git_state(package) is None
    git("add", "package/module.py")
    git("commit", "-q", "-m", "two")
    state = git_state(package)
    assert state is not None
    assert (len(state["commit"]), state["dirty"]) == (40, False)
    (package / "module.py").write_text("2")
    changed = git_state(package)
    assert changed is not None
    assert changed["dirty"]


@pytest.mark.parametrize(
    ("called", "told"),
    [("/x/sim/__main__.py", "ttirace"), ("/x/bin/ttirace", "ttirace"), ("/x/my.py", "my.py")],
)
def test_the_command_can_be_run_again(
    called: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [called, "run", "munich"])
    assert make_manifest("complete", {})["command"] == [told, "run", "munich"]
