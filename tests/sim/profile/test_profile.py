"""Profiles: between measured sizes, on disk, and what is wrong with one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline import InputError
from sim.deadline.cost import CHANCES, Cost
from sim.profile import Cell, CellKey, Profile, find_profile, load_profile, write_profile
from sim.profile.bench import Bench, Null, instances
from sim.profile.plan import Plan

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


def by_work(links: int, subbands: int, calls: int) -> Cell:
    """A cell whose calls cost ``K**2`` a unit of work and no more, of ``S K`` units, or so.

    Those of fewer than a hundred calls show one time, and no price.
    """
    work, price = float(subbands * links), float(links**2)
    found = Cost(0.0, price, price * work, JITTER)
    if calls < 100:
        found = Cost(price * work, 0.0, price * work, JITTER)
    return Cell(WMMSE, links, subbands, found, calls, {"work_p50": work})


@given(st.integers(5, 40), st.integers(1, 64))
def test_a_cell_of_few_calls_is_mixed_by_its_work(links: int, subbands: int) -> None:
    """It shows no price of work; taken for a price of zero, it would make its neighbours cheap."""
    cells = [
        by_work(k, s, 10 if k * s > 100 else 5000) for k in (5, 10, 40) for s in (1, 4, 16, 64)
    ]
    found = Profile("slow", {}, cells, cost(1, 1)).cost(WMMSE, links, subbands)
    work = subbands * links
    assert found.base_ns + found.per_work_ns * work == pytest.approx(links**2 * work)


def test_no_cell_shows_a_price() -> None:
    cells = [by_work(k, 1, 10) for k in (10, 40)]
    found = Profile("slow", {}, cells, cost(1, 1)).cost(WMMSE, 20, 1)
    assert (found.base_ns, found.per_work_ns) == (pytest.approx(20.0**3), 0.0)


def test_one_size_extrapolates_nowhere() -> None:
    said = "one size leads to no other: calibrate at more"
    for links, subbands, mine in ((20, 1, ((10,), (1,))), (10, 4, ((5, 10), (1,)))):
        with pytest.raises(InputError, match=said):
            profile(*mine).cost(WMMSE, links, subbands, extrapolate=True)
    found = profile((5, 10), (1,)).cost(WMMSE, 20, 1, extrapolate=True)
    assert found.base_ns == pytest.approx(200.0)


def test_a_profile_may_hold_an_allocator_that_is_not_here(tmp_path: Path) -> None:
    """As a calibration with a plug-in leaves it, read by a race without."""
    foreign = Cell(CellKey("theirs", '{"share": 0.5}'), 5, 1, cost(5, 1), 5000, {"p50_us": 1.0})
    both = Profile("mine", {}, [*profile().cells, foreign], cost(1, 1))
    text, _ = write_profile(both, tmp_path / "mine")
    found = load_profile(text)
    assert found.cost(WMMSE, 5, 1).base_ns == 50.0
    with pytest.raises(InputError, match=r"holds no dnn; it holds theirs:share=0.5, wmmse \("):
        found.cost(CellKey.of("dnn", {}), 5, 1)


def test_an_allocator_that_was_not_measured() -> None:
    with pytest.raises(InputError, match=r"mine: holds no dnn; it holds wmmse \(cost_of"):
        profile().cost(CellKey.of("dnn", {}), 10, 1)


def test_no_cell_takes_longer_than_it_may() -> None:
    plan = Plan(("max_power",), (4,), (1, 2), 10**11, longest_ns=1_000_000_000)
    assert plan.most_calls == 3 * 1000
    bench = Bench("null", Null(), 4, 1)
    bench.prepare(plan, instances(plan, 4, 1)[:10])
    assert bench.samples * bench.period_ns <= plan.longest_ns
    few = plan._replace(samples=64)
    assert few.most_calls == 3 * 64


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
    elif what == "machine":
        path.write_text(json.dumps({**header, "machine": "abacus"}))
    elif what == "format":
        path.write_text(json.dumps({**header, "format": 99}))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("truncated", "is not the file that mine.json was written with"),
        ("gone", "No such file"),
        ("half JSON", "cannot be read as a profile"),
        ("other JSON", "is no profile"),
        ("machine", r"mine\.json: machine: 'abacus'; want keys and values"),
        ("format", "is in format 99, want 2"),
    ],
)
def test_damaged_profiles(tmp_path: Path, what: str, said: str) -> None:
    text, _ = write_profile(profile(), tmp_path / "mine")
    damage(text, what)
    with pytest.raises(InputError, match=said):
        load_profile(text)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("base_ns", float("nan"), "a cost that is not finite"),
        ("per_work_ns", -1.0, "a cost below zero"),
        ("jitter", JITTER[::-1].tolist(), "jitter that falls"),
        ("jitter", JITTER[1:].tolist(), "jitter of another length"),
        ("jitter", None, "jitter of another length"),
        ("links", None, "TypeError"),
        ("subbands", 0, "a call of 5 links and 0 subbands"),
        ("parameters", "[1]", r"parameters '\[1\]'"),
        ("parameters", "{oops", "JSONDecodeError"),
        ("allocator", None, "TypeError: allocator null, want a name"),
    ],
)
def test_profiles_whose_contents_make_no_sense(
    column: str, value: Any, said: str, tmp_path: Path
) -> None:
    """Written by other hands: the checksum is right, what it stands for is not."""
    text, parquet = write_profile(profile(), tmp_path / "mine")
    rows = pq.read_table(parquet).to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    digest = hashlib.sha256(parquet.read_bytes()).hexdigest()
    header = json.loads(text.read_text())
    text.write_text(json.dumps({**header, "parquet_sha256": digest}))
    with pytest.raises(InputError, match=rf"mine\.parquet: is no profile: .*{said}"):
        load_profile(text)


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"profile 'nobody': neither a shipped one .* nor a file"):
        find_profile("nobody", tmp_path)
