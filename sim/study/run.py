"""A study, run: what is in the store already, what is missing, and the tables of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sim.deadline.errors import InputError
from sim.deadline.manifest import git_state, versions
from sim.profile.provenance import described
from sim.result import DISTRIBUTIONS
from sim.scenario import Scenario
from sim.scenario.load import resolved_scenario
from sim.study.engines import Engine, GivenEngine, LokyEngine
from sim.study.point import Point
from sim.study.search import Search
from sim.study.store import StudyFolder
from sim.study.study import Row, Study
from sim.study.table import points_table, targets_table
from sim.study.work import Work

if TYPE_CHECKING:
    import pyarrow as pa

#: Called with how many more points are done.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class StudyResult:
    """What a study left.

    Attributes:
        folder: where.
        table: a row a point, as in ``table.parquet``.
        targets: what was solved for, as in ``targets.parquet``; None if nothing was.
        points: how many there are: ``total``, ``refused``, and ``run`` this time.
        warnings: what the user should know.
    """

    folder: Path
    table: pa.Table
    targets: pa.Table | None
    points: dict[str, int]
    warnings: list[str]

    @property
    def failed(self) -> bool:
        """Whether an allocator failed on some job, or no point could be had."""
        jobs = self.table["failed"].to_pylist()
        return any(jobs) or all(failed is None for failed in jobs)


class Plan:
    """Which points are wanted, and which are finished.

    Args:
        study: the study.
        load: returns the record of a finished point, or None.
    """

    def __init__(self, study: Study, load: Callable[[str], dict[str, Any] | None]) -> None:
        self.study = study
        self.records: dict[str, dict[str, Any]] = {}
        self.rows: list[Row] = []
        self.run = 0
        self._load = load
        self._under_way: set[str] = set()
        self.search = (
            None
            if study.line is None or study.target is None
            else Search(study, study.line, study.target, self.records)
        )

    def start(self) -> list[Point]:
        """Return the points to run that are known at the start."""
        return self._enlist(self.study.grid if self.search is None else self.search.start())

    def finished(self, point: Point, record: dict[str, Any]) -> list[Point]:
        """Take a record; return the points to run next."""
        self.records[point.address] = record
        self.run += 1
        return self._enlist(() if self.search is None else self.search.tell(point.address))

    def _enlist(self, rows: Iterable[Row]) -> list[Point]:
        """Add rows to the table; return the points of theirs that nobody has run yet."""
        points = []
        stack = list(rows)[::-1]
        while stack:
            row = stack.pop()
            self.rows.append(row)
            if row.address not in self.records and not self._recall(row):
                if row.point is not None and row.address not in self._under_way:
                    self._under_way.add(row.address)
                    points.append(row.point)
                continue
            if self.search is not None:
                stack.extend(self.search.tell(row.address)[::-1])
        return points

    def _recall(self, row: Row) -> bool:
        """Fetch what is known of a row without running it."""
        record = self._load(row.address) if row.record is None else dict(row.record)
        if record is None:
            return False
        self.records[row.address] = record
        return True


def run_study(
    study: Study,
    folder: Path,
    executor: Engine | Executor | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Run what is missing of a study, and write its tables.

    Points that are finished are never run again, whoever ran them. What ends early, by an error
    or by Ctrl-C, leaves the tables of what is there.

    Args:
        study: the study.
        folder: where the results go.
        executor: an engine, or any `concurrent.futures.Executor`; processes of this machine if
            not given.
        progress: told of every point.

    Raises:
        InputError: time is measured and the engine parallel, or the folder cannot be used, or the
            workers fail.
    """
    engine = GivenEngine(executor) if isinstance(executor, Executor) else executor or LokyEngine()
    warnings = check_engine(study, parallel=engine.parallel)
    with StudyFolder(folder) as store:
        plan = Plan(study, store.load)

        def finished(point: Point, record: dict[str, Any]) -> list[Point]:
            store.save(point.address, record)
            if progress is not None:
                progress(1)
            return plan.finished(point, record)

        # Of an earlier version, perhaps.
        store.remove("table.parquet", "targets.parquet", "report.html")
        store.write("study.yaml", _resolved(study))
        _write_manifest(store, "running", plan, engine)
        points = plan.start()
        if progress is not None:
            progress(len(plan.rows) - len(points))
        status = "interrupted"
        try:
            Work(engine, study.code, study.plugins, finished).run(points)
            status = "complete"
        finally:
            table = points_table(study, plan.rows, plan.records)
            targets = None
            store.write_table("table.parquet", table)
            if plan.search is not None and status == "complete":
                targets = targets_table(study, plan.search.answers())
                store.write_table("targets.parquet", targets)
            counts = _write_manifest(store, status, plan, engine)
    if plan.search is not None:
        warnings += plan.search.doubts()
    warnings += _warnings(plan)
    return StudyResult(folder, table, targets, counts, warnings)


