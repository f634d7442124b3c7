"""The job log and its summary: what is there is whole, also when the writer dies."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.deadline import InputError, Job, JobLog, Outcome, Source, read_log
from sim.deadline.log import JOB_COLUMNS, JobMemory, log_parts
from sim.deadline.stats import percentile
from sim.deadline.summary import missed, summarize_jobs


def job(index: int) -> Job:
    if index % 7 == 3:
        return Job(index, 10 * index, None, None, 10 * index + 9, Outcome.SKIPPED, Source.HELD)
    return Job(
        index,
        10 * index,
        10 * index + 1,
        10 * index + 5,
        10 * index + 9,
        Outcome.FAILED if index % 7 == 5 else Outcome.MET,
        Source.OWN,
        4,
        index % 3,
        index % 2,
        f"reason {index % 2}" if index % 7 == 5 else None,
    )


def write(folder: Path, count: int, name: str = "toy") -> None:
    with JobLog(folder, name, extra={"rate": "float64"}) as log:
        for index in range(count):
            log.append(job(index), (index / 3 if index % 5 else None,))


def test_parts_double_up_to_16384_rows(tmp_path: Path) -> None:
    write(tmp_path, 60_000)
    parts = sorted(tmp_path.iterdir())
    assert [part.name for part in parts] == [f"toy-{n:05d}.parquet" for n in range(7)]
    sizes = [pq.read_metadata(part).num_rows for part in parts]
    assert sizes == [1024, 2048, 4096, 8192, 16384, 16384, 60_000 - 3 * 16384 + 1024]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    write(tmp_path, 5000)
    table = read_log(tmp_path)
    assert table.column_names == ["solver", *JOB_COLUMNS, "rate"]
    rows = table.to_pylist()
    assert {row.pop("solver") for row in rows} == {"toy"}
    rates = [row.pop("rate") for row in rows]
    assert rates == [index / 3 if index % 5 else None for index in range(5000)]
    assert [Job(**row) for row in rows] == [job(index) for index in range(5000)]


def test_logs_of_several_solvers_lie_side_by_side(tmp_path: Path) -> None:
    for name, count in (("a", 2000), ("a-00000", 10), ("b.1", 0)):
        write(tmp_path, count, name)
    for name, count in (("a", 2000), ("a-00000", 10), ("b.1", 0)):
        table = read_log(tmp_path, ["solver", "index"], name)
        assert table.column_names == ["solver", "index"]
        assert table.num_rows == count
        assert set(table["solver"].to_pylist()) <= {name}
    assert read_log(tmp_path).num_rows == 2010
    with pytest.raises(InputError, match="no job log"):
        read_log(tmp_path, name="c")


def test_every_log_gives_its_own_parts_and_the_columns_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "down", 20, "other")
    logs = [
        JobLog(tmp_path / "deep" / "down", "toy", "who", {"rate": "float64"}),
        JobMemory("toy", "who", {"rate": "float64"}),
        JobMemory("toy"),
    ]
    for log, label, more in zip(logs, ("who", "who", "solver"), (True, True, False), strict=True):
        with log:
            for index in range(1030):
                log.append(job(index), (0.5,) if more else ())
        (first, second) = log.parts()
        assert first.column_names == [label, *JOB_COLUMNS, *(["rate"] if more else [])]
        assert (first.num_rows, second.num_rows) == (1024, 6)
        assert set(first[label].to_pylist()) == {"toy"}
        (first, _) = log.parts(["work", label])
        assert first.column_names == ["work", label]


def test_a_byte_of_a_part_that_changes_is_seen(tmp_path: Path) -> None:
    write(tmp_path, 300)
    (path,) = tmp_path.iterdir()
    content, table = path.read_bytes(), read_log(tmp_path)
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    places = range(4, 4 + sum(column.total_compressed_size for column in columns), 7)
    messages = []
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            assert read_log(tmp_path).equals(table)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 0.8 * len(places)
    line = rf"{re.escape(str(path))}: damaged, cannot be read \(\w*(Arrow|OS|Value)\w*: .+\)"
    assert all(re.fullmatch(line, message) for message in messages)


def test_parts_of_different_logs_are_no_log(tmp_path: Path) -> None:
    write(tmp_path, 3)
    pq.write_table(pa.table({"index": ["a"]}), tmp_path / "toy-00001.parquet")
    with pytest.raises(InputError, match=r": damaged: its parts differ \(ArrowInvalid: \w+"):
        read_log(tmp_path)


def test_the_same_run_leaves_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder, 4000)
    for part in (tmp_path / "one").iterdir():
        assert part.read_bytes() == (tmp_path / "two" / part.name).read_bytes()


def test_an_error_leaves_all_that_was_logged(tmp_path: Path) -> None:
    def fail() -> None:
        with JobLog(tmp_path, "toy") as log:
            for index in range(1500):
                log.append(job(index))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert read_log(tmp_path)["index"].to_pylist() == list(range(1500))


_WRITER = """
import sys
from pathlib import Path
from sim.deadline import Job, JobLog, Outcome, Source

log = JobLog(Path(sys.argv[1]), "toy")
index = 0
while True:
    log.append(Job(index, index, index, index, index, Outcome.MET, Source.OWN))
    index += 1
    if index == 3 * 1024:
        print("two parts", flush=True)
