"""Profiles: between measured sizes, on disk, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline import InputError
from sim.deadline.cost import CHANCES, Cost
from sim.profile import Cell, CellKey, Profile, find_profile, load_profile, write_profile

WMMSE = CellKey.of("wmmse", {})
JITTER = np.linspace(-0.1, 0.4, len(CHANCES))


def cost(links: int, subbands: int) -> Cost:
    """A power law: what lies between its sizes is known."""
    return Cost(10.0 * links, 2.0 * links**2 * subbands, 100.0 * links**1.5, JITTER)


def profile(
    links: tuple[int, ...] = (5, 10, 40), subbands: tuple[int, ...] = (1, 4, 64)
) -> Profile:
    cells = [Cell(WMMSE, k, s, cost(k, s), 5000, {"p50_us": 1.0}) for k in links for s in subbands]
    header = {"name": "mine", "machine": {"processor": "abacus"}, "warnings": ["it was hot"]}
    return Profile("mine", header, cells, Cost(500.0, 0.0, 500.0, JITTER))


def test_defaults_written_out_are_the_same_allocator() -> None:
    assert CellKey.of("wmmse", {"restarts": 0}) == WMMSE
    assert CellKey.of("wmmse", {"restarts": 1}) != WMMSE
    assert str(CellKey.of("wmmse", {"backend": "python"})) == "wmmse:backend=python"
    assert str(WMMSE) == "wmmse"


@given(st.integers(5, 40), st.integers(1, 64))
def test_between_sizes_lies_the_power_law(links: int, subbands: int) -> None:
    found, true = profile().cost(WMMSE, links, subbands), cost(links, subbands)
    assert found.base_ns == pytest.approx(true.base_ns)
    assert found.per_work_ns == pytest.approx(true.per_work_ns)
    assert found.typical_ns == pytest.approx(true.typical_ns)
    assert found.jitter == pytest.approx(JITTER)


def test_measured_sizes_are_replayed_as_measured() -> None:
    mine = profile()
    for one in mine.cells:
        assert mine.cost(WMMSE, one.links, one.subbands) is one.cost


@pytest.mark.parametrize(("links", "subbands"), [(4, 1), (41, 1), (10, 65), (80, 273)])
def test_outside_is_an_error_unless_asked_for(links: int, subbands: int) -> None:
    with pytest.raises(InputError, match=r"K = 5, 10, 40 with S = 1, 4, 64.*extrapolate"):
        profile().cost(WMMSE, links, subbands)
    found = profile().cost(WMMSE, links, subbands, extrapolate=True)
    assert found.per_work_ns == pytest.approx(cost(links, subbands).per_work_ns)


def test_a_ragged_grid_is_used_where_it_reaches() -> None:
    cells = [*profile((5, 40), (1,)).cells, *profile((5, 10), (8,)).cells]
    ragged = Profile("ragged", {}, cells, cost(1, 1))
    assert ragged.cost(WMMSE, 30, 1).base_ns == pytest.approx(300.0)
    assert ragged.cost(WMMSE, 7, 3).base_ns == pytest.approx(70.0)
    with pytest.raises(InputError, match="K = 5, 40 with S = 1; K = 5, 10 with S = 8"):
        ragged.cost(WMMSE, 30, 3)


def test_an_allocator_that_was_not_measured() -> None:
    with pytest.raises(InputError, match=r"mine: holds no dnn; it holds wmmse \(cost_of"):
        profile().cost(CellKey.of("dnn", {}), 10, 1)


def test_a_written_profile_reads_as_it_was(tmp_path: Path) -> None:
    text, parquet = write_profile(profile(), tmp_path / "mine.json")
    assert (text.name, parquet.name) == ("mine.json", "mine.parquet")
    found = load_profile(find_profile("mine", tmp_path))
    assert found.header["machine"] == {"processor": "abacus"}
    assert found.header["warnings"] == ["it was hot"]
    assert len(found.cells) == 9
    assert found.cells[0].facts == {"p50_us": 1.0}
    assert found.cells[0].samples == 5000
    for k, s in ((5, 1), (17, 9)):
        before, after = profile().cost(WMMSE, k, s), found.cost(WMMSE, k, s)
        assert after.per_work_ns == pytest.approx(before.per_work_ns)
        assert after.jitter == pytest.approx(before.jitter, abs=1e-6)
    assert found.release.base_ns == 500.0


def test_a_profile_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    text, _ = write_profile(profile(), tmp_path / "mine")
    assert len(load_profile(text).cells) == 9
    write_profile(profile((5, 10), (1,)), tmp_path / "mine")
    assert len(load_profile(text).cells) == 2


def damage(path: Path, what: str) -> None:
    parquet = path.with_suffix(".parquet")
    header = json.loads(path.read_text())
    if what == "truncated":
        parquet.write_bytes(parquet.read_bytes()[:-100])
    elif what == "gone":
        parquet.unlink()
    elif what == "half JSON":
        path.write_text(path.read_text()[: len(path.read_text()) // 2])
    elif what == "other JSON":
        path.write_text("[1, 2]")
    elif what == "format":
        path.write_text(json.dumps({**header, "format": 99}))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("truncated", "is not the file that mine.json was written with"),
        ("gone", "No such file"),
        ("half JSON", "cannot be read as a profile"),
        ("other JSON", "is no profile"),
        ("format", "is in format 99, want 2"),
    ],
)
def test_damaged_profiles(tmp_path: Path, what: str, said: str) -> None:
    text, _ = write_profile(profile(), tmp_path / "mine")
    damage(text, what)
    with pytest.raises(InputError, match=said):
        load_profile(text)


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"profile 'nobody': neither a shipped one .* nor a file"):
        find_profile("nobody", tmp_path)
