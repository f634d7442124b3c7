"""The folder of a run: what it takes over, what it refuses, and who else is kept out of it."""

from __future__ import annotations

import errno
import fcntl
import os
from functools import partial
from pathlib import Path

import pytest

from sim.deadline.errors import InputError
from sim.deadline.files import part_path
from sim.deadline.folder import RunFolder, folder_contents

RESULTS = ["manifest.json", "summary.json", "report.html", "log", "plots"]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Return the folder of an earlier run."""
    path = tmp_path / "out"
    for name in RESULTS:
        entry = path / name
        if entry.suffix:
            path.mkdir(exist_ok=True)
            entry.write_text(name)
        else:
            entry.mkdir(parents=True)
            (entry / "part").write_text(name)
    return path


def contents(path: Path) -> dict[str, str]:
    return {
        str(entry.relative_to(path)): entry.read_text()
        for entry in path.rglob("*")
        if entry.is_file()
    }


def handles(path: Path) -> int:
    """Return how many open files of this process are that one."""
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("only Linux lists the open files of a process")
    links = []
    for entry in open_files.iterdir():
        try:
            links.append(entry.readlink())
        except OSError:  # the handle of the listing itself
            continue
    return links.count(path)


def test_it_is_made_with_what_is_above_it_and_names_its_places(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where"
    folder = RunFolder(path)
    assert path.is_dir()
    assert list(path.iterdir()) == []
    places = (folder.manifest, folder.report, folder.log, folder.plots)
    assert [place.relative_to(path).as_posix() for place in places] == [
        "manifest.json",
        "report.html",
        "log",
        "plots",
    ]


def test_an_earlier_run_is_replaced_on_demand_only(earlier: Path) -> None:
    before = contents(earlier)
    with pytest.raises(InputError, match=r"holds an earlier run; --overwrite replaces it$"):
        RunFolder(earlier)
    assert contents(earlier) == before
    RunFolder(earlier, overwrite=True)
    assert list(earlier.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_stranger_in_a_folder_without_a_run_keeps_it(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match=r"holds 'thesis\.tex', no run of ours; name another"):
        RunFolder(tmp_path, overwrite)
    assert contents(tmp_path) == {"thesis.tex": "years"}


def test_a_stranger_beside_a_run_keeps_both(earlier: Path) -> None:
    (earlier / "z.txt").write_text("mine")
    before = contents(earlier)
    with pytest.raises(InputError, match=r"holds 'z\.txt', no run of ours"):
        RunFolder(earlier, overwrite=True)
    assert contents(earlier) == before


def test_what_only_looks_like_results_is_nobodys_run(earlier: Path) -> None:
    (earlier / "manifest.json").unlink()
    before = contents(earlier)
    with pytest.raises(InputError, match="holds 'log', no run of ours"):
        RunFolder(earlier, overwrite=True)
    assert contents(earlier) == before


def test_what_a_killed_run_left_unfinished_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in ("manifest.json", "summary.json", "report.html", "summary.json"):
        part_path(tmp_path / name).write_text("{")
    RunFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []
    part_path(tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="no run of ours"):
        RunFolder(tmp_path)


def test_another_output_may_lie_beside_results(tmp_path: Path) -> None:
    run = tmp_path / "run"
    also = partial(RunFolder.also, run, "--trace")
    assert also(None) == ()
    assert also(tmp_path / "t.json") == ()
    assert also(run / "t.json") == ("t.json",)
    assert also(run / ".." / "run" / "t.json") == ("t.json",)
    for wrong in (run / "log", run / "summary.json", run / "below" / "t.json", run / "log" / "t"):
        with pytest.raises(InputError) as error:
            also(wrong)
        said = f"--trace: {wrong} is where results go; want another name in {run}, or elsewhere"
        assert str(error.value) == said


def test_a_link_is_removed_and_not_what_it_leads_to(earlier: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "large disk"
    (earlier / "log").rename(elsewhere)
    (earlier / "log").symlink_to(elsewhere)
    RunFolder(earlier, overwrite=True)
    assert list(earlier.iterdir()) == []
    assert contents(elsewhere) == {"part": "log"}


def test_while_a_run_is_at_it_nobody_else_is(earlier: Path) -> None:
    first = RunFolder(earlier, overwrite=True)
    (earlier / "manifest.json").write_text("running")
    open_before = handles(earlier)
    for overwrite in (False, True):
        with pytest.raises(InputError, match="a run is at work there; wait for it, or name"):
            RunFolder(earlier, overwrite)
    assert contents(earlier) == {"manifest.json": "running"}
    assert handles(earlier) == open_before == 1  # who was refused left nothing open
    first.close()
    assert handles(earlier) == 0
    RunFolder(earlier, overwrite=True)


def test_a_run_that_is_forgotten_lets_go(tmp_path: Path) -> None:
    for _ in range(2):
        RunFolder(tmp_path)
    assert handles(tmp_path) == 0


def test_where_nothing_can_be_locked_it_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = RunFolder(tmp_path)
    assert handles(tmp_path) == 0
    folder.close()


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match=r"cannot be written: Read-only file system$"):
        RunFolder(tmp_path)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(InputError, match=r"^-o .*file: is a file; want a folder$"):
        folder_contents(file)
    with pytest.raises(InputError, match=r"^-o .*below: cannot be used: Not a directory$"):
        folder_contents(file / "below")
    assert folder_contents(tmp_path) == {"file"}
