"""The table of answers in the terminal: quantities as people write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from studies import study

from sim.scenario import quantities
from sim.scenario.quantities import Kind
from sim.study import run_study
from sim.study.answers import answer_table, quantity


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (100_000, quantities.TIME, "100 us"),
        (142_857, quantities.TIME, "142.857 us"),
        (1_000_000, quantities.TIME, "1 ms"),
        (500, quantities.TIME, "500 ns"),
        (0, quantities.TIME, "0 ns"),
        (30 / 3.6, quantities.SPEED, "30 km/h"),
        (3.5e9, quantities.FREQUENCY, "3.5 GHz"),
        (0.2, quantities.POWER, "200 mW"),
        (1500.0, quantities.LENGTH, "1.5 km"),
        (4.0, quantities.RATIO, "4"),
    ],
)
def test_quantities_as_people_write_them(value: float, kind: Kind, text: str) -> None:
    assert quantity(value, kind) == text


def printed(folder: Path, **keys: Any) -> list[list[str]]:
    """Return the words of each line of the table that a study prints."""
    loaded = study(folder, **keys)
    result = run_study(loaded, folder / "out")
    console = Console(file=io.StringIO(), width=200)
    console.print(answer_table(loaded, result))
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_the_table_of_points(tmp_path: Path) -> None:
    lines = printed(tmp_path, axes={"budget.csi": ["100 us", "0.3 ms"], "channel.links": [2, 3]})
    assert any(line[:3] == ["budget.csi", "channel.links", "allocator"] for line in lines)
    assert [line[:4] for line in lines if "best" in line][:3] == [
        ["100", "us", "2", "best"],
        ["100", "us", "3", "best"],
        ["300", "us", "2", "best"],
    ]


def test_the_table_of_what_was_solved_for(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        target="in_force_bps_hz >= 0",
        solve={"axis": "budget.csi", "find": "largest", "from": "100 us", "to": "200 us"},
    )
    assert "largest budget.csi with" in " ".join(word for line in lines for word in line)
    (best,) = [line for line in lines if "best" in line]
    assert best[:4] == ["best", ">=", "200", "us"]
