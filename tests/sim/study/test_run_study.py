"""Studies from beginning to end, in this process: the same tables however they come about."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from studies import SCENARIO, finished, study, write

import sim.study.store
from sim.deadline import InputError
from sim.deadline.cost import CHANCES, Cost
from sim.deadline.files import part_path
from sim.profile import Cell, CellKey, Profile, write_profile
from sim.study import (
    DaskEngine,
    Engine,
    LokyEngine,
    SerialEngine,
    Study,
    StudyResult,
    load_study,
    run_study,
)
from sim.study.columns import RECORD
from sim.study.engines import GivenEngine
from sim.study.store import StudyFolder
from sim.study.table import TARGET_COLUMNS

AXES: dict[str, Any] = {"channel.links": [4, 2], "compute.speed": [0.5, 2.0]}
CSI = {
    "axis": "budget.csi",
    "find": "largest",
    "from": "0 us",
    "to": "990 us",
    "tolerance": "20 us",
}
TABLES = ("table.parquet", "targets.parquet")


def run(loaded: Study, out: Path, engine: Engine | Executor | None = None) -> StudyResult:
    return run_study(loaded, out, engine or SerialEngine())


def tables(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in TABLES if (out / name).exists()]


def test_the_table_is_tidy(tmp_path: Path) -> None:
    result = run(study(tmp_path, axes=AXES, replicates=2), tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "table.parquet")
    assert table.equals(result.table)
    names = ["point", "channel.links", "compute.speed", "replicate", "allocator", *RECORD]
    assert table.column_names == names
    rows = table.to_pylist()
    assert [(row["channel.links"], row["compute.speed"]) for row in rows[::4]] == [
        (4, 0.5),
        (4, 2.0),
        (2, 0.5),
        (2, 2.0),
    ]
    assert [(row["replicate"], row["allocator"]) for row in rows[:4]] == [
        (0, "max_power"),
        (0, "best"),
        (1, "max_power"),
        (1, "best"),
    ]
    assert all(row["links"] == row["channel.links"] for row in rows)
    assert {row["status"] for row in rows} == {"ok"}
    # common random numbers: everyone meets the same jitter, and faster is never later
    for a, b in zip(rows[::2], rows[1::2], strict=True):
        assert a["met"] == b["met"]
        assert a["seed"] == b["seed"]
    assert all(slow["met"] <= fast["met"] for slow, fast in zip(rows[:4], rows[4:8], strict=True))
    assert result.points == {"total": 16, "finished": 16, "refused": 0, "run": 16}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["engine"]) == ("complete", "serial")
    assert manifest["points"]["total"] == 16


def test_engines_agree_to_the_byte(tmp_path: Path) -> None:
    loaded = study(
        tmp_path,
        axes={"compute.speed": [0.5, 1, 2]},
        replicates=2,
        target="miss_ratio <= 0.05",
        solve=CSI,
    )
    run(loaded, tmp_path / "serial")
    with ThreadPoolExecutor(3) as threads:
        run(loaded, tmp_path / "threads", threads)
    run(loaded, tmp_path / "loky", LokyEngine(2))
    expected = tables(tmp_path / "serial")
    assert len(expected) == 2
    assert tables(tmp_path / "threads") == expected
    assert tables(tmp_path / "loky") == expected
    names = {path.name for path in (tmp_path / "loky" / "points").iterdir()}
    assert names == {path.name for path in (tmp_path / "serial" / "points").iterdir()}


def test_what_is_solved_for(tmp_path: Path) -> None:
    loaded = study(
        tmp_path,
        scenario=SCENARIO | {"compute": {"latency": {"constant": "100 us"}}},
        axes={"compute.servers": [1, 2]},
        target="miss_ratio <= 0",
        solve={"axis": "controllers", "find": "largest", "from": 1, "to": 40},
    )
    result = run(loaded, tmp_path / "out")
    assert result.targets is not None
    assert result.targets.column_names == ["compute.servers", *TARGET_COLUMNS]
    rows = result.targets.to_pylist()
    # D/D/c: ten jobs of 100 us fit a slot of 1 ms on each server
    columns = ("compute.servers", "allocator", "answer", "next")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (1, "max_power", 10.0, 11.0),
        (1, "best", 10.0, 11.0),
        (2, "max_power", 20.0, 21.0),
        (2, "best", 20.0, 21.0),
    ]
    assert {row["status"] for row in rows} == {"met"}
    assert rows[0]["metric_at_answer"] == 0.0
    assert rows[0]["metric_at_next"] == pytest.approx(1 / 11)
    evaluated = result.table.to_pylist()
    assert sum(row["evaluations"] for row in rows) == len(evaluated)
    assert [row["controllers"] for row in evaluated] == sorted(
        row["controllers"] for row in evaluated[: len(evaluated) // 2]
    ) + sorted(row["controllers"] for row in evaluated[len(evaluated) // 2 :])


@pytest.mark.parametrize(
    ("target", "status", "answer", "nearest"),
    [
        ("miss_ratio >= 1", "unmet", None, 2.0),
        ("miss_ratio <= 1", "everywhere", 4.0, None),
        ("response_p999_us <= 1", "unmet", None, 2.0),  # sixty jobs carry no such percentile
    ],
)
def test_targets_that_leave_nothing_to_find(
    target: str, status: str, answer: float | None, nearest: float | None, tmp_path: Path
) -> None:
    solve = {"axis": "channel.links", "find": "largest", "from": 2, "to": 4}
    result = run(study(tmp_path, target=target, solve=solve), tmp_path / "out")
    assert result.targets is not None
    for row in result.targets.to_pylist():
        assert (row["status"], row["answer"], row["nearest"]) == (status, answer, nearest)


def test_points_that_cannot_be_had_are_rows(tmp_path: Path) -> None:
    scenario = SCENARIO | {"allocators": ["max_power", {"dnn": {"model": "dnn_k10"}}]}
    axes = {"budget.csi": ["0.5 ms", "2 ms"], "channel.links": [10, 3]}
    result = run(study(tmp_path, scenario=scenario, axes=axes), tmp_path / "out")
    rows = result.table.to_pylist()
    refused = [row for row in rows if row["status"] == "refused"]
    assert [row["status"] for row in rows[:4]] == ["ok", "ok", "ok", "refused"]
    assert len(refused) == 5
    assert refused[0]["reason"].startswith("allocators: dnn: ")
    assert "leaves -1000 us to compute" in refused[1]["reason"]
    for row in refused:
        assert row["jobs"] is row["miss_ratio"] is row["jain"] is None
        assert row["links"] == row["channel.links"]
        assert (row["slot_us"], len(row["point"])) == (1000.0, 64)
    assert "5 of 8 points cannot be had" in result.warnings[0]
    assert result.points["refused"] == 5
    # refusals by the scenario are no points to run, the others are kept as well
    assert result.points["run"] == len(finished(tmp_path / "out")) == 4


def test_nothing_finished_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    first = run(study(tmp_path, axes=AXES), out)
    before, bytes_before = finished(out), tables(out)
    again = run(study(tmp_path, axes=AXES), out)
    assert (first.points["run"], again.points["run"]) == (8, 0)
    assert finished(out) == before
    assert tables(out) == bytes_before
    # a wider study takes what is there; what it no longer has stays, and is left out
    wider = run(study(tmp_path, axes={**AXES, "channel.links": [3, 2]}), out)
    assert wider.points["run"] == 4
    assert before.items() < finished(out).items()
    assert wider.table.num_rows == 8
    assert set(wider.table["channel.links"].to_pylist()) == {2, 3}
    # as resolved, it is the same study
    loaded = load_study(out / "study.yaml")
    assert run(loaded, out).points["run"] == 0
    assert yaml.safe_load((out / "study.yaml").read_text())["axes"]["channel.links"] == [3, 2]


def test_a_study_as_resolved_counts_controllers_as_it_was_written(tmp_path: Path) -> None:
    many = [{"name": "a", "count": 3}, {"name": "b", "numerology": 1}]
    loaded = study(
        tmp_path,
        scenario=SCENARIO | {"controllers": many},
        axes={"controllers.1.count": [1, 4]},
    )
    first = run(loaded, tmp_path / "out")
    assert first.table["controllers"].to_pylist() == [4, 4, 7, 7]
    assert run(load_study(tmp_path / "out" / "study.yaml"), tmp_path / "out").points["run"] == 0


def test_the_manifest_names_the_profiles_of_all_points(tmp_path: Path) -> None:
    cost = Cost(9.0, 0.0, 9.0, np.zeros(len(CHANCES)))
    for name in ("here", "there", "nowhere"):
        cells = [Cell(CellKey.of(one, {}), 3, 1, cost, 9) for one in ("max_power", "best_link")]
        header = {"machine": {"processor": name, "cores": 1}}
        write_profile(Profile(name, header, cells, cost), tmp_path / name)
    latencies = [{"calibrated": name} for name in ("here", "there", "here")]
    loaded = study(
        tmp_path,
        scenario=SCENARIO | {"compute": {"latency": {"calibrated": "nowhere"}}},
        axes={"at": {"zip": {"compute.latency": latencies}, "labels": ["a", "b", "c"]}},
    )
    run(loaded, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [one["machine"]["processor"] for one in manifest["profiles"]] == ["here", "there"]


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "flipped", "renamed", "other"])
def test_damaged_points_are_noticed_and_run_again(damage: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(study(tmp_path, axes=AXES), out)
    before = tables(out)
    first, second, *_ = sorted((out / "points").iterdir())
    text = first.read_text()
    damaged = {
        "cut": text[: len(text) // 2],
        "empty": "",
        "garbage": "\x00\xff" * 100,
        "flipped": text.replace('"jobs": 60', '"jobs": 61'),
        "renamed": second.read_text(),
        "other": "[]",
    }[damage]
    assert damaged != text
    first.write_text(damaged)
    assert run(study(tmp_path, axes=AXES), out).points["run"] == 1
    assert tables(out) == before
    assert first.read_text() == text


def test_a_full_disk_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    written = sim.study.store.json_text
    calls = 0

    def full(value: object) -> str:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(value)

    monkeypatch.setattr(sim.study.store, "json_text", full)
    with pytest.raises(InputError, match=r"\.json: cannot be written: No space left.* are kept"):
        run(study(tmp_path, axes=AXES), out)
    assert len(finished(out)) == 3
    assert pq.read_table(out / "table.parquet").num_rows == 3
    monkeypatch.undo()
    assert run(study(tmp_path, axes=AXES), out).points["run"] == 5


def test_folders(tmp_path: Path) -> None:
    loaded = study(tmp_path, axes=AXES)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; want a folder"):
        run(loaded, tmp_path / "file")
    for other in ("thesis.tex", "summary.json"):
        out = tmp_path / other.removesuffix(".tex")
        out.mkdir()
        (out / other).write_text("")
        with pytest.raises(InputError, match=f"holds '{other}', no study"):
            run(loaded, out)
    out = tmp_path / "out"
    with (
        StudyFolder(out),
        pytest.raises(InputError, match=rf"a study is at work there \(process {os.getpid()}\)"),
    ):
        run(loaded, out)
    assert run(loaded, out).points["run"] == 8


def test_what_a_killed_study_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    StudyFolder(tmp_path).write("study.yaml", "name: x")
    for name in ("manifest.json", "table.parquet", "report.html"):
        part_path(tmp_path / name).write_text("{")
    with StudyFolder(tmp_path) as store:
        store.write_manifest("running", {})
        assert {path.name for path in tmp_path.iterdir()} == {
            ".lock", "manifest.json", "points", "study.yaml",
        }  # fmt: skip


@pytest.mark.parametrize("name", [".lock", "points"])
def test_links_out_of_a_study_are_not_followed(name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for mine in (elsewhere / "mine", elsewhere / ".mine.01234567.part"):
        mine.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").touch()
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(elsewhere / "mine" if name == ".lock" else elsewhere)
    with pytest.raises(InputError, match=r"symbolic link|is a link"), StudyFolder(out):
        pass
    assert {path.read_text() for path in elsewhere.iterdir()} == {"mine"}
    assert len(list(elsewhere.iterdir())) == 2


def test_where_nothing_can_be_locked_it_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with StudyFolder(tmp_path) as store:
        store.write("study.yaml", "name: x")
    assert (tmp_path / "study.yaml").read_text() == "name: x"


def test_measured_time_has_no_neighbours(tmp_path: Path) -> None:
    scenario = SCENARIO | {"compute": {}}
    own = {"latency": {"constant": "1 us"}}
    modelled = SCENARIO | {"compute": {}, "allocators": [{"max_power": None, **own}]}
    with ThreadPoolExecutor(1) as threads:
        for measured in (
            scenario,
            modelled | {"on_miss": {"fallback": "random"}},
            modelled | {"allocators": [*modelled["allocators"], "random"]},
            SCENARIO | {"on_miss": {"fallback": "random", "latency": "measured"}},
        ):
            with pytest.raises(InputError, match=r"measured: neighbours .* --engine serial"):
                run(study(tmp_path, scenario=measured, axes=AXES), tmp_path / "no", threads)
        run(study(tmp_path, scenario=modelled, axes=AXES), tmp_path / "out", threads)
    assert not (tmp_path / "no").exists()
    result = run(study(tmp_path, scenario=scenario, replicates=2), tmp_path / "serial")
    assert "mixes moments" in result.warnings[0]


class Breaking(Engine):
    """Its executors break after so many batches each."""

    name = "breaking"
    mortal = True
    workers = 2

    def __init__(self, *lives: int) -> None:
        self.lives = list(lives)
        self.started = 0

    def start(self) -> Executor:
        self.started += 1
        return _Breaks(self.lives.pop(0) if self.lives else 0)


class _Breaks(Executor):
    def __init__(self, life: int) -> None:
        self._life = life

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._life < -1:
            raise BrokenProcessPool("broken before")
        self._life -= 1
        future: Future[Any] = Future()
        if self._life < 0:
            future.set_exception(BrokenProcessPool("a worker died"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_workers_that_die_are_replaced_until_nothing_comes_of_it(tmp_path: Path) -> None:
    loaded = study(tmp_path, axes=AXES, replicates=3)
    run(loaded, tmp_path / "expected")
    engine = Breaking(3, 0, 0, 2, 0, 0, 1, 10**6)
    result = run(loaded, tmp_path / "out", engine)
    assert result.points["run"] == 24
    assert tables(tmp_path / "out") == tables(tmp_path / "expected")
    assert engine.started == 8
    engine = Breaking(3)
    with pytest.raises(InputError, match="4 times a worker died with no point finished"):
        run(loaded, tmp_path / "half", engine)
    assert engine.started == 4
    assert 0 < len(finished(tmp_path / "half")) < 24
    with pytest.raises(InputError, match=r"engine _Breaks: its executor was shut down \(Broken"):
        run(loaded, tmp_path / "given", GivenEngine(_Breaks(1)))


class Mislaying(SerialEngine):
    """Loses the result of every third batch."""

    def __init__(self) -> None:
        self.begun = 0

    def start(self) -> Executor:
        begin = super().start()
        outer = self

        class Losing(Executor):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
                outer.begun += 1
                future = begin.submit(fn, *args, **kwargs)
                if outer.begun % 3 == 0:
                    future = Future()
                    future.set_exception(LookupError("lost"))
                return future

        return Losing()

    def mislaid(self, error: Exception) -> bool:
        return isinstance(error, LookupError)


def test_a_batch_whose_result_is_lost_on_the_way_is_run_again(tmp_path: Path) -> None:
    loaded = study(tmp_path, axes=AXES, replicates=2)
    run(loaded, tmp_path / "expected")
    engine = Mislaying()
    result = run(loaded, tmp_path / "out", engine)
    assert (result.points["run"], engine.begun) == (16, 23)
    assert tables(tmp_path / "out") == tables(tmp_path / "expected")


@pytest.mark.parametrize("status", ["lost", "pending"])
def test_what_dask_mistakes_for_an_error_is_told_from_one(status: str) -> None:
    """As its futures are when a worker dies while its result is on the way."""
    cfexecutor = pytest.importorskip("distributed.cfexecutor")

    class Lost:
        def __init__(self) -> None:
            self.status = status

        async def _result(self, raiseit: bool) -> Any:
            return [], 0.5

    async def cascade(future: Future[Any]) -> None:
        await cfexecutor._cascade_future(Lost(), future)

    engine, future = DaskEngine.__new__(DaskEngine), Future[Any]()
    asyncio.run(cascade(future))
    error = future.exception()
    assert error is None or (isinstance(error, Exception) and engine.mislaid(error))
    for own in (ValueError("not enough values to unpack"), TypeError(), KeyError()):
        with pytest.raises(type(own)) as raised:
            raise own
        assert not engine.mislaid(raised.value)


def test_an_executor_that_is_shut_down_is_one_line(tmp_path: Path) -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(InputError, match="engine ThreadPoolExecutor: its executor was shut down"):
        run(study(tmp_path, axes=AXES), tmp_path / "out", threads)


def test_a_few_points_are_on_their_way_at_a_time(tmp_path: Path) -> None:
    class Counting(_Breaks):
        waiting: ClassVar[list[Any]] = []
        most = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            self.waiting.append((future, fn, args))
            Counting.most = max(Counting.most, len(self.waiting))
            if len(self.waiting) > 4:  # of two workers
                for waiting, call, given in self.waiting:
                    waiting.set_result(call(*given))
                self.waiting.clear()
            return future

    class Two(Breaking):
        def start(self) -> Executor:
            return Counting(0)

        def watch(self) -> None:
            for waiting, call, given in Counting.waiting:
                waiting.set_result(call(*given))
            Counting.waiting.clear()

    axes = {"compute.speed": {"from": 1, "to": 20, "step": 1}}
    result = run(
        study(tmp_path, scenario=SCENARIO | {"slots": 2}, axes=axes), tmp_path / "o", Two()
    )
    assert result.points["run"] == 40
    assert Counting.most == 5


def test_a_study_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # below which it may name files
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "b.yaml").write_text(yaml.safe_dump(SCENARIO))
    path = write(tmp_path / "studies", scenario="../base/b.yaml", axes=AXES, set={"slots": 20})
    result = run(load_study(path, ["seed=9"]), tmp_path / "out")
    rows = result.table.to_pylist()
    assert {(row["slots"], row["seed"], row["jobs"]) for row in rows} == {(20, 9, 20)}
