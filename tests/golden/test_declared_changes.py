"""A golden file is not changed by the way: its hash is kept, and the changelog names a new one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
HASHES = HERE / "hashes.json"
GOLDEN = sorted(path for path in HERE.glob("*.json") if path != HASHES)


def undeclared(found: dict[str, str], kept: dict[str, str], unreleased: str) -> list[str]:
    """Return what is to be done about golden files that are not the ones that are kept."""
    todo = []
    for name, digest in found.items():
        if kept.get(name) != digest:
            if name not in unreleased:
                todo.append(f"{name} has changed: say why under Unreleased in CHANGELOG.md")
            todo.append(f"{name} has changed: hashes.json is to hold {digest}")
    return todo + [
        f"{name} is gone: hashes.json still has it" for name in kept if name not in found
    ]


def test_every_change_is_declared() -> None:
    changelog = (HERE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = changelog.partition("## Unreleased")[2].partition("\n## ")[0]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in GOLDEN}
    assert found
    assert undeclared(found, json.loads(HASHES.read_text(encoding="utf-8")), unreleased) == []


def test_what_is_not_declared_is_told() -> None:
    assert len(undeclared({"a.json": "1"}, {"a.json": "0"}, "nothing")) == 2
    assert len(undeclared({"a.json": "1"}, {"a.json": "0"}, "- a.json: new rates")) == 1
    assert len(undeclared({}, {"a.json": "0"}, "")) == 1
    assert undeclared({"a.json": "1"}, {"a.json": "1"}, "") == []
