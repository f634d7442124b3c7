"""Workers: Ctrl-C is their parent's, and so is their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.deadline.workers import interrupts_held

ROOT = Path(__file__).parents[3]


def held() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.fixture
def heeded() -> Iterator[None]:
    """Have Ctrl-C heeded: a shell that starts tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_waits_until_the_workers_are_started() -> None:
    assert not held()
    with interrupts_held():
        assert held()
    assert not held()

    def interrupted() -> None:
        with interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)  # comes in the end, and is not lost

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not held()


def test_who_holds_it_already_goes_on_holding_it() -> None:
    with interrupts_held():
        with interrupts_held():
            assert held()
        assert held()


# The worker writes a line whenever it is asked to, so that nothing here waits for a time. Told to
# end it ends, and another begins. That nobody asks any more is not what ends it.
_PARENT = """
import multiprocessing
import os
import sys
import threading

from sim.deadline.workers import live_and_die_with_parent

def work(asked):
    live_and_die_with_parent()
    print(os.getpid(), flush=True)
    try:
        while asked.recv() != "end\\n":
            print("here", flush=True)
    except EOFError:
        threading.Event().wait()

def started():
    mine, theirs = multiprocessing.Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(theirs,))
    worker.start()
    return mine, worker

if __name__ == "__main__":
    mine, worker = started()
    for line in sys.stdin:
        mine.send(line)
        if line == "end\\n":
            worker.join(60)
            if worker.exitcode is None:
                os._exit(1)
            mine, worker = started()
"""


def test_a_worker_outlives_ctrl_c_but_not_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    def said(line: str = "") -> str:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(line)
        parent.stdin.flush()
        return parent.stdout.readline()

    worker = int(said())
    try:
        os.kill(worker, signal.SIGINT)
        assert said("there?\n") == "here\n"
        worker = int(said("end\n"))  # it can end before its parent does; this is the next one
        parent.kill()
        # The end of what they write to comes when both are gone; one that stays would time out.
        assert parent.communicate(timeout=60)[0] == ""
    except BaseException:
        parent.kill()
        os.kill(worker, signal.SIGKILL)
        raise
