"""`ttirace calibrate`: what each allocator costs on this machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.commands.options import Sizes, Time, console, cpu_option, plugin_option, wait_option

if TYPE_CHECKING:
    from rich.table import Table

    from sim.host import Wait
    from sim.profile import Profile

_DEFAULT = (
    "max_power,random,best_link,wmmse,wmmse:backend=numpy,wmmse:backend=python,fp,dnn,unfolded"
)


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("out/profile"),
    show_default=True,
    help="NAME of the profile: NAME.json and NAME.parquet.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier profile of that name.")
@click.option(
    "--allocators",
    default=_DEFAULT,
    metavar="NAME,NAME,...",
    help=f"Parameters follow the name. If not given: {_DEFAULT}.",
)
@click.option(
    "--links", type=Sizes(2000), default="5,10,20,30", show_default=True, help="K of a call."
)
@click.option("--subbands", type=Sizes(10_000), default="1", show_default=True, help="S of a call.")
@click.option(
    "--percentile",
    type=click.FloatRange(0.5, 0.99999),
    default=0.999,
    show_default=True,
    help="What the samples must carry: 0.99 takes 459 calls a cell, 0.999 takes 4,603.",
)
@click.option("--samples", type=click.IntRange(2), help="Calls a cell, instead of --percentile.")
@click.option("--rounds", type=click.IntRange(2), default=32, show_default=True)
@click.option(
    "--period",
    type=Time(),
    default="1 ms",
    show_default=True,
    help="From one call to the next, as slots release them.",
)
@click.option(
    "--longest",
    type=Time(),
    default="20 s",
    show_default=True,
    help="A cell that would take longer gets fewer samples.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@cpu_option
@wait_option
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="An earlier profile: say how far the medians lie apart.",
)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print NAME.json instead of the table.")
def calibrate(
    output: Path,
    overwrite: bool,
    allocators: str,
    links: tuple[int, ...],
    subbands: tuple[int, ...],
    percentile: float,
    samples: int | None,
    rounds: int,
    period: int,
    longest: int,
    seed: int,
    cpu: int | None,
    wait: Wait,
    against: Path | None,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Measure what calls of each allocator cost here, and write a profile to replay.

    Each (allocator, K, S) is timed alone: in one process, pinned and with real-time priority where
    that is permitted, on instances it has not seen, one call a period as slots bring them, the
    garbage collector at rest, in rounds that show drift. The call of an allocator that does nothing
    is subtracted, and published. `latency: {calibrated: out/profile}` replays it in a scenario.

    \b
    Examples:
      ttirace calibrate
      ttirace calibrate -o out/mine --allocators wmmse,dnn --links 10,20 --subbands 1,4,16
      ttirace calibrate -o out/again --against out/mine
    """  # noqa: D301
    from sim.deadline.progress import progress_bar
    from sim.host import in_own_process
    from sim.named import listed
    from sim.profile import find_profile, load_profile, write_profile
    from sim.profile.calibration import profile_of
    from sim.profile.file import check_place
    from sim.profile.measure import measure
    from sim.profile.plan import Plan, samples_for
    from sim.profile.verdict import compared

    if math.isnan(percentile):  # lies in no range, and outside of none
        raise click.BadParameter("want a number (got nan)", param_hint="--percentile")
    check_place(output, overwrite)
    before = None if against is None else load_profile(find_profile(str(against), Path()))
    plan = Plan(
        tuple(listed("--allocators", allocators)),
        links,
        subbands,
        samples or samples_for(percentile),
        rounds,
        period,
        longest,
        seed,
        cpu,
        wait,
        plugins,
    )
    with progress_bar("calibrating", plan.most_calls, "calls") as advance:
        measured = in_own_process(measure, (plan,), advance)
    profile = profile_of(output.stem, plan, measured, percentile)
    text, parquet = write_profile(profile, output)
    if as_json:
        click.echo(text.read_text(encoding="utf-8"), nl=False)
    else:
        terminal = console()
        terminal.print(_table(profile))
        header = profile.header
        release = header["release_us"]
        terminal.print(
            f"Subtracted: {header['call_us']:.3f} us, the call of an allocator that does nothing "
            f"(two readings of the clock: {header['timer_us']:.3f} us).\n"
            f"Released late by the host: p50 {release['p50']:.2f}, p99 {release['p99']:.2f}, max "
            f"{release['max']:.1f} us.",
            highlight=False,
        )
        terminal.print(f"Profile: {text}, {parquet.name}", highlight=False, markup=False)
    for left_out in profile.header["left_out"]:
        click.echo(f"left out: {left_out}", err=True)
    for warning in profile.header["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    if before is not None:
        click.echo(f"{output.stem}: {compared(profile, before)}", err=True)
    return 0


def _table(profile: Profile) -> Table:
    from rich.markup import escape

    from sim.deadline.tables import number, plain_table

    def us(value: float | None) -> str:
        return number(value, 2 if value is None or value < 100.0 else 0)

    table = plain_table("What a call costs here, in us")
    table.add_column("allocator", no_wrap=True)
    for heading in (
        "K",
        "S",
        "samples",
        "p50",
        "p99",
        "p99.9",
        "max",
        "base",
        "a unit\nof work",
        "same\ninstance",
        "back to\nback",
        "CPU/wall",
        "drift",
    ):
        table.add_column(heading, justify="right")
    for cell in profile.cells:
        facts = cell.facts
        table.add_row(
            escape(str(cell.key)),
            str(cell.links),
            str(cell.subbands),
            str(cell.samples),
            *(us(facts[name]) for name in ("p50_us", "p99_us", "p999_us", "max_us")),
            us(cell.cost.base_ns / 1e3),
            number(cell.cost.per_work_ns / 1e3, 3) if cell.cost.per_work_ns else "-",
            us(facts["same_instance_p50_us"]),
            us(facts["back_to_back_us"]),
            number(facts["cpu_over_wall"], 2),
            f"{facts['drift']:.1%}",
        )
    return table
