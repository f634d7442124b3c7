"""`ttirace evaluate` and `ttirace mismatch`; what they need is imported when they run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.commands.options import console, files_option, plugin_option

if TYPE_CHECKING:
    from rich.table import Table

    from allocators.evaluation.cells import Row
    from sim.deadline.html.page import Page

Command = TypeVar("Command", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_HOME = (
    "rayleigh@0,rayleigh@10,rayleigh@20,rice@0,square_10@0,square_50@0,square_200@0,imac@0,munich"
)


def _shared(command: Command) -> Command:
    """Add what both commands take."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
        plugin_option,
        files_option,
        click.option("--plot", type=_FOLDER, help="Draw heatmaps into this folder."),
        click.option(
            "--report",
            type=_FILE,
            metavar="FILE.html",
            help="Write a page to look at, in one file.",
        ),
        click.option(
            "--csv",
            "csv_path",
            type=_FILE,
            metavar="FILE.csv",
            help="Write the rows into this file.",
        ),
        click.option(
            "--overwrite", is_flag=True, help="Replace what --csv and --report find there."
        ),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option(
            "--channels",
            type=click.IntRange(1, 1_000_000),
            default=1000,
            show_default=True,
            help="Fresh channels a cell.",
        ),
        click.argument("models", metavar="MODEL|ALLOCATOR...", nargs=-1, required=True),
    ):
        command = option(command)
    return command


