"""Fuzz the program: whatever it is given, it ends well, or in one line and exit status 2.

python tests/robustness/fuzz.py            # TTIRACE_FUZZ inputs, 20,000 if not given
python tests/robustness/fuzz.py trace 17   # one input again; it is left in out/fuzz

Interrupted, it goes on from there at the next call, unless the code has changed since.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from fuzz_kinds import KINDS, ROOT
from fuzz_worker import become, prepare, work

from sim.deadline.manifest import content_hash

FAILURES = Path("out/fuzz")
#: Most inputs take some milliseconds; on a busy machine, and with a compiler at work, some seconds.
HANGS_S = 120.0

Failure = tuple[str, int, str]


class Worker:
    """A process at work, begun anew where it died."""

    def __init__(self, fixtures: Path, scratch: Path) -> None:
        self._places = str(fixtures), str(scratch)
        self._context = get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._ours, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=work, args=(*self._places, theirs), daemon=False
        )
        self._process.start()
        theirs.close()

    def become(self, kind: str, seed: int) -> tuple[str, str]:
        """Return what became of an input."""
        self._ours.send((kind, seed))
        try:
            if self._ours.poll(HANGS_S):
                outcome: tuple[str, str] = self._ours.recv()
                if outcome[0] == "stopped":  # what was interrupted half way may be in a bad state
                    self._restart()
                return outcome
            what = "hangs"
        except EOFError:
            self._process.join()
            what = f"the process died: exit code {self._process.exitcode}"
        self._restart()
        return "failure", what

    def _restart(self) -> None:
        self.close(kill=True)
        self._start()

    def close(self, kill: bool = False) -> None:
        """End the process."""
        if kill:
            self._process.kill()
        else:
            self._ours.send(None)
        self._process.join()
        self._ours.close()


def orders(inputs: int) -> list[tuple[str, int]]:
    """Return so many inputs in all, a kind's share of each, at least one; seeds count from 0."""
    found = [
        (name, seed)
        for name, kind in KINDS.items()
        for seed in range(max(1, round(inputs * kind.share)))
    ]
    random.Random(0).shuffle(found)
    return found


def fuzz(
    inputs: int, workers: int, folder: Path, journal: Path
) -> tuple[dict[str, Counter[str]], list[Failure]]:
    """Fuzz with so many inputs; return what became of them by kind, and the failures.

    Those in the journal are not done again.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    failures: list[Failure] = []
    done: set[tuple[str, int]] = set()
    wanted = dict.fromkeys(orders(inputs))
    spent_s: Counter[str] = Counter()
    lock = threading.Lock()

    def count(order: tuple[str, int], outcome: str, why: str, took_s: float) -> None:
        done.add(order)
        counts[order[0]][outcome] += 1
        spent_s[order[0]] += took_s
        if outcome == "failure":
            failures.append((*order, why))

    for order, outcome, why, took_s in read_journal(journal):
        if order in wanted:
            count(order, outcome, why, took_s)
    if done:
        print(f"  {len(done)} inputs in {journal} already", flush=True)
    todo = iter([order for order in wanted if order not in done])
    if len(done) == len(wanted):
        return counts, failures
    fixtures, scratch = folder / "fixtures", folder / "scratch"
    fixtures.mkdir(parents=True)
    maker = get_context("spawn").Process(target=prepare, args=(fixtures,))
    maker.start()
    maker.join()
    assert maker.exitcode == 0, "the whole files could not be made"

    def drive() -> None:
        worker = Worker(fixtures, scratch)
        while True:
            with lock:
                order = next(todo, None)
            if order is None:
                break
            begun = time.perf_counter()
            outcome, why = worker.become(*order)
            took_s = round(time.perf_counter() - begun, 4)
            with lock:
                count(order, outcome, why, took_s)
                journal.parent.mkdir(parents=True, exist_ok=True)
                with journal.open("a") as file:
                    file.write(json.dumps([*order, outcome, why, took_s]) + "\n")
                if len(done) % 500 == 0:
                    print(f"  {len(done)} inputs", flush=True)
            if outcome == "failure":
                left = scratch / f"{order[0]}-{order[1]}"
                shutil.copytree(left, FAILURES / left.name, dirs_exist_ok=True)
        worker.close()

    threads = [threading.Thread(target=drive) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("seconds:", {k: round(v, 1) for k, v in spent_s.items()})
    return counts, failures


def journal_of_this_code() -> Path:
    """Return where the journal is: what other code made of an input says nothing of this."""
    folders = (ROOT / name for name in ("sim", "allocators", "stylize", "tests/robustness"))
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    code = content_hash({str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths})
    return FAILURES / f"journal-{code[:12]}.jsonl"


def read_journal(journal: Path) -> Iterator[tuple[tuple[str, int], str, str, float]]:
    """Yield what became of the inputs so far; a line that was cut off is passed over."""
    for line in journal.read_text().splitlines() if journal.exists() else ():
        try:
            kind, seed, outcome, why, took_s = json.loads(line)
        except ValueError:
            continue
        yield (kind, seed), outcome, why, took_s


def table(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """Yield the lines of a summary."""
    columns = ("success", "refusal", "stopped", "failure")
    heads = ("inputs", "successes", "refusals", "interrupted", "failures")
    yield f"{'kind':<12}" + "".join(f"{head:>12}" for head in heads)
    total: Counter[str] = sum(counts.values(), Counter())
    for name, count in [*counts.items(), ("all", total)]:
        numbers = (count.total(), *(count[column] for column in columns))
        yield f"{name:<12}" + "".join(f"{number:>12}" for number in numbers)


def main(arguments: list[str]) -> int:
    """Fuzz, or repeat one input."""
    with tempfile.TemporaryDirectory() as scratch:
        if arguments:
            kind, seed = arguments[0], int(arguments[1])
            prepare_in = Path(scratch) / "fixtures"
            prepare_in.mkdir()
            prepare(prepare_in)
            print(*become(kind, seed, prepare_in, FAILURES.absolute() / f"{kind}-{seed}"), sep=": ")
            return 0
        inputs = int(os.environ.get("TTIRACE_FUZZ", "20000"))
        print(f"{len(orders(inputs))} inputs; the seeds of each kind count from 0")
        counts, failures = fuzz(inputs, os.cpu_count() or 1, Path(scratch), journal_of_this_code())
    print(*table(counts), sep="\n")
    for kind, seed, why in failures:
        print(f"\n{kind} {seed}: {why}")
    if failures:
        print(f"\nThe failing inputs are in {FAILURES}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
