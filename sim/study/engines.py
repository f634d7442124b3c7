"""Where points are run: this process, processes of this machine, a cluster, any executor."""

from __future__ import annotations

import logging
import os
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from sim.deadline.call import one_line
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


class DaskEngine(Engine):
    """A Dask cluster, by its client's executor.

    Args:
        scheduler: its address, as in ``tcp://127.0.0.1:8786``.

    Raises:
        InputError: Dask is not installed, or no scheduler answers.
    """

    name = "dask"

    _ANSWER_S = 8
    _ALONE_S = 15.0  # without any worker, until it is given up

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise InputError(
                "--engine dask: Dask is not installed; pip install 'ttirace[dist]'"
            ) from None
        self._scheduler = scheduler
        _hush("distributed")  # we say what there is to say
        client: Any = Client.__new__(Client)
        try:
            client.__init__(scheduler, timeout=self._ANSWER_S, set_as_default=False)
        except Exception as error:  # whatever may go wrong with an address
            client.status = "closed"  # or it would try to say goodbye, for twice as long
            raise InputError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({one_line(error)})"
            ) from None
        self._client = client
        self._seen = time.monotonic()
        self._threads = 0

    @property
    def workers(self) -> int:
        """How many threads the cluster has."""
        return max(self._threads, 1)

    def start(self) -> Executor:
        """Return the client's executor."""
        self.watch()
        return _ByName(self._client.get_executor(pure=False))

    def watch(self) -> None:
        """Count the workers; give up when there have been none for a while."""
        try:
            threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=self._ANSWER_S
            )
        except Exception as error:  # the connection may end in many ways
            raise InputError(f"{self.lost()} ({one_line(error)})") from None
        self._threads = sum(threads.values())
        now = time.monotonic()
        if self._threads:
            self._seen = now
        elif now - self._seen > self._ALONE_S:
            raise InputError(
                f"--scheduler {self._scheduler}: has no workers; start some with `dask worker "
                f"{self._scheduler}`; the points finished so far are kept"
            )

    def lost(self) -> str:
        """Return that the scheduler is gone."""
        return (
            f"--scheduler {self._scheduler}: the scheduler is gone; the points finished so far are "
            "kept"
        )

    def explain(self, error: Exception) -> str | None:
        """Return what went wrong on a worker before or while our code ran there."""
        where = f"--scheduler {self._scheduler}: "
        other = isinstance(error, TypeError) and "run_batch()" in str(error)
        if other or isinstance(error, ImportError | AttributeError):
            return (
                f"{where}a worker cannot run points ({one_line(error)}); install the same version "
                "of ttirace there"
            )
        if type(error).__name__ == "KilledWorker":
            return f"{where}worker after worker died of the same points ({one_line(error)})"
        return None

    def stop(self) -> None:
        """Cancel what still runs, and leave."""
        try:
            self._client.close(timeout=2)
        except Exception:  # it may be gone already
            return


class _ByName(Executor):
    """Calls functions by the name they have where they are called.

    A worker that is sent what it cannot import dies of it; this one can say so.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._executor.submit(_caller(), fn.__module__, fn.__name__, args, kwargs)


def _caller() -> Callable[..., Any]:
    def call(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)(*args, **kwargs)

    return call  # of no module, so that it is sent as it is


def _hush(name: str) -> None:
    """Have a library's loggers, and those below them, say nothing."""
    for known in [name, *logging.root.manager.loggerDict]:
        if known.split(".")[0] == name:
            logging.getLogger(known).setLevel(logging.CRITICAL + 1)


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
