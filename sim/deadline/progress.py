"""Progress bars on the terminal; nothing at all where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Moves a bar on by so much, with a text to show beside it.
Advance = Callable[[int, str], None]


@contextmanager
def progress_bar(what: str, total: int | None, unit: str = "") -> Iterator[Advance]:
    """Show a bar on standard error while the block runs, if that is a terminal.

    Args:
        what: what is going on.
        total: how much there is to do; None where nobody knows.
        unit: what is counted; its speed is shown where this is given.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if unit and task.speed else "")

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(""),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total, text="")

        def advance(more: int, text: str = "") -> None:
            progress.update(task, advance=more, text=text)

        yield advance