@click.command()
@click.option(
    "--suite",
    default="default",
    show_default=True,
    metavar="NAME|FILE.yaml",
    help="The cells: default, quick, or a file.",
)
@click.option("--links", metavar="K,...", help="In the place of the suite's.")
@click.option("--snr-db", metavar="DB,...", help="In the place of the suite's.")
@click.option("--channel", metavar="NAME,...", help="In the place of the suite's; or a law.")
@_shared
def evaluate(
    models: tuple[str, ...],
    suite: str,
    links: str | None,
    snr_db: str | None,
    channel: str | None,
    channels: int,
    seed: int,
    csv_path: Path | None,
    report: Path | None,
    plot: Path | None,
    overwrite: bool,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Measure what allocators are worth away from home: share of WMMSE's sum rate, and time.

    A cell of a suite is a channel, a number of links K and an SNR; each has fresh channels, the
    same for all. An argument is an allocator (wmmse:restarts=3), a shipped model (dnn_k10) or a
    path to a .safetensors file. A cell where it does not fit shows a dash.

    \b
    Examples:
      ttirace evaluate dnn_k10 max_power --suite quick --report quick.html
      ttirace evaluate my.safetensors --links 10,15 --snr-db 5 --channel rayleigh,square_30
      ttirace evaluate dnn --channel '{geometric: {side: 30 m}}' --csv dnn.csv --plot plots
    """  # noqa: D301
    from allocators.evaluation.cells import EvaluationSettings, evaluate_cells
    from allocators.evaluation.plots import plot_evaluation
    from allocators.evaluation.suites import numbers, suite_named, whole_numbers
    from allocators.evaluation.summary import sentence, summarize
    from allocators.evaluation.table import evaluation_tables
    from sim.deadline.progress import progress_bar
    from sim.named import listed

    contenders = _contenders(models, plugins)
    chosen = suite_named(suite).narrowed(
        () if channel is None else listed("--channel", channel),
        () if links is None else whole_numbers("--links", links),
        () if snr_db is None else numbers("--snr-db", snr_db),
    )
    cells = chosen.cells()
    settings = EvaluationSettings(channels, seed)
    _check(csv_path, report, plot, [suite, *models, *plugins], overwrite)
    with progress_bar("cells", len(cells)) as advance:
        rows = evaluate_cells(contenders, cells, settings, lambda cell, _: advance(1, str(cell)))
    _write_csv(csv_path, rows)
    summary = summarize(rows)
    result = {
        "suite": chosen.name,
        "channels": channels,
        "seed": seed,
        "rows": rows,
        "summary": summary,
    }
    _print(
        result if as_json else None,
        lambda width: [*evaluation_tables(rows, width), *map(sentence, summary)],
    )
    if plot is not None:
        for path in plot_evaluation(rows, plot):
            click.echo(f"drawn: {path}", err=True)
    if report is not None:
        from allocators.evaluation.page import evaluation_page

        _write_page(evaluation_page(rows, chosen.name, _manifest(seed)), report)
    return _complain(rows)


@click.command()
@click.option(
    "--on",
    default=_HOME,
    metavar="CHANNEL@SNR,...",
    help="The settings, SNR in dB; a channel with its own noise has none: munich.",
)
@click.option("--links", metavar="K,...", help="K of allocators that fit every K.")
@_shared
def mismatch(
    models: tuple[str, ...],
    on: str,
    links: str | None,
    channels: int,
    seed: int,
    csv_path: Path | None,
    report: Path | None,
    plot: Path | None,
    overwrite: bool,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Trained here, used there: models (rows) by test settings (columns), share of WMMSE.

    A model made for one K is tested at that K. Arguments are as in `ttirace evaluate`.

    \b
    Examples:
      ttirace mismatch dnn_k10 town.safetensors max_power --plot plots
      ttirace mismatch dnn_k10 --on rayleigh@0,rayleigh@20,square_50@10,munich
    """  # noqa: D301
    from allocators.evaluation.cells import EvaluationSettings
    from allocators.evaluation.mismatch import (
        matrix_rows,
        mismatch_tables,
        plot_mismatch,
        setting_named,
    )
    from allocators.evaluation.mismatch import mismatch as make_matrix
    from allocators.evaluation.suites import whole_numbers
    from sim.deadline.progress import progress_bar
    from sim.named import listed

    contenders = _contenders(models, plugins)
    tests = [setting_named(text) for text in listed("--on", on)]
    sizes = () if links is None else whole_numbers("--links", links)
    total = len({size for _, size in matrix_rows(contenders, sizes)}) * len(tests)
    _check(csv_path, report, plot, [*models, *plugins], overwrite)
    with progress_bar("cells", total) as advance:
        matrix = make_matrix(
            contenders,
            tests,
            sizes,
            EvaluationSettings(channels, seed),
            lambda cell, _: advance(1, str(cell)),
        )
    _write_csv(csv_path, matrix.rows)
    result = {"channels": channels, "seed": seed, "rows": matrix.rows}
    _print(result if as_json else None, lambda width: mismatch_tables(matrix, width))
    if plot is not None:
        plot_mismatch(matrix, plot / "mismatch.png")
        click.echo(f"drawn: {plot / 'mismatch.png'}", err=True)
    if report is not None:
        from allocators.evaluation.page import mismatch_page

        _write_page(mismatch_page(matrix, _manifest(seed)), report)
    return _complain(matrix.rows)


def _contenders(models: Sequence[str], plugins: Sequence[str]) -> list[Any]:
    from allocators.evaluation.contenders import contender
    from sim.named import check_distinct
    from sim.registry import load_plugin

    for plugin in plugins:
        load_plugin(plugin)
    check_distinct("MODEL", models)
    return [contender(text) for text in models]


def _check(
    csv_path: Path | None,
    report: Path | None,
    plot: Path | None,
    inputs: Sequence[str],
    overwrite: bool,
) -> None:
    """Fail before any work is done where results cannot be written."""
    from sim.deadline.outputs import Output, check_outputs, make_folder

    outputs = [Output("--csv", csv_path, ".csv"), Output("--report", report, ".html")]
    check_outputs(outputs, inputs, overwrite)
    if plot is not None:
        make_folder("--plot", plot)


def _write_csv(path: Path | None, rows: Sequence[Row]) -> None:
    from allocators.evaluation.csv_file import write_csv

    if path is not None:
        write_csv(path, rows)


def _manifest(seed: int) -> dict[str, Any]:
    from sim.deadline.manifest import git_state, make_manifest, versions

    names = ("ttirace", "numpy", "numba", "scipy", "safetensors")
    return make_manifest(
        "complete",
        {"seed": seed, "versions": versions(names), "git": git_state(Path(__file__).parent)},
    )


def _write_page(page: Page, path: Path) -> None:
    page.write(path)
    click.echo(f"report: {path}", err=True)


def _print(result: dict[str, Any] | None, shown: Callable[[int], Iterable[Table | str]]) -> None:
    """Print a result as JSON, or if there is none, tables and lines for the terminal's width."""
    if result is not None:
        click.echo(json.dumps(result, indent=2))
        return
    from rich.text import Text

    terminal = console()
    for part in shown(terminal.width):
        terminal.print(Text(part) if isinstance(part, str) else part)


def _complain(rows: Sequence[Row]) -> int:
    """Say what was left out and what failed; return the exit status."""
    from allocators.evaluation.summary import failures, left_out

    failed = failures(rows)
    for line in [*(f"left out: {line}" for line in left_out(rows)), *failed]:
        click.echo(line, err=True)
    return 1 if failed else 0
