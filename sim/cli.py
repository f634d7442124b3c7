"""The command line: `ttirace`. Commands are imported when they are called for."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module, metadata

import click

from sim import interrupts
from sim.streams import UNREAD, OutputError, prepare_streams, say

GROUP = "ttirace.commands"

_COMMANDS = {
    "run": "sim.commands.run:run",
    "validate": "sim.commands.validate:validate",
    "schema": "sim.commands.validate:schema",
    "list": "sim.commands.listing:listing",
    "example": "sim.commands.example:example",
    "study": "sim.commands.study:study",
    "compare": "sim.commands.compare:compare",
    "calibrate": "sim.commands.calibrate:calibrate",
    "verify": "sim.commands.verify:verify",
    "check": "sim.commands.check:check",
    "report": "sim.commands.report:report",
}


#: Variables that libraries read, which have to be as large at least.
_WHOLE_NUMBERS = {
    "ARROW_IO_THREADS": 1,
    "NUMBA_NUM_THREADS": 1,
    "SOURCE_DATE_EPOCH": 0,
}


class _StoppedError(Exception):
    """A command was interrupted; the message is for the user."""


class _LazyGroup(click.Group):
    """Commands of this package and, by entry point, of others."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; of a signal `main` makes what is to be made of it, not click."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _StoppedError(str(error) or "interrupted") from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*_COMMANDS, *sorted(_entry_points())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name in _COMMANDS:
            module, _, attribute = _COMMANDS[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        if cmd_name in _entry_points():
            try:
                loaded: click.Command = _entry_points()[cmd_name].load()
            except Exception as error:  # a broken package must not take the others' help away
                return _broken(cmd_name, error)
            return loaded
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from sim.deadline import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _check_given(command, rest, ctx)
        return name, command, rest


def _check_given(command: click.Command, args: list[str], parent: click.Context) -> None:
    """Refuse what click lets pass: two values of an option that takes one, and empty ones.

    Of two, the last would count; an empty path is the current folder, an empty text as if it were
    not there.

    Raises:
        click.UsageError: there is one, or what click itself finds wrong as it reads the options.
    """
    context = click.Context(command, parent, command.name, **command.context_settings)
    values, rest, order = command.make_parser(context).parse_args(list(args))
    for option in order:
        once = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if once and order.count(option) > 1:
            raise click.UsageError(f"{max(option.opts, key=len)}: stands twice; keep one", context)
        given = values.get(option.name or "")
        if "" in (given if isinstance(given, list | tuple) else [given]):
            name = max(option.opts, key=len)
            name = name if name.startswith("-") else name.upper()
            raise click.UsageError(f"{name}: is empty; want a value", context)
    if isinstance(command, click.Group) and rest:
        inner = command.get_command(context, rest[0])
        if inner is not None:
            _check_given(inner, rest[1:], context)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ttirace", prog_name="ttirace")
def cli() -> None:
    """Does this resource allocator make its slot, and what does it cost when it does not?

    \b
    Start here:
      ttirace run munich                         race allocators, leave tables and plots
      ttirace example munich                     copy that scenario here, to change it
      ttirace study my_study.yaml                the same over axes: how much fits which slot?
      ttirace compare gains.h5 --noise-w 1e-13   no race: rate and time of each allocator
      ttirace list                               what there is to put into a scenario

    Exit status: 0; 1 if an allocator failed on some job, or a check did not hold; 2 if something is
    wrong, which is then told in one line; 130 after Ctrl-C, 143 after SIGTERM, 141 if nobody reads
    the output.
    """  # noqa: D301


def main() -> None:
    """Run the command line; what users get wrong ends as one line and exit status 2."""
    prepare_streams()
    try:
        status = _run()
        sys.stdout.flush()
    except OutputError as error:
        status = UNREAD if error.unread else _fail(str(error))
    if status == interrupts.INTERRUPTED:
        # Not sys.exit: an interrupt that passed through exec() on its way, as in an import, has
        # CPython end the process by the signal, however it was handled (Py_RunMain).
        os._exit(interrupts.status())
    sys.exit(status if isinstance(status, int) else 0)


def _run() -> object:
    """Run the command line, and return its status."""
    try:
        _check_arguments()
        _prepare_libraries()
        return cli.main(standalone_mode=False, prog_name="ttirace")
    except _StoppedError as error:
        say(f"ttirace: {error}")
        return interrupts.INTERRUPTED
    except (click.exceptions.Abort, KeyboardInterrupt):
        return interrupts.INTERRUPTED
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "ttirace"
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            say(error.format_message())  # called for nothing: the help, as it is
            return 2
        return _fail(f"{' '.join(error.format_message().split())} (see {path} --help)")
    except MemoryError as error:
        return _fail(f"out of memory: {error}; want a smaller problem, or fewer of them")
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{error.strerror or error}")
    except ValueError as error:
        from sim.deadline import InputError  # here, so that `--help` need not import it

        if not isinstance(error, InputError):
            raise
        return _fail(str(error))


def _check_arguments() -> None:
    """Refuse what is no text: it would fail only when it is written into a file of results."""
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = ascii(argument)
            raise click.UsageError(f"{shown}: no text in UTF-8; want another name") from None


def _prepare_libraries() -> None:
    """Keep from libraries, which may be imported, what of the environment they fail or complain of.

    Matplotlib draws into files, and pages are the same, whatever it says. Matplotlib would also
    tell where it keeps its fonts if it cannot do so in the user's folder.
    """
    import logging

    os.environ["MPLBACKEND"] = "agg"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for name in list(os.environ):
        if name.startswith("BOKEH_"):
            del os.environ[name]
    for name, least in _WHOLE_NUMBERS.items():
        text = os.environ.get(name)
        if text is not None and not (text.isascii() and text.isdigit() and int(text) >= least):
            del os.environ[name]


def _fail(message: str) -> int:
    """Say what is wrong in one line, whatever the names and values in it hold."""
    line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in message)
    say(f"ttirace: {line}")
    return 2


def _broken(name: str, error: Exception) -> click.Command:
    message = f"does not load: {type(error).__name__}: {error}"

    def fail() -> None:
        raise click.ClickException(f"{name}: {message}")

    return click.Command(name, callback=fail, short_help=message)


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
