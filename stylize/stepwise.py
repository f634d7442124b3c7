"""Look at an optimiser of SciPy's evaluation by evaluation, from outside of its loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]
Function = Callable[[Point], tuple[float, Point]]


class _Left(BaseException):
    """Nobody looks on: how the optimiser's loop is left."""


def evaluated(optimiser: Callable[[Function], object], function: Function) -> Iterator[Any]:
    """Yield every point that an optimiser evaluates, with its value.

    The optimiser runs in a thread of its own, in step with the caller: nothing is evaluated before
    it is asked for, and nothing after the iterator is closed.

    Args:
        optimiser: called with a function that does as ``function``.
        function: of a point, the value and the gradient.

    Raises:
        Exception: what the optimiser or the function raised.
    """
    go_on: SimpleQueue[bool] = SimpleQueue()
    found: SimpleQueue[tuple[Point, float] | BaseException | None] = SimpleQueue()

    def told(point: Point) -> tuple[float, Point]:
        value, gradient = function(point)
        found.put((point.copy(), value))
        if not go_on.get():
            raise _Left
        return value, gradient

    def work() -> None:
        try:
            if go_on.get():
                optimiser(told)
            found.put(None)
        except _Left:
            pass
        except BaseException as error:
            found.put(error)

    thread = threading.Thread(target=work, name="optimiser", daemon=True)
    thread.start()
    try:
        while True:
            go_on.put(True)
            step = found.get()
            if step is None:
                return
            if isinstance(step, BaseException):
                raise step
            yield step
    finally:
        go_on.put(False)
        thread.join()
