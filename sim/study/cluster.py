"""Points on a Dask cluster: its client's executor, and all that may become of it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from sim.deadline.call import one_line
from sim.deadline.errors import InputError
from sim.study.engines import Engine


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

    def mislaid(self, error: Exception) -> bool:
        """Return whether Dask mistook a result for an error.

        It does where a worker dies as its result is fetched: by then the future counts as lost,
        and `distributed.cfexecutor` unpacks what came as it would an exception.
        """
        frames = traceback.extract_tb(error.__traceback__)
        unpacked = isinstance(error, ValueError | TypeError)
        return unpacked and bool(frames) and frames[-1].name == "_cascade_future"

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
