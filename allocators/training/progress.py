"""A progress bar over steps, with what the network is worth by then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from allocators.training.state import Report, State
from sim.deadline.progress import progress_bar


@contextmanager
def step_bar(steps: int) -> Iterator[Callable[[State, Report], None]]:
    """Show steps with the loss and the share of WMMSE's weighted sum rate."""
    with progress_bar("steps", steps, "steps") as advance:
        done = 0

        def show(state: State, report: Report) -> None:
            nonlocal done
            text = f"loss {report.loss:.5f}, {report.share:.2%} of WMMSE"
            if state.best is not None:
                text += f" (best {state.best.share:.2%})"
            advance(report.step - done, text)
            done = report.step

        yield show
