"""Points through an engine: a bounded number on their way, workers that die, and Ctrl-C."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from typing import Any

from sim.deadline.call import one_line
from sim.deadline.errors import InputError
from sim.study.engines import Engine
from sim.study.point import Point
from sim.study.runner import Done, run_batch

#: Takes a point's record; returns points that are wanted next.
Finished = Callable[[Point, dict[str, Any]], Iterable[Point]]

_MOST_DEATHS = 3
_BATCH_S = 0.25  # submitting a batch takes a millisecond or two
_MOST_IN_BATCH = 64
_WATCH_S = 1.0


class Work:
    """Runs points until none are left.

    Args:
        engine: where.
        code: digest of the code that asks.
        plugins: what registers more allocators.
        finished: told of every point, as it comes.
    """

    def __init__(
        self, engine: Engine, code: str, plugins: tuple[str, ...], finished: Finished
    ) -> None:
        self._engine = engine
        self._code = code
        self._plugins = plugins
        self._finished = finished
        self._queue: deque[Point] = deque()
        self._pending: dict[Future[Done], tuple[Point, ...]] = {}
        self._point_s: float | None = None
        self._deaths = 0

    def run(self, points: Iterable[Point]) -> None:
        """Run points, and those that are wanted because of them.

        Raises:
            InputError: the workers keep dying, are gone, or have other code or files.
        """
        self._queue.extend(points)
        if not self._queue:
            return
        try:
            executor, watched = self._engine.start(), time.monotonic()
            while self._queue or self._pending:
                died = self._submit(executor)
                done, _ = wait(self._pending, _WATCH_S, FIRST_COMPLETED)
                if time.monotonic() - watched > _WATCH_S:
                    self._engine.watch()
                    watched = time.monotonic()
                for future in done:
                    died = self._take(future) or died
                if died is not None:
                    executor = self._again(died)
        finally:
            for future in self._pending:
                future.cancel()
            self._engine.stop()

    def _submit(self, executor: Executor) -> BaseException | None:
        """Keep the workers busy; return why that cannot be, if they died."""
        workers = self._engine.workers
        room = 2 * workers + 1 if self._engine.parallel else 1
        while self._queue and len(self._pending) < room:
            size = min(self._batch_size(), -(-len(self._queue) // workers))
            points = tuple(self._queue.popleft() for _ in range(size))
            plain = tuple(map(tuple, points))
            try:
                future = executor.submit(run_batch, plain, self._code, self._plugins)
            except (BrokenExecutor, RuntimeError) as error:
                self._queue.extendleft(reversed(points))
                if not self._engine.mortal:
                    raise InputError(f"{self._engine.lost()} ({one_line(error)})") from error
                return error
            self._pending[future] = points
        return None

    def _batch_size(self) -> int:
        if self._point_s is None or not self._engine.parallel:
            return 1
        return max(1, min(int(_BATCH_S / max(self._point_s, 1e-6)), _MOST_IN_BATCH))

    def _take(self, future: Future[Done]) -> BaseException | None:
        """Take what a batch came to; return why it came to nothing, if its worker died."""
        points = self._pending.pop(future)
        try:
            records, elapsed_s = future.result()
        except BrokenExecutor as error:
            self._queue.extendleft(reversed(points))
            if not self._engine.mortal:
                raise InputError(f"{self._engine.lost()} ({one_line(error)})") from error
            return error
        except CancelledError:
            raise InputError(self._engine.lost()) from None
        except InputError:
            raise
        except Exception as error:
            if self._engine.mislaid(error):
                self._queue.extendleft(reversed(points))
                return None
            if (why := self._engine.explain(error)) is not None:
                raise InputError(why) from error
            raise
        self._deaths = 0
        each_s = elapsed_s / len(points)
        self._point_s = each_s if self._point_s is None else 0.7 * self._point_s + 0.3 * each_s
        for point, record in zip(points, records, strict=True):
            self._queue.extend(self._finished(point, record))
        return None

    def _again(self, died: BaseException) -> Executor:
        """Return a new executor after a death, with all that was on its way queued again."""
        done, _ = wait(self._pending, 10.0)
        for future in done:
            self._take(future)
        for points in self._pending.values():
            self._queue.extendleft(reversed(points))
        self._pending.clear()
        self._deaths += 1
        if self._deaths > _MOST_DEATHS:
            raise InputError(
                f"{_MOST_DEATHS + 1} times a worker died with no point finished in between: is "
                f"there memory for {self._engine.workers} of them, does an allocator crash? The "
                "points finished so far are kept"
            ) from died
        return self._engine.start()