def check_engine(study: Study, *, parallel: bool) -> list[str]:
    """Return what a study's use of an engine has to be warned of.

    Raises:
        InputError: time is measured where there are neighbours.
    """
    if not study.measured:
        return []
    key = study.measured[0]
    if parallel:
        raise InputError(
            f"{key}: measured: neighbours on the same machine would be in the figures; use "
            "--engine serial, or a modelled latency"
        )
    return [
        f"{key}: measured: figures are of this machine at this moment, and a study that is resumed "
        "mixes moments"
    ]


def _write_manifest(store: StudyFolder, status: str, plan: Plan, engine: Engine) -> dict[str, int]:
    rows = plan.rows
    done = [row for row in rows if row.address in plan.records]
    counts = {
        "total": len(rows),
        "finished": len(done),
        "refused": sum(plan.records[row.address]["status"] == "refused" for row in done),
        "run": plan.run,
    }
    contents = {
        "study": plan.study.name,
        "points": counts,
        "engine": engine.name,
        "code_sha256": plan.study.code,
        "profiles": described(plan.study.profiles, plan.study.folder),
        "versions": versions((*DISTRIBUTIONS, "loky", "distributed")),
        "git": git_state(Path(__file__).parent),
    }
    store.write_manifest(status, contents)
    return counts


def _warnings(plan: Plan) -> list[str]:
    """Return what the user should know of the points."""
    refused: dict[str, int] = {}
    failed: dict[str, int] = {}
    unrated = 0
    for row in plan.rows:
        record = plan.records[row.address]
        if record["status"] == "refused":
            refused[record["reason"]] = refused.get(record["reason"], 0) + 1
        elif record["failed"]:
            failed[row.allocator] = failed.get(row.allocator, 0) + record["failed"]
        elif record["in_force_bps_hz"] is None:
            unrated += 1
    total = sum(refused.values())
    found = [f"{allocator}: {count} jobs failed" for allocator, count in failed.items()]
    if unrated:
        found.append(
            f"{unrated} of {len(plan.rows)} points have no rate: no slot of theirs is served by an "
            "answer, as with no more slots than budget.lead"
        )
    if total:
        often = max(refused, key=lambda reason: refused[reason])
        found.append(f"{total} of {len(plan.rows)} points cannot be had, most often: {often}")
    return found


def _resolved(study: Study) -> str:
    """Return the study as YAML that runs as it stands, from any folder."""
    model = study.model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"set"})
    scenario = resolved_scenario(_example(study), study.folder)
    if "controllers" in study.base:  # their places as written: axes count them
        scenario["controllers"] = study.base["controllers"]
    model |= {"name": study.name, "scenario": scenario}
    return yaml.safe_dump(model, sort_keys=False, allow_unicode=True)


def _example(study: Study) -> Scenario:
    assert study.example is not None  # or the study would not have been read
    return study.example
