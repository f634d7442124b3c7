"""What `ttirace rl train` and `ttirace rl evaluate` do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from allocators.evaluation.csv_file import write_csv
from allocators.evaluation.suites import numbers, whole_numbers
from allocators.policy.training.card import finish
from allocators.policy.training.learner import make_learner
from allocators.policy.training.settings import Cell, PolicySettings, check_once
from allocators.policy.training.train import train
from allocators.policy.training.worth import (
    BASELINES,
    CONFIDENCE,
    DOPPLER_HZ,
    EPISODE_SLOTS,
    PowerSolver,
    Row,
    evaluated,
    solver_named,
)
from allocators.shipped import WEIGHTS
from allocators.training.log import csv_log
from allocators.training.progress import step_bar
from allocators.training.tensorboard import scalar_writer
from sim.deadline.errors import InputError
from sim.deadline.manifest import command_line, git_state
from sim.deadline.models.training import import_torch, log_path, reserve, sole_training
from sim.deadline.outputs import Output, check_outputs
from sim.deadline.progress import progress_bar
from sim.deadline.tables import number, plain_table
from sim.named import listed
from sim.registry import load_plugin
from sim.seeding import stream

#: What a card's table is of.
TEST_SNR_DB = (0.0, 20.0)


def run_training(
    kind: str,
    *,
    out: Path,
    links: str,
    snr_db: str,
    test_episodes: int,
    tensorboard: Path | None,
    **settings: Any,
) -> None:
    """Train a policy, and leave its weights, card and log.

    Args:
        kind: see `allocators.policy.network`.
        out: the weights' file.
        links: every K, as on the command line.
        snr_db: every SNR, likewise.
        test_episodes: of each K and SNR at the end.
        tensorboard: folder for scalars.
        settings: the rest of `PolicySettings`.

    Raises:
        InputError: something is wrong; one line says what.
    """
    told = PolicySettings(
        kind=kind,
        links=tuple(whole_numbers("--links", links)),
        snr_db=tuple(numbers("--snr-db", snr_db)),
        **settings,
    )
    checkpoint = reserve(out)
    click.get_current_context().with_resource(sole_training(out))
    import_torch()
    command = command_line()
    # Of the code that runs, not of what the tree may be by the end.
    git = git_state(Path(__file__).parent)
    learner = make_learner(kind, told.hidden, told.neighbours, stream(told.seed, "initial"))
    with scalar_writer(tensorboard) as write, step_bar(told.updates) as show:
        observers = (csv_log(log_path(out)), write, show)
        state, baselines = train(learner, told, checkpoint, observers)
    cells = [Cell(k, snr) for k in told.links for snr in TEST_SNR_DB]
    solver = learner.allocator(state.result().tensors)
    rows = rows_of_cells(
        solver, BASELINES, cells, DOPPLER_HZ, EPISODE_SLOTS, test_episodes, 0, out.stem
    )
    evaluation = {
        "command": _evaluation_command(out, links, test_episodes),
        "confidence": CONFIDENCE,
        "rows": rows,
    }
    finish(out, checkpoint, learner, told, state, baselines, evaluation, command, git)
    show_tables(rows)
    complain(rows)


def rows_of_cells(
    what: str | PowerSolver,
    against: Sequence[str],
    cells: Sequence[Cell],
    doppler_hz: float | None,
    slots: int,
    episodes: int,
    seed: int,
    label: str | None = None,
) -> list[Row]:
    """Return what an allocator is worth beside others in each cell; see `evaluated`."""
    rows: list[Row] = []
    with progress_bar("episodes", episodes * len(cells), "episodes") as advance:
        for cell in cells:
            where = {"scenario": "rayleigh", "links": cell.links, "snr_db": cell.snr_db}
            rows += evaluated(
                what, against, cell.scenario(doppler_hz), slots, episodes, seed, where, label,
                lambda cell=cell: advance(1, str(cell)),  # type: ignore[misc]
            )  # fmt: skip
    return rows


def run_evaluation(
    model: str,
    scenario: Path | None,
    links: str,
    snr_db: str,
    doppler_hz: float,
    episodes: int,
    episode_slots: int | None,
    against: str,
    seed: int,
    csv_path: Path | None,
    overwrite: bool,
    plugins: Sequence[str],
    as_json: bool,
) -> int:
    """Compare a policy with others; print tables or JSON; return the exit status.

    Args:
        model: the policy.
        scenario: a file, instead of the next three.
        links: every K, as on the command line.
        snr_db: every SNR, likewise.
        doppler_hz: of the fading.
        episodes: how many in each cell.
        episode_slots: of an episode.
        against: the others, as on the command line.
        seed: master seed.
        csv_path: file for the rows.
        overwrite: replace what is there.
        plugins: files and modules that register more allocators.
        as_json: print JSON instead of tables.

    Raises:
        InputError: something is wrong; one line says what.
    """
    for plugin in plugins:
        load_plugin(plugin)
    others = listed("--against", against)
    for option, names in (("MODEL", [model]), ("--against", others)):
        for name in names:
            try:
                solver_named(name)
            except InputError as error:
                raise InputError(f"{option}: {error}") from None
    cells = _cells(links, snr_db)
    _check_alone(scenario, click.get_current_context())
    inputs: list[str | Path] = [model, *others, *([] if scenario is None else [scenario])]
    check_outputs([Output("--csv", csv_path, ".csv")], inputs, overwrite)
    if scenario is None:
        slots = EPISODE_SLOTS if episode_slots is None else episode_slots
        rows = rows_of_cells(model, others, cells, doppler_hz, slots, episodes, seed)
    else:
        where = {"scenario": scenario.stem, "links": None, "snr_db": None}
        with progress_bar("episodes", episodes, "episodes") as advance:
            rows = evaluated(
                model, others, scenario, episode_slots, episodes, seed, where, None,
                lambda: advance(1, scenario.stem),
            )  # fmt: skip
    if csv_path is not None:
        write_csv(csv_path, rows)
    if as_json:
        click.echo(json.dumps({"confidence": CONFIDENCE, "seed": seed, "rows": rows}, indent=2))
    else:
        show_tables(rows)
    return complain(rows)


def _cells(links: str, snr_db: str) -> list[Cell]:
    sizes, snrs = whole_numbers("--links", links), numbers("--snr-db", snr_db)
    check_once("--links", sizes)
    check_once("--snr-db", snrs)
    return [Cell(k, snr) for k in sizes for snr in snrs]


def _check_alone(scenario: Path | None, context: click.Context) -> None:
    """Refuse options that a scenario makes idle."""
    given = click.core.ParameterSource.COMMANDLINE
    for name in ("links", "snr_db", "doppler_hz"):
        if scenario is not None and context.get_parameter_source(name) is given:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option}: {scenario} says what the channels are; give one of them")


def _evaluation_command(out: Path, links: str, episodes: int) -> str:
    model = out.stem if out.parent.resolve() == WEIGHTS else out.name
    return shlex.join(
        ["ttirace", "rl", "evaluate", model, "--links", links, "--episodes", str(episodes)]
    )


def show_tables(rows: Sequence[Row]) -> None:
    """Print a table for each cell."""
    console = Console(width=None if Console().is_terminal else 140)
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["scenario"], row["links"], row["snr_db"]), []).append(row)
    for (name, links, snr_db), own in cells.items():
        title = name if links is None else f"{name}, K = {links}, {snr_db:g} dB"
        console.print(_table(f"{title}: {own[0]['episodes']} episodes", own))


def complain(rows: Sequence[Row]) -> int:
    """Say who was left out and whose calls failed, and why; return the exit status."""
    reasons: dict[tuple[str, str], list[Row]] = {}
    failed: dict[str, list[Row]] = {}
    for row in rows:
        if row["left_out"] is not None:
            reasons.setdefault((row["allocator"], row["left_out"]), []).append(row)
        if row["failed"]:
            failed.setdefault(row["allocator"], []).append(row)
    for (label, reason), own in reasons.items():
        links = ", ".join(dict.fromkeys(f"{row['links']}" for row in own if row["links"]))
        click.echo(f"left out: {label}{links and f' at K = {links}'}: {reason}", err=True)
    for label, own in failed.items():
        count = sum(row["failed"] for row in own)
        click.echo(f"warning: {label}: {count} calls failed, first: {own[0]['failure']}", err=True)
    return 1 if failed else 0


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = plain_table(escape(title))
    table.add_column("\nallocator")
    first = escape(str(rows[0]["allocator"]))
    for heading in ("\nbit/s/Hz", "% of\nWMMSE±s.e.", f"{first} wins\nbit/s/Hz", "99%\ninterval"):
        table.add_column(heading, justify="right")
    for row in rows:
        share, error = row["share_of_wmmse"], row["share_of_wmmse_stderr"]
        low, high = row["won_low_bps_hz"], row["won_high_bps_hz"]
        table.add_row(
            escape(str(row["allocator"])),
            number(row["sum_rate_bps_hz"], 3),
            number(None if share is None else 100.0 * share, 2)
            + ("" if error is None else f"±{100.0 * error:.2f}"),
            number(row["won_bps_hz"], 3),
            "-" if low is None else f"{low:.3f} .. {high:.3f}",
        )
    return table
