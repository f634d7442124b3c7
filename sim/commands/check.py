"""`ttirace check`: the contract of an allocator."""

from __future__ import annotations

import click

from sim.commands.options import plugin_option


@click.command()
@click.argument("allocator")
@plugin_option
@click.option("--links", type=click.IntRange(1, 2000), help="Only problems of this many links.")
@click.option("--random", "draws", is_flag=True, help="The allocator draws random numbers.")
def check(allocator: str, plugins: tuple[str, ...], links: int | None, draws: bool) -> int:
    """Run ALLOCATOR through the contract that every allocator keeps.

    Usable powers on ordinary and on degenerate problems (no gain, no weight, no power), the same
    answer to the same problem, answers that later calls do not overwrite, and so on. Parameters
    may follow the name: wmmse:backend=numpy.

    \b
    Example:
      ttirace check half --plugin my_allocator.py
    """  # noqa: D301
    from sim.deadline import InputError
    from sim.deadline.call import one_line
    from sim.deadline.testing import ContractError
    from sim.named import named_allocator
    from sim.registry import load_plugin
    from sim.testing import check_allocator

    for plugin in plugins:
        load_plugin(plugin)
    name, parameters = named_allocator(allocator)
    _check_known(name)
    sizes = (1, 2, 5, 10) if links is None else (links,)
    try:
        check_allocator(name, parameters, sizes, deterministic=not draws)
    except InputError:
        raise
    except ContractError as error:
        said = str(error).replace("pass deterministic=False", "give --random")  # here an option
        click.echo(f"{allocator}: breaks its contract: {said}", err=True)
        return 1
    except Exception as error:  # raising is one way to break it
        click.echo(f"{allocator}: breaks its contract: raises {one_line(error)}", err=True)
        return 1
    click.echo(f"{allocator}: keeps its contract")
    return 0


def _check_known(name: str) -> None:
    """Refuse the name of a model in the place of that of an allocator, and say how to put it."""
    import inspect

    from sim.deadline import InputError
    from sim.registry import allocator_class, allocator_names

    owner = name.partition("_")[0]
    known = allocator_names()
    if name in known or owner not in known:
        return
    if "model" in inspect.signature(allocator_class(owner)).parameters:
        raise InputError(
            f"allocator {name!r} is not known; a model is given as {owner}:model={name}"
        )
