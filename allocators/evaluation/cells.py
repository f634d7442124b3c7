"""What each contender is worth in each cell: rates beside those of the references, and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from allocators.evaluation.channels import UnavailableError
from allocators.evaluation.contenders import Contender, PowerSolver, contender
from allocators.evaluation.suites import Cell, suite_named
from sim.compare import Entry, take_turns
from sim.deadline.collector import collector_paused
from sim.deadline.errors import InputError, check_range
from sim.problem import PowerControlSpec
from sim.seeding import stream

WMMSE = "wmmse"
BEST_OF_10 = "wmmse:restarts=9"
EXHAUSTIVE = "exhaustive"

#: Exhaustive search is a reference up to here: 2^12 vectors take some 50 us.
MOST_EXHAUSTIVE_LINKS = 12

#: One cell of one contender, ready for JSON and CSV; None where the data carry no figure.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How an evaluation is made.

    Attributes:
        channels: instances a cell.
        seed: master seed, of the channels and of the allocators that draw random numbers.
    """

    channels: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("channels", self.channels, 1)
        check_range("seed", self.seed, 0)


def evaluation_table(
    what: str | PowerSolver,
    suite: str = "default",
    channels: int = 1000,
    seed: int = 0,
    *,
    links: Sequence[int] = (),
    label: str | None = None,
    progress: Callable[[Cell, list[Row]], None] | None = None,
) -> list[Row]:
    """Return what an allocator is worth in each cell of a suite: the figures of `evaluate`.

    Args:
        what: an allocator, a model, or a solver at hand (see `contender`).
        suite: its name, or a file.
        channels: fresh channels a cell.
        seed: master seed.
        links: in the place of the suite's, as a model for one K wants it.
        label: its name in the rows, if not its own.
        progress: given each cell that is done, with its rows.

    Raises:
        InputError: something is not known or wrong.
    """
    one = contender(what)
    if label is not None:
        one = replace(one, label=label)
    cells = suite_named(suite).narrowed(links=links).cells()
    return evaluate_cells([one], cells, EvaluationSettings(channels, seed), progress)


def evaluate_cells(
    contenders: Sequence[Contender],
    cells: Sequence[Cell],
    settings: EvaluationSettings,
    progress: Callable[[Cell, list[Row]], None] | None = None,
) -> list[Row]:
    """Return the rows of `rows_of_cells`, of which not all may be empty.

    Raises:
        InputError: rates are not finite, or nothing could be evaluated at all.
    """
    rows = rows_of_cells(contenders, cells, settings, progress)
    check_any(rows)
    return rows


def check_any(rows: Sequence[Row]) -> None:
    """Raise InputError if every cell was left out."""
    if rows and all(row["left_out"] for row in rows):
        raise InputError(f"nothing to evaluate: {rows[0]['left_out']}")


def rows_of_cells(
    contenders: Sequence[Contender],
    cells: Sequence[Cell],
    settings: EvaluationSettings,
    progress: Callable[[Cell, list[Row]], None] | None = None,
) -> list[Row]:
    """Return a row for each cell and contender, cell by cell.

    What a row says, times aside, depends on its cell, its contender and the settings alone.

    Args:
        contenders: who is evaluated; of those of one label, the first.
        cells: where.
        settings: how.
        progress: given each cell that is done, with its rows.

    Raises:
        InputError: rates are not finite.
    """
    unique = {one.label: one for one in reversed(contenders)}
    asked = [unique[label] for label in dict.fromkeys(one.label for one in contenders)]
    rows: list[Row] = []
    for cell in cells:
        found = _evaluate_cell(asked, cell, settings)
        rows += found
        if progress is not None:
            progress(cell, found)
    return rows


def _evaluate_cell(
    contenders: Sequence[Contender], cell: Cell, settings: EvaluationSettings
) -> list[Row]:
    def spec() -> PowerControlSpec:  # the same random numbers for everyone
        return PowerControlSpec(cell.links, 1, stream(settings.seed, "allocator", 0))

    entries: dict[str, Entry] = {}
    references: dict[str, Entry] = {}
    left_out: dict[str, str] = {}
    for one in contenders:
        try:
            entries[one.label] = Entry(one.label, one.prepare(spec()))
        except InputError as error:
            left_out[one.label] = str(error)
    if entries:
        named = {one.label for one in contenders if one.by_name}
        names = [WMMSE, BEST_OF_10, *([EXHAUSTIVE] if cell.links <= MOST_EXHAUSTIVE_LINKS else [])]
        for name in names:
            if name in named:  # and nobody answers twice
                references[name] = entries[name]
            else:
                references[name] = Entry(name, contender(name).prepare(spec()))
        everyone = [*entries.values(), *(references[name] for name in names if name not in named)]
        try:
            _answer(everyone, cell, settings)
        except UnavailableError as error:
            left_out = {**{one.label: str(error) for one in contenders}, **left_out}
    return [
        _row(one.label, cell, None, {}, left_out[one.label])
        if one.label in left_out
        else _row(one.label, cell, entries[one.label], references, None)
        for one in contenders
    ]


def _answer(entries: Sequence[Entry], cell: Cell, settings: EvaluationSettings) -> None:
    turns = cell.channel.turns(cell.links, cell.snr_db, settings.channels, settings.seed)
    with collector_paused() as collect:
        for problems in turns:
            take_turns(entries, problems, collect)


def _row(
    label: str,
    cell: Cell,
    own: Entry | None,
    references: Mapping[str, Entry],
    left_out: str | None,
) -> Row:
    wmmse = references.get(WMMSE)
    rate = None if own is None else own.mean_rate
    wmmse_rate = None if wmmse is None else wmmse.mean_rate
    share = None if own is None or wmmse is None else own.ratio(wmmse)
    row: Row = {
        "allocator": label,
        "channel": cell.channel.name,
        "links": cell.links,
        "snr_db": cell.snr_db,
        "channels": 0 if own is None else len(own.rates),
        "sum_rate_bps_hz": rate,
        "wmmse_sum_rate_bps_hz": wmmse_rate,
        "share_of_wmmse": None if share is None else share.value,
        "share_of_wmmse_stderr": (
            share.standard_error if share is not None and cell.channel.independent else None
        ),
    }
    for key, name in (("wmmse_best_of_10", BEST_OF_10), ("exhaustive", EXHAUSTIVE)):
        found = own.ratio(references[name]) if own is not None and name in references else None
        row[f"share_of_{key}"] = None if found is None else found.value
    for prefix, entry in (("", own), ("wmmse_", wmmse)):
        times = {} if entry is None else entry.time_us()
        for name in ("p50", "p99"):
            row[f"{prefix}time_{name}_us"] = times.get(name)
    row["failed"] = 0 if own is None else len(own.reasons)
    row["failure"] = own.reasons[0] if own is not None and own.reasons else None
    row["left_out"] = left_out
    return row
