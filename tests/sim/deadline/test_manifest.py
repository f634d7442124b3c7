"""What a manifest says of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.deadline.manifest import processor

ONE = "processor\t: 0\nvendor_id\t: A\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: A B\n"
OTHER = "\nprocessor\t: 1\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: C\n"


def test_processors_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(ONE + OTHER)
    assert processor(path) == "A B (family 25, model 17)"


@pytest.mark.parametrize("text", [None, "", "Hardware\t: C3PO\nmodel\t: 3\n"])
def test_a_processor_that_does_not_tell_has_a_name_all_the_same(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    assert processor(path)
    assert "family" not in processor(path)