"""


def test_a_killed_writer_leaves_a_readable_log(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "two parts\n"
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    # What a write that was cut leaves behind, at its worst.
    (tmp_path / ".toy-99999.parquet.part").write_bytes(b"PAR1 half a table")
    index = read_log(tmp_path)["index"].to_pylist()
    assert len(index) >= 3 * 1024
    assert index == list(range(len(index)))


def test_a_full_disk_is_one_line_and_keeps_the_parts_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table, written = pq.write_table, []

    def full(table: object, path: Path, **options: object) -> None:
        written.append(path)
        write_table(table, path, **options)
        if len(written) > 1:
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(InputError, match=r"00001\.parquet: cannot be written: No space left"):
        write(tmp_path, 5000)
    assert [path.name for path in tmp_path.iterdir()] == ["toy-00000.parquet"]
    assert read_log(tmp_path)["index"].to_pylist() == list(range(1024))


def test_a_summary_counts_every_job_once(tmp_path: Path) -> None:
    write(tmp_path, 5000)
    summary = summarize_jobs(log_parts(tmp_path))
    skipped = sum(n % 7 == 3 for n in range(5000))
    failed = sum(n % 7 == 5 for n in range(5000))
    assert summary == summarize_jobs([read_log(tmp_path)])  # the parts do not matter
    assert summary["jobs"] == 5000
    assert summary["skipped"] == skipped
    assert summary["failed"] == failed
    assert summary["met"] == 5000 - skipped - failed
    assert summary["late"] == summary["aborted"] == 0
    assert summary["miss_ratio"] == (skipped + failed) / 5000
    low, high = summary["miss_ratio_ci95"]
    assert low < summary["miss_ratio"] < high
    assert summary["response_us"] == {"p50": 0.005, "p99": 0.005, "p999": None, "max": 0.005}
    assert summary["service_us"]["p50"] == 0.004
    assert sum(summary["failures"].values()) == failed


def test_a_summary_describes_times_in_microseconds() -> None:
    rng = np.random.default_rng(3)
    waits, services = rng.integers(0, 10**6, (2, 5000))
    reasons = [f"reason {n}" for n in range(1, 8) for _ in range(n)]
    with JobMemory("toy") as log:
        for index, (wait, service) in enumerate(
            zip(waits.tolist(), services.tolist(), strict=True)
        ):
            start, reason = 100 + wait, reasons[index] if index < len(reasons) else None
            outcome = Outcome.LATE if reason is None else Outcome.FAILED
            times = (100, start, start + service, 101)
            log.append(Job(index, *times, outcome, Source.HELD, service, reason=reason))
    summary = summarize_jobs(log.parts())
    for name, times in (("response_us", waits + services), ("service_us", services)):
        times.sort()
        assert summary[name]["max"] == times[-1] / 1e3
        for label, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
            found = percentile(times, q)
            assert found is not None
            assert summary[name][label] == found.value / 1e3
            assert summary[f"{name}_ci95"][label] == [found.low / 1e3, found.high / 1e3]
    assert summary["failures"] == {f"reason {n}": n for n in (7, 6, 5, 4, 3)}


@pytest.mark.parametrize("cuts_us", [(9, 8, 7), (7, 9, 8), (8, 7, 9)])
def test_a_summary_says_from_where_on_responses_were_cut(cuts_us: tuple[int, ...]) -> None:
    with JobMemory("toy") as log:
        for index in range(3000):  # three that were cut; one that was cut before it began
            outcome = Outcome.ABORTED if index % 1000 == 999 else Outcome.MET
            took = 1000 * cuts_us[index // 1000] if outcome == Outcome.ABORTED else 100
            log.append(Job(index, 20, 30, 20 + took, 9020, outcome, Source.HELD, 50))
        log.append(Job(3000, 0, None, None, 9000, Outcome.ABORTED, Source.HELD))
    assert summarize_jobs(log.parts())["cut_from_us"] == 7.0
    with JobMemory("toy") as log:
        log.append(Job(0, 0, None, None, 9000, Outcome.ABORTED, Source.HELD))
    assert summarize_jobs(log.parts())["cut_from_us"] is None


def test_a_summary_of_jobs_that_never_started(tmp_path: Path) -> None:
    with JobLog(tmp_path, "toy") as log:
        for index in range(10):
            log.append(Job(index, 0, None, None, 9, Outcome.SKIPPED, Source.INITIAL))
    summary = summarize_jobs(log_parts(tmp_path))
    assert summary["miss_ratio"] == 1.0
    assert summary["response_us"] == dict.fromkeys(("p50", "p99", "p999", "max"))
    assert "failures" not in summary


def test_a_summary_of_no_jobs(tmp_path: Path) -> None:
    with JobLog(tmp_path, "toy"):
        pass
    summary = summarize_jobs(log_parts(tmp_path))
    assert summary["jobs"] == 0
    assert summary["miss_ratio"] is None
    assert summary["miss_ratio_ci95"] == [0.0, 1.0]


def test_what_is_missed_is_told_job_by_job(tmp_path: Path) -> None:
    write(tmp_path, 5000)
    found = missed(read_log(tmp_path))
    assert found.tolist() == [n % 7 in (3, 5) for n in range(5000)]
    nothing = missed(pa.Table.from_batches([], read_log(tmp_path).schema))
    assert (nothing.shape, nothing.dtype) == ((0,), bool)
