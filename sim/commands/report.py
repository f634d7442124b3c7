"""`ttirace report`: what a study found, as figures, numbers and sentences."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the report; DIR/report if not given.",
)
@click.option("--target", help="Instead of the study's, e.g. 'miss_ratio <= 1e-4'.")
@click.option(
    "--figure",
    "figures",
    multiple=True,
    metavar="NAME[:KEY=VALUE...]",
    help="Draw this one, instead of the study's choice; may be repeated.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["png", "svg", "csv"]),
    multiple=True,
    default=("png", "svg", "csv"),
    help="Write figures so; may be repeated. All three if not given.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print report.json instead of the conclusions."
)
def report(
    folder: Path,
    output: Path | None,
    target: str | None,
    figures: tuple[str, ...],
    formats: tuple[str, ...],
    as_json: bool,
) -> int:
    """Report on the study in DIR: what fits the slot, and who is best there.

    Leaves report.html, report.md, every figure as PNG and SVG with its numbers as CSV, and
    report.json. Figures: fits, best, heatmap, rate, loss, pareto.

    \b
    Examples:
      ttirace report out/munich_budget
      ttirace report out/munich_budget --target "miss_ratio <= 1e-4"
      ttirace report out/munich_budget --figure rate:x=budget_us --figure heatmap:x=slot_us:y=links
    """  # noqa: D301
    from sim.named import named_allocator
    from sim.report.document import write_report
    from sim.report.requests import check_asked
    from sim.report.results import read_results
    from sim.report.wording import plain

    results = read_results(folder, target)
    where = output or folder / "report"
    formats = tuple(dict.fromkeys(formats))
    asked = [{name: options} for name, options in map(named_allocator, figures)]
    check_asked(results, asked)
    found = write_report(results, where, asked, formats)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    for sentence in (*found["unfinished"], *found["answers"]):
        click.echo(plain(sentence))
    suffixes = ", ".join(f".{suffix}" for suffix in formats)
    click.echo(f"Report: {where / 'report.md'}")
    click.echo(f"Figures and numbers: {', '.join(found['figures'])} ({suffixes}) in {where}")
    for why in found["missing"]:
        click.echo(f"not drawn: {why}", err=True)
    return 0
