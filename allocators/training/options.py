"""What every `ttirace train ARCHITECTURE` command takes, and what it then does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.commands.options import files_option

if TYPE_CHECKING:
    from allocators.evaluation.suites import Cell
    from allocators.training.settings import TrainSettings
    from allocators.training.source import Source
    from sim.deadline.solver import Solver
    from sim.problem import Allocation, PowerControlProblem

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_COUNT = click.IntRange(1)

Command = TypeVar("Command", bound=Callable[..., None])

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-o", "--output", "--out", "out"),  # --out is what cards say that were written before
        {"type": _FILE, "required": True, "help": "The model, NAME.safetensors."},
    ),
    (
        ("--objective",),
        {"default": "imitate", "help": "imitate: WMMSE's answers; sum_rate: without labels."},
    ),
    (("--recipe",), {"help": "Mixture of channels: a shipped recipe's name, or a YAML file."}),
    (("--data",), {"type": _FOLDER, "help": "A folder from `ttirace dataset`, instead."}),
    (("--channel",), {"help": "One law, as in a scenario, instead; rayleigh."}),
    (("--snr-db",), {"type": float, "help": "Cap over noise, with --channel; 0."}),
    (("--steps",), {"type": _COUNT, "default": 10_000}),
    (
        ("--interval",),
        {"type": _COUNT, "default": 200, "help": "Steps between validations and checkpoints."},
    ),
    (("--batch-size",), {"type": _COUNT, "default": 1000}),
    (("--learning-rate",), {"type": float, "default": 1e-2, "help": "At its peak."}),
    (("--clip",), {"type": float, "default": 1.0, "help": "Largest norm of the gradient."}),
    (
        ("--temperature",),
        {
            "type": float,
            "default": float("inf"),
            "help": "Of the soft best of several candidates; inf: each learns on its own.",
        },
    ),
    (
        ("--reuse",),
        {
            "type": _COUNT,
            "help": "Visits of a batch drawn; 4 with imitate, else 1.",
            "default": None,
        },
    ),
    (
        ("--patience",),
        {"type": _COUNT, "help": "Stop after so many intervals without improvement."},
    ),
    (("--validation",), {"type": _COUNT, "default": 2000, "help": "Channels in each suite."}),
    (("--seed",), {"type": click.IntRange(0), "default": 1}),
    (("--threads",), {"type": _COUNT, "default": 1, "help": "One: same bits again."}),
    (
        ("--suite",),
        {
            "default": "default",
            "help": "Evaluated at the end for the card: default, quick, a file.",
        },
    ),
    (
        ("--channels",),
        {"type": click.IntRange(1, 1_000_000), "default": 1000, "help": "In each of its cells."},
    ),
    (
        ("--tensorboard",),
        {"type": _FOLDER, "help": "Write scalars for TensorBoard into this folder."},
    ),
)


def training_options(**defaults: Any) -> Callable[[Command], Command]:
    """Add the shared options to a command, which hands them on to `run_training`.

    Args:
        defaults: this architecture's own, by the options' names: ``steps=20_000``.
    """

    def decorate(command: Command) -> Command:
        for names, attributes in reversed(_OPTIONS):
            key = names[-1].removeprefix("--").replace("-", "_")
            own = {**attributes, **({"default": defaults[key]} if key in defaults else {})}
            shows = own.get("default") is not None
            command = click.option(*names, **own, show_default=shows)(command)
        return files_option(command)

    return decorate


def run_training(
    architecture: str,
    config: Mapping[str, Any],
    links: int | None,
    *,
    out: Path,
    recipe: str | None,
    data: Path | None,
    channel: str | None,
    snr_db: float | None,
    reuse: int | None,
    suite: str,
    channels: int,
    tensorboard: Path | None,
    **settings: Any,
) -> None:
    """Train a network of the architecture, and leave its weights, card and log.

    Args:
        architecture: see `allocators.training.learners`.
        config: what the learner is made with.
        links: K, where the network is made for one.
        out: the weights' file.
        recipe: name or file; see `allocators.training.recipe`.
        data: a data set.
        channel: one law.
        snr_db: with it.
        reuse: visits of a batch that is drawn.
        suite: what it is evaluated on at the end; a name or a file.
        channels: fresh channels in each cell of the suite.
        tensorboard: folder.
        settings: see `TrainSettings`.

    Raises:
        InputError: something is wrong; one line says what.
    """
    from allocators.evaluation.summary import sentence, summarize
    from allocators.training.card import finish
    from allocators.training.harness import train
    from allocators.training.learners import make_learner
    from allocators.training.log import csv_log
    from allocators.training.progress import step_bar
    from allocators.training.settings import TrainSettings
    from allocators.training.tensorboard import scalar_writer
    from sim.deadline.errors import InputError, check_range
    from sim.deadline.manifest import command_line, git_state
    from sim.deadline.models.training import import_torch, log_path, reserve, sole_training
    from sim.seeding import stream

    told = TrainSettings(**settings)
    context = click.get_current_context()
    if not _is_default(context, "temperature"):
        _check_temperature(told, config)
    if links is not None:
        check_range("links", links, 1)
    _cells(suite, links)  # what is wrong with it should not wait for the end
    if data is not None and reuse is not None:
        raise InputError(f"--reuse: {reuse}, but a data set is read round after round")
    if reuse is None:
        reuse = 4 if told.objective == "imitate" else 1
    if data is not None and _is_default(context, "recipe"):
        recipe = None  # the architecture's own, where nothing is said
    source = _source(links, recipe, data, channel, snr_db, reuse, told.seed)
    checkpoint = reserve(out)
    context.with_resource(sole_training(out))
    import_torch()
    command = command_line()
    # Of the code that runs, not of what the tree may be by the end.
    git = git_state(Path(__file__).parent)
    learner = make_learner(architecture, stream(told.seed, "initial"), config)
    with scalar_writer(tensorboard) as write, step_bar(told.steps) as show:
        observers = (csv_log(log_path(out)), write, show)
        trained = train(learner, source, told, checkpoint, observers)
    rows = _evaluated(learner.allocator(trained.tensors), out.stem, learner.links, suite, channels)
    evaluation = {"suite": suite, "channels": channels, "seed": 0, "rows": rows}
    finish(
        out,
        checkpoint,
        learner,
        source,
        told,
        trained,
        evaluation,
        command,
        git,
    )
    for line in summarize(rows):
        click.echo(sentence(line))


def _check_temperature(settings: TrainSettings, config: Mapping[str, Any]) -> None:
    """Refuse a temperature that would change nothing."""
    from sim.deadline.errors import InputError

    told = f"--temperature: {settings.temperature:g}"
    if settings.objective == "imitate":
        raise InputError(f"{told}, but it is of --objective sum_rate")
    if config.get("members") == 1:
        raise InputError(f"{told}, but it is of several candidates; give --members, as 5")


def _evaluated(
    solver: Solver[PowerControlProblem, Allocation],
    label: str,
    links: int | None,
    suite: str,
    channels: int,
) -> list[dict[str, Any]]:
    """Return what `ttirace evaluate` would print for the model."""
    from allocators.evaluation import evaluation_table
    from sim.deadline.progress import progress_bar

    with progress_bar("evaluation", len(_cells(suite, links))) as advance:
        return evaluation_table(
            solver,
            suite,
            channels,
            links=_own(links),
            label=label,
            progress=lambda cell, _: advance(1, str(cell)),
        )


def _own(links: int | None) -> tuple[int, ...]:
    return () if links is None else (links,)


def _cells(suite: str, links: int | None) -> list[Cell]:
    from allocators.evaluation.suites import suite_named

    return suite_named(suite).narrowed(links=_own(links)).cells()


def _is_default(context: click.Context, parameter: str) -> bool:
    return context.get_parameter_source(parameter) is not click.core.ParameterSource.COMMANDLINE


def _source(
    links: int | None,
    recipe: str | None,
    data: Path | None,
    channel: str | None,
    snr_db: float | None,
    reuse: int,
    seed: int,
) -> Source:
    from allocators.training.dataset import open_dataset
    from allocators.training.law import law
    from allocators.training.mixture import Mixture
    from allocators.training.recipe import load_recipe, parse_recipe
    from allocators.training.source import DrawnSamples, StoredSamples
    from sim.deadline.errors import InputError

    lone = {"--channel": channel, "--snr-db": snr_db}
    given = [key for key, value in {"--recipe": recipe, "--data": data}.items() if value]
    if len(given) > 1:
        raise InputError("--recipe, --data: give one of the two")
    if recipe is not None:
        for option, value in lone.items():
            if value is not None:
                raise InputError(f"{option}: {value}, but the recipe says what channels there are")
        return DrawnSamples(Mixture(*load_recipe(recipe), links), reuse, seed)
    if data is None:
        if links is None:
            raise InputError("--recipe: what to train on? give a recipe or --data")
        law_of = law(channel or "rayleigh")
        entry = {"channel": law_of, "links": links, "snr_db": 0.0 if snr_db is None else snr_db}
        written = parse_recipe("--channel", {"mixture": [entry]})
        return DrawnSamples(Mixture(written, Path()), reuse, seed)
    stored = open_dataset(data)
    setting = stored.settings.setting
    found = {"--links": setting.links, "--channel": setting.channel, "--snr-db": setting.snr_db}
    for option, value in {"--links": links, **lone}.items():
        if value is not None and value != found[option]:
            raise InputError(f"{option}: {value}, but the data set in {data} has {found[option]}")
    return StoredSamples(stored, seed)
