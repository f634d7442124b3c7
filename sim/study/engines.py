"""Where points are run: this process, processes of this machine, any executor."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from sim.deadline.errors import InputError
from sim.deadline.workers import interrupts_held, live_and_die_with_parent

#: One thread in each process: more would only take turns, and might sum in another order.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class Engine(ABC):
    """An executor, with what has to be known of it.

    Attributes:
        name: what it is called in the manifest.
        parallel: whether points have neighbours that may take their processor.
        mortal: whether its workers may die and be replaced by `start`.
    """

    name: str
    parallel = True
    mortal = False

    @abstractmethod
    def start(self) -> Executor:
        """Return an executor; a new one, if the last one broke.

        Raises:
            InputError: there is none to be had.
        """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many points run at once."""

    def watch(self) -> None:  # noqa: B027 - most have nothing to look after
        """Look after the workers, while nothing comes from them.

        Raises:
            InputError: nothing will ever come.
        """

    def lost(self) -> str:
        """Return why futures were cancelled that nobody here cancelled."""
        return f"engine {self.name}: its executor was shut down"

    def explain(self, error: Exception) -> str | None:  # noqa: ARG002
        """Return what an error that a batch ended with means to the user; None if it is ours."""
        return None

    def mislaid(self, error: Exception) -> bool:  # noqa: ARG002
        """Return whether a batch was done and its result lost on the way: it is run again."""
        return False

    def stop(self) -> None:  # noqa: B027 - nor to stop
        """Stop at once, whatever still runs."""


class SerialEngine(Engine):
    """One point after the other, in this process."""

    name = "serial"
    parallel = False
    workers = 1

    def start(self) -> Executor:
        """Return an executor that runs what it is given at once."""
        return _AtOnce()


class _AtOnce(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class LokyEngine(Engine):
    """Processes of this machine, one thread each.

    Args:
        workers: how many; as many as processors may be used if not given.
    """

    name = "loky"
    mortal = True
    workers = 1

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"--workers {workers}: want at least 1")
        self.workers = workers or _processors()
        self._executor: Executor | None = None

    def start(self) -> Executor:
        """Return a pool of new processes."""
        from loky import ProcessPoolExecutor

        self.stop()
        # loky restarts a worker whose memory grew, which is nobody's concern.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        self._executor = _Held(
            ProcessPoolExecutor(self.workers, initializer=live_and_die_with_parent, env=_ONE_THREAD)
        )
        return self._executor

    def stop(self) -> None:
        """Kill the workers."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None


class _Held(Executor):
    """A process pool whose workers are started with Ctrl-C held back."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with interrupts_held():
            future: Future[Any] = self._pool.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del cancel_futures
        self._pool.shutdown(wait=wait, kill_workers=True)


class GivenEngine(Engine):
    """Any executor; it is its owner who starts and stops it.

    Args:
        executor: the executor.
    """

    name = "executor"

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.name = type(executor).__name__

    @property
    def workers(self) -> int:
        """As many as the executor says, or there are processors."""
        return int(getattr(self._executor, "_max_workers", 0) or _processors())

    def start(self) -> Executor:
        """Return the executor."""
        return self._executor


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
