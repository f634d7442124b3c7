"""A process that spoils inputs and has the program read them; what becomes of each, it tells.

A crash of a library, or a hang, then takes this process alone.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz_kinds import KINDS, Command, make_fixtures

#: Enough for all that is right and small; what asks for more is to be refused.
_MOST_MEMORY = 8 << 30
#: A command line by chance may ask for hours of work: it is interrupted, and is to heed that.
_PATIENCE_S = 5.0
#: To run it, not only to check it, a scenario by chance must be of this size at most.
_MOST_SLOTS, _MOST_GAINS, _MOST_NUMBER, _MOST_ENTRIES = 300, 2000, 10_000, 20

Outcome = tuple[str, str]


def work(fixtures: str, scratch: str, connection: Connection) -> None:
    """Answer every ``(kind, seed)`` with what became of it, until there is None."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    os.environ.pop("PYTHONWARNINGS", None)
    while (order := connection.recv()) is not None:
        kind, seed = order
        gc.freeze()  # a race collects garbage before it begins, among all that was ever imported
        connection.send(become(kind, seed, Path(fixtures), Path(scratch) / f"{kind}-{seed}"))


def prepare(fixtures: Path) -> None:
    """Make whole files of every kind in a folder."""
    here = Path.cwd()
    os.chdir(fixtures)
    try:
        make_fixtures(fixtures, lambda command: call(command)[0])
    finally:
        os.chdir(here)


def become(kind: str, seed: int, fixtures: Path, folder: Path) -> Outcome:
    """Spoil one input in ``folder`` and return what became of it; it stays there on failure."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = Path.cwd()
    os.chdir(folder)
    try:
        commands = KINDS[kind].spoil(fixtures, folder, random.Random(f"{kind} {seed}"))
        (folder / "commands.json").write_text(json.dumps(commands))
        outcome = judge(commands, may_be_long=kind == "arguments")
        if (folder / "owned").exists():
            outcome = "failure", "what the file said was executed"
    finally:
        os.chdir(here)
    if outcome[0] == "failure":
        (folder / "outcome.txt").write_text(outcome[1])
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def judge(commands: list[Command], may_be_long: bool) -> Outcome:
    """Call the commands one after another, until one is refused."""
    outcome = "success", ""
    for command in commands:
        if command[0] == "run?":
            if not _is_small(command):
                break
            command = ["run", *command[1:], "--set", "name=it"]
        outcome = verdict(command, *call(command, _PATIENCE_S if may_be_long else 0.0))
        if outcome[0] != "success":
            break
    return outcome


def verdict(command: Command, code: int, out: str, err: str) -> Outcome:
    """Return what became of a command: success, refusal, interruption or failure, and why."""
    where = f"{command}: exit {code}"
    lines = err.splitlines()
    if "Traceback" in err or "Warning: " in err:
        return "failure", f"{where}: {err[-4000:]}"
    if code == 2:
        if len(lines) != 1 or not err.startswith("ttirace: ") or len(err) > 8000:
            return "failure", f"{where}: not one line: {err[-4000:]!r}"
        return "refusal", err
    if code == 130:
        return "stopped", ""
    if code not in (0, 1):
        return "failure", f"{where}: {err[-4000:]!r}"
    if code == 1 and not lines and "failed" not in out:
        return "failure", f"{where}: without a reason"
    if command[0] == "run" and (problem := _part_of_a_run()):
        return "failure", f"{where}: {problem}"
    return "success", ""


def _part_of_a_run() -> str:
    """Return what a run that ended well has not left whole."""
    from sim.deadline import read_log

    out = Path("out")
    if not out.exists():  # its arguments named another
        return ""
    manifests = list(out.rglob("manifest.json"))  # without -o, a run has a folder of its own there
    if not manifests:
        return "no manifest"
    for manifest in manifests:
        if json.loads(manifest.read_text())["status"] != "complete":
            return "the manifest does not say that it is complete"
        for entry in json.loads(manifest.with_name("summary.json").read_text())["allocators"]:
            rows = read_log(manifest.with_name("log"), name=entry["name"]).num_rows
            if rows != entry["jobs"]:
                return f"{entry['name']}: {entry['jobs']} jobs in the summary, {rows} in the log"
    return ""


def _is_small(command: Command) -> bool:
    """Whether a scenario that was found right is small enough to be run."""
    from sim.race import load_race
    from sim.scenario import load_scenario
    from sim.scenario.load import resolved_scenario

    path = Path(command[1])
    overrides = [value for flag, value in pairwise(command) if flag == "--set"]
    try:
        scenario = load_scenario(path, overrides)
        race = load_race(scenario, path)
    except Exception:
        return True  # what the command makes of it is to be seen
    gains = sum(feed.channel.subbands * feed.channel.links**2 for feed in race.feeds)
    data = resolved_scenario(scenario, path.parent)
    numbers = _numbers([data["allocators"], data.get("on_miss")])
    return (
        race.total_slots <= _MOST_SLOTS
        and gains <= _MOST_GAINS
        and len(scenario.allocators) <= _MOST_ENTRIES
        and all(abs(number) <= _MOST_NUMBER for number in numbers)
        and not any(entry.allocator == "exhaustive" for entry in scenario.allocators)
    )


def _numbers(value: Any) -> list[float]:
    """Return the whole numbers in a value: counts of something to do, as times are not."""
    if isinstance(value, dict):
        return [
            n for key, item in value.items() if not str(key).endswith("_ns") for n in _numbers(item)
        ]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int) else []


def call(command: Command, patience_s: float = 0.0) -> tuple[int, str, str]:
    """Call the program with arguments; return exit code and what it wrote, libraries included."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    code = -1
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            signal.signal(signal.SIGALRM, _interrupt)
            signal.setitimer(signal.ITIMER_REAL, patience_s)
            code = _main(command)
        except Exception:
            traceback.print_exc()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            sys.stdout.flush()
            sys.stderr.flush()
            for number, fd in enumerate(kept, 1):
                os.dup2(fd, number)
                os.close(fd)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return code, texts[0], texts[1]


def _main(command: Command) -> int:
    import sim.cli

    def read_log() -> None:
        from sim.deadline import InputError
        from sim.deadline import read_log as read

        try:
            read(Path(command[1]))
        except InputError as error:
            sys.exit(sim.cli._fail(str(error)))
        sys.exit(0)

    ended = os._exit

    def end(code: int) -> None:
        os._exit = ended
        raise SystemExit(code)

    sys.argv = ["ttirace", *command]
    os._exit = end  # type: ignore[assignment]
    try:
        read_log() if command[0] == "read_log" else sim.cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0) if not isinstance(exit_.code, str) else 1
    except KeyboardInterrupt:
        return 130
    finally:
        os._exit = ended
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
