"""A process of one's own on this host, as quiet as it permits: pinned, first in line, one thread.

What is timed against the wall clock is timed here. What the host does not permit is said.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from sim.deadline import InputError, LiveClock
from sim.deadline.call import one_line

Result = TypeVar("Result")

#: How a process waits for a release: it looks at the clock again and again, as the lower layers of
#: a base station do, or it sleeps, and finds cold caches and a slow clock when it wakes up.
Wait = Literal["poll", "sleep"]

#: Middle of the real-time range: above all ordinary work, below the kernel's own threads.
_PRIORITY = 50

#: Libraries that start threads of their own, and how each is told not to.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class Conditions(NamedTuple):
    """Under what conditions a process ran.

    Attributes:
        cpu: which processor it was pinned to; None if it was not.
        priority: ``fifo``, ``nice`` or ``normal``.
        wait: how it waited.
        refused: what the host did not permit, in words.
    """

    cpu: int | None
    priority: str
    wait: Wait
    refused: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return them as results tell them."""
        return {
            "pinned_to_cpu": self.cpu,
            "priority": self.priority,
            "wait": self.wait,
            "not_permitted": list(self.refused),
        }


def in_words(facts: Mapping[str, Any]) -> str:
    """Return the facts of `Conditions` as a sentence or two."""
    cpu = facts["pinned_to_cpu"]
    pinned = "not pinned" if cpu is None else f"pinned to processor {cpu}"
    refused = facts["not_permitted"]
    return f"Live: {pinned}, priority {facts['priority']}, wait: {facts['wait']}." + (
        f" Not permitted here: {'; '.join(refused)}." if refused else ""
    )


def live_clock(wait: Wait, start_ns: int = 0) -> LiveClock:
    """Return the wall clock, at ``start_ns``, of a process that waits in this way."""
    if wait == "poll":
        return LiveClock(spin_ns=None, start_ns=start_ns)
    return LiveClock(start_ns=start_ns)


def check_cpu(cpu: int | None) -> None:
    """Raise InputError if this process may not run on that processor."""
    if cpu is None or not hasattr(os, "sched_getaffinity"):
        return
    allowed = os.sched_getaffinity(0)
    if cpu not in allowed:
        raise InputError(f"--cpu {cpu}: want one of {', '.join(map(str, sorted(allowed)))}")


@contextmanager
def quiet(cpu: int | None = None, wait: Wait = "poll") -> Iterator[Conditions]:
    """Pin this process and put it first in line while the block runs, as far as permitted.

    Args:
        cpu: which processor; the last one permitted if not given.
        wait: how it will wait. One that polls is not given real-time priority where the system
            takes the processor from such processes for a part of every second.

    Raises:
        InputError: there is no such processor.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield Conditions(None, "normal", wait, ("pinning and priority: not on this system",))
        return
    check_cpu(cpu)
    allowed = os.sched_getaffinity(0)
    refused: list[str] = []
    chosen = max(allowed) if cpu is None else cpu
    pinned: int | None = chosen
    try:
        os.sched_setaffinity(0, {chosen})
    except OSError as error:
        pinned = None
        refused.append(f"pinning: {error.strerror}")
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    nice = os.nice(0)
    priority = _put_first(wait, refused)
    try:
        yield Conditions(pinned, priority, wait, tuple(refused))
    finally:
        if priority == "fifo":
            os.sched_setscheduler(0, policy, parameters)
        elif priority == "nice":
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        os.sched_setaffinity(0, allowed)


def _put_first(wait: Wait, refused: list[str]) -> str:
    """Put this process first in line as far as permitted; return how, and note what was refused."""
    kept = throttled() if wait == "poll" else 0.0
    if kept:
        refused.append(
            f"real-time priority: the kernel would take {kept:.0%} of every second from a process "
            "that polls (sched_rt_runtime_us)"
        )
    else:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        except OSError as error:
            refused.append(f"real-time priority: {error.strerror}")
        else:
            return "fifo"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except OSError as error:
        refused.append(f"nice -20: {error.strerror}")
        return "normal"
    return "nice"


def throttled(kernel: Path = Path("/proc/sys/kernel")) -> float:
    """Return what share of time the kernel keeps from real-time processes (sched(7)); 0: none."""
    try:
        runtime = int((kernel / "sched_rt_runtime_us").read_text())
        period = int((kernel / "sched_rt_period_us").read_text())
    except (OSError, ValueError):
        return 0.0
    return 0.0 if runtime < 0 else max(1.0 - runtime / period, 0.0)


def busy_ns() -> int:
    """Return the time that all processors together have worked since the start; 0 if not told."""
    try:
        with Path("/proc/stat").open(encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return 0
    ticks = user + nice + system + irq + softirq + steal
    return ticks * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def in_own_process(
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    progress: Callable[[int, str], None],
) -> Result:
    """Return ``function(*arguments, progress)`` from a fresh process of one thread.

    Args:
        function: at the top level of a module; what it takes and returns is sent through a pipe.
        arguments: its first arguments.
        progress: called here whenever it calls its last argument there.

    Raises:
        InputError: as it raised there, or the process failed or died.
        MemoryError: it had too little.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_serve, args=(theirs, function, arguments), name="ttirace-live", daemon=True
    )
    with _one_thread():
        process.start()
    theirs.close()
    try:
        while True:
            try:
                kind, content = ours.recv()
            except EOFError:
                process.join()
                raise InputError(
                    f"the process that was timed ended with status {process.exitcode}"
                ) from None
            if kind == "progress":
                progress(*content)
            elif kind == "refused":
                raise InputError(content)
            elif kind == "short":
                raise MemoryError(content)
            elif kind == "failed":
                raise InputError(f"the process that was timed failed: {content}")
            else:
                result: Result = content
                return result
    finally:
        process.terminate()
        process.join()
        ours.close()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, too, and ends this one

    def progress(more: int, text: str = "") -> None:
        pipe.send(("progress", (more, text)))

    try:
        pipe.send(("done", function(*arguments, progress)))
    except InputError as error:
        pipe.send(("refused", str(error)))
    except MemoryError as error:
        pipe.send(("short", str(error)))
    except Exception as error:
        pipe.send(("failed", one_line(error)))
