"""Files to write: what is refused, and that what was there stays."""

import gzip
from pathlib import Path

import pytest

from sim.deadline.errors import InputError
from sim.deadline.outputs import Output, check_outputs, make_folder, make_room_for_trace


def refused(outputs, inputs=(), **options):
    with pytest.raises(InputError) as error:
        check_outputs(outputs, inputs, **options)
    return str(error.value)


def test_folders_are_made_and_no_file(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    check_outputs([Output("--csv", path, ".csv"), Output("--html", None, ".html")], [])
    assert list(path.parent.iterdir()) == []


def test_what_is_read_is_not_written(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("mine")
    for same in (path, str(path), tmp_path / "." / ".." / tmp_path.name / "table.csv"):
        why = refused([Output("--csv", path, ".csv")], ["no file", same], overwrite=True)
        assert why == f"--csv: {path} is read for this; take another name"
    assert path.read_text() == "mine"


def test_what_is_read_is_found_by_another_name(tmp_path):
    path, link = tmp_path / "table.csv", tmp_path / "link.csv"
    path.write_text("mine")
    link.symlink_to(path)
    assert "is read for this" in refused([Output("--csv", link, ".csv")], [path], overwrite=True)


def test_what_is_to_be_read_need_not_be_there(tmp_path):
    path = tmp_path / "new.csv"
    assert "is read for this" in refused([Output("--csv", path, ".csv")], [path])
    check_outputs([Output("--csv", path, ".csv")], ["other\0.csv", tmp_path / "else.csv"])


def test_names_end_as_their_kind(tmp_path):
    path = tmp_path / "a" / "table.txt"
    why = refused([Output("--html", None, ".html"), Output("--csv", path, ".csv")])
    assert why == f"--csv: {path}, want a name that ends in .csv"
    assert not path.parent.exists()


def test_two_of_one_name_are_refused(tmp_path):
    path = tmp_path / "page.html"
    outputs = [
        Output("--csv", tmp_path / "a.csv", ".csv"),
        Output("--page", path, ".html"),
        Output("--html", tmp_path / "." / "page.html", ".html"),
    ]
    assert refused(outputs) == f"--page, --html: {path} and {path} are one file; name two"


def test_what_is_there_stays_unless_asked(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("mine")
    why = refused([Output("--csv", path, ".csv")])
    assert why == f"--csv: {path} is there already; --overwrite replaces it"
    check_outputs([Output("--csv", path, ".csv")], [], overwrite=True)
    assert path.read_text() == "mine"


def test_a_folder_cannot_be_written_as_a_file(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert str(folder) in refused([Output("--csv", folder, ".csv")], overwrite=True)


def test_no_folder_below_a_file(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(InputError) as error:
            make_folder("--csv", path)
        assert str(error.value) == f"--csv: {path} is no folder, or below a file"


def test_a_folder_that_cannot_be_made_says_why(tmp_path):
    with pytest.raises(InputError) as error:
        make_folder("--csv", tmp_path / ("n" * 300))
    assert str(error.value).startswith(f"--csv: {tmp_path / ('n' * 300)} cannot be made: ")
    assert "name too long" in str(error.value)


_TRACE = b'{"displayTimeUnit":"ns","traceEvents":[]}'


@pytest.mark.parametrize("pack", [False, True])
def test_a_trace_gives_way_to_a_trace_alone(tmp_path, pack):
    path = tmp_path / ("trace.json.gz" if pack else "trace.json")
    make_room_for_trace(path)
    path.write_bytes(gzip.compress(_TRACE) if pack else _TRACE)
    make_room_for_trace(path)
    mine = b'{"mine": "' + b"x" * 100 + b'"}' + _TRACE
    path.write_bytes(gzip.compress(mine) if pack else mine)
    with pytest.raises(InputError) as error:
        make_room_for_trace(path)
    why = f"--trace: {path} is there already and no trace; take another name"
    assert str(error.value) == why


@pytest.mark.parametrize(
    "spoil", [b"no gzip", gzip.compress(_TRACE, mtime=0)[:12], b"\x1f\x8b\x08" + b"\0" * 20]
)
def test_what_cannot_be_unpacked_is_no_trace(tmp_path, spoil):
    path = tmp_path / "trace.json.gz"
    path.write_bytes(spoil)
    with pytest.raises(InputError, match="no trace"):
        make_room_for_trace(path)
    assert path.read_bytes() == spoil


def test_the_folder_of_a_trace_is_made(tmp_path):
    for name in ("trace.json", "trace.json.gz"):
        make_room_for_trace(tmp_path / name[-2:] / "deep" / name)
        assert (tmp_path / name[-2:] / "deep").is_dir()
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError) as error:
        make_room_for_trace(file / "trace.json")
    assert str(error.value) == f"--trace: {file} is no folder, or below a file"


def test_what_is_named_as_no_trace_is_left_to_the_trace(tmp_path):
    make_room_for_trace(tmp_path / "a" / "trace.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_trace_is_left_to_the_trace(tmp_path):
    (tmp_path / "trace.json").mkdir()
    make_room_for_trace(Path(tmp_path / "trace.json"))
