"""What one process at a time has: no two ever, and nothing is left of it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from sim.deadline import locks
from sim.deadline.locks import Lock


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("name", ["", "lock"])
def test_one_at_a_time_has_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    first = Lock(path)
    with pytest.raises(BlockingIOError):
        Lock(path)
    first.close()
    first.close()
    second = Lock(path)
    with pytest.raises(BlockingIOError):
        Lock(path)
    del second  # who is forgotten lets go
    Lock(path).close()
    assert path.exists()


@pytest.mark.parametrize("meanwhile", ["nobody", "another"])
def test_a_file_that_was_removed_after_it_was_opened_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    # The first lets go between the second's open and its lock; a third may be quicker then.
    path = tmp_path / "lock"
    first, third = Lock(path, transient=True), []
    opened = os.open

    def slowly(*given: object) -> int:
        handle = opened(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(os, "open", opened)
        first.close()
        if meanwhile == "another":
            third.append(Lock(path, transient=True))
        return handle

    monkeypatch.setattr(os, "open", slowly)
    if meanwhile == "another":
        with pytest.raises(BlockingIOError):
            Lock(path, transient=True)
        third.pop().close()
    second = Lock(path, transient=True)
    with pytest.raises(BlockingIOError):
        Lock(path, transient=True)
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_it_is_removed_before_another_can_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    lock = Lock(path, transient=True)
    closed = os.close

    def close(handle: int) -> None:
        assert not path.exists()
        closed(handle)

    monkeypatch.setattr(locks.os, "close", close)
    lock.close()


@pytest.mark.usefixtures("without_locks")
def test_where_there_are_no_locks_everybody_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    both = [Lock(path, transient=True), Lock(path, transient=True)]
    for lock in both:
        lock.close()
    Lock(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_opened_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "none" / "lock")
