"""`ttirace example`: a shipped scenario or study, to change."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.options import is_given


@click.command()
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder for the copy; the current one if not given.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of the same names.")
def example(name: str | None, output: Path, overwrite: bool) -> None:
    """Copy the shipped scenario or study NAME here, with its trace; without NAME, list them.

    As they are they need no copy: `ttirace run NAME`, `ttirace study NAME`.

    \b
    Examples:
      ttirace example
      ttirace example munich && ttirace run munich.yaml --set slots=200
    """  # noqa: D301
    import shutil

    from sim.deadline import InputError, did_you_mean
    from sim.scenario.shipped import files_of, shipped_scenarios, shipped_studies

    scenarios, studies = shipped_scenarios(), shipped_studies()
    known = scenarios | studies
    if name is None:
        for option in ("output", "overwrite"):
            if is_given(option):
                raise InputError(f"--{option}: of which scenario or study? give its NAME")
        width = max(map(len, known))
        for each, path in known.items():
            command = "run" if each in scenarios else "study"
            click.echo(f"ttirace {command:<5} {each:<{width}}  {description(path)}".rstrip())
        return
    if name not in known:
        raise InputError(f"{name}: no shipped scenario or study{did_you_mean(name, known)}")
    source = known[name]
    copies = [(file, output / file.relative_to(source.parent)) for file in files_of(source)]
    for _, copy in copies:
        if copy.exists() and not overwrite:
            raise InputError(f"{copy}: is there already; --overwrite replaces it")
    for file, copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        click.echo(f"copied: {copy}")


def description(path: Path) -> str:
    """Return what a scenario or a study says of itself, in one line; an error as it is."""
    from sim.deadline import InputError
    from sim.scenario.text import read

    try:
        data = read(path, "a scenario")
    except InputError as error:
        return str(error)
    text = data.get("description") if isinstance(data, dict) else None
    return text.strip().partition("\n")[0] if isinstance(text, str) else ""
