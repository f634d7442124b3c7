"""`ttirace rl`; what it needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from sim.commands.options import files_option, plugin_option

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-o", "--output", "--out", "out"),  # --out is what cards say that were written before
        {"type": _FILE, "required": True, "help": "The policy, NAME.safetensors."},
    ),
    (("--links",), {"default": "5,10", "metavar": "K,...", "help": "Every K to train on."}),
    (
        ("--snr-db",),
        {
            "default": "0,5,10,15,20",
            "metavar": "DB,...",
            "help": "p_max over noise at unit gain; each with each K.",
        },
    ),
    (("--doppler-hz",), {"type": float, "help": "Of Gauss-Markov fading; 0: it stands still."}),
    (("--hidden",), {"type": int, "default": 32, "help": "Width of the layers."}),
    (
        ("--updates",),
        {
            "type": int,
            "default": 1200,
            "help": "Of the policy; the learning rate falls to zero over them.",
        },
    ),
    (("--episodes",), {"type": int, "default": 4, "help": "Of each K and SNR in an update."}),
    (("--episode-slots",), {"type": int, "default": 64, "help": "Slots in each of them."}),
    (("--gamma",), {"type": float, "default": 0.0, "help": "What the next slot's reward counts."}),
    (("--epochs",), {"type": int, "default": 1, "help": "Visits of each sample."}),
    (("--minibatches",), {"type": int, "default": 4, "help": "Steps in an epoch."}),
    (
        ("--ratio-clip",),
        {
            "type": float,
            "default": 0.2,
            "help": "How far the chance of an action moves in an update, as a ratio.",
        },
    ),
    (
        ("--entropy",),
        {"type": float, "default": 0.001, "help": "Weight of exploring, falling to zero."},
    ),
    (("--learning-rate",), {"type": float, "default": 3e-3, "help": "At its highest."}),
    (("--clip",), {"type": float, "default": 1.0, "help": "Largest norm of the gradient."}),
    (
        ("--interval",),
        {"type": int, "default": 40, "help": "Updates between validations and checkpoints."},
    ),
    (("--validation",), {"type": int, "default": 50, "help": "Episodes of each K and SNR."}),
    (("--seed",), {"type": int, "default": 1, "help": "Of all that is drawn."}),
    (("--threads",), {"type": int, "default": 1, "help": "One: same bits again."}),
    (
        ("--test-episodes",),
        {
            "type": click.IntRange(2, 1_000_000),
            "default": 1000,
            "help": "For the card, at the end; of each K at 0 and 20 dB.",
        },
    ),
    (("--tensorboard",), {"type": _FOLDER, "help": "Write scalars for TensorBoard here."}),
)


def _options(
    helps: Mapping[str, str] = MappingProxyType({}), **defaults: Any
) -> Callable[[Command], Command]:
    """Add what trainings take, with this kind's own defaults and explanations."""

    def decorate(command: Command) -> Command:
        for names, attributes in reversed(_OPTIONS):
            key = names[-1].removeprefix("--").replace("-", "_")
            own = {**attributes, **({"default": defaults[key]} if key in defaults else {})}
            own |= {"help": helps[key]} if key in helps else {}
            command = click.option(*names, **own, show_default=own.get("default") is not None)(
                command
            )
        return command

    return decorate


@click.group()
def rl() -> None:
    """Train policies on the environment, and compare them (pip install 'ttirace[rl,train]').

    \b
    Example:
      ttirace rl train central -o mine.safetensors
      ttirace rl evaluate mine.safetensors --links 5,10 --snr-db 0,20
      ttirace rl plot mine.safetensors -o curve.png
    """  # noqa: D301


@rl.group()
def train() -> None:
    """Train a policy that sees everything (central), or one for each transmitter (local).

    Leaves the weights (NAME.safetensors), a card (NAME.json) with settings, learning curve and what
    the policy is worth on fresh episodes, and a log (NAME.csv). A run that was stopped goes on from
    NAME.checkpoint.safetensors when the same command is given again. Use the result as

    \b
      allocators:
        - policy: NAME.safetensors
    """  # noqa: D301


@train.command()
@click.option(
    "--copies",
    type=int,
    default=8,
    show_default=True,
    help="How often each episode is played, 2 or more, to be compared with itself.",
)
@_options({"doppler_hz": "Of Gauss-Markov fading; every slot anew if not given."})
def central(**options: Any) -> None:
    """Train one network that sees all gains of a slot and sets all powers.

    PPO; the reward is the sum rate. What is good is told by other copies of the same episode, which
    act apart.

    \b
    Example, a try of seconds and the real thing:
      ttirace rl train central -o try.safetensors --links 3 --updates 40 --test-episodes 20
      ttirace rl train central -o mine.safetensors
    """  # noqa: D301
    _train("central", options)


@train.command()
@click.option(
    "--neighbours",
    type=int,
    default=9,
    show_default=True,
    help="How many interferers, and links it disturbs, an agent knows.",
)
@click.option(
    "--trace",
    type=float,
    default=0.95,
    show_default=True,
    help="Lambda of generalised advantage estimation.",
)
@click.option(
    "--gains-first",
    type=float,
    default=0.6,
    show_default=True,
    help="Share of the updates in which agents see gains alone, not yet who sends.",
)
@_options(doppler_hz=10.0, updates=1000, episodes=50, episode_slots=8, minibatches=8, entropy=0.003)
def local(**options: Any) -> None:
    """Train one network that every transmitter has, and that sees what it measures itself.

    PPO with a critic; an agent's reward is what the sum rate would lose without it.

    \b
    Example, a try of seconds and the real thing:
      ttirace rl train local -o try.safetensors --links 3 --updates 40 --test-episodes 20
      ttirace rl train local -o mine.safetensors
    """  # noqa: D301
    _train("local", options)


@rl.command()
@click.argument("model")
@click.option("--scenario", type=_FILE, help="YAML; instead of the next three.")
@click.option("--links", default="5,10", show_default=True, metavar="K,...", help="Every K.")
@click.option(
    "--snr-db",
    default="0,20",
    show_default=True,
    metavar="DB,...",
    help="With each K: p_max/noise.",
)
@click.option(
    "--doppler-hz", type=float, default=10.0, show_default=True, help="Of Gauss-Markov fading."
)
@click.option(
    "--episodes",
    type=click.IntRange(2, 1_000_000),
    default=1000,
    show_default=True,
    help="In each cell; the same for all.",
)
@click.option(
    "--episode-slots",
    type=click.IntRange(1, 1_000_000),
    help="Slots in each; 50, or the scenario's, if not given.",
)
@click.option(
    "--against",
    default="max_power,random,best_link,wmmse,dnn,unfolded",
    show_default=True,
    metavar="NAME,...",
    help="Whom to compare with: allocators and policies.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the episodes."
)
@click.option(
    "--csv",
    "csv_path",
    type=_FILE,
    metavar="FILE.csv",
    help="Write the rows into this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace what --csv finds there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@plugin_option
@files_option
def evaluate(**options: Any) -> int:
    """Compare a policy with others on the same fresh episodes, without deadlines.

    MODEL is a shipped policy, a path (.safetensors, .zip, .onnx), or any allocator. Differences are
    paired, with 99% intervals; what a deadline costs, `ttirace run` says.

    \b
    Example:
      ttirace rl evaluate policy_local --links 10 --snr-db 0,10,20
      ttirace rl evaluate policy:model=ppo.zip:power_scale=db --scenario town.yaml
    """  # noqa: D301
    with _imports():
        from allocators.policy.training.commands import run_evaluation

    return run_evaluation(**options)


@rl.command()
@click.argument("model")
@click.option("-o", "--output", "out", type=_FILE, required=True, help="PNG or SVG.")
@click.option("--overwrite", is_flag=True, help="Replace what --output finds there.")
def plot(model: str, out: Path, overwrite: bool) -> None:
    """Draw the learning curve in a policy's card, beside allocators that do not learn.

    \b
    Example:
      ttirace rl plot policy_central -o curve.png
    """  # noqa: D301
    from allocators.policy.network import ARCHITECTURE
    from allocators.shipped import weights_file
    from sim.deadline.outputs import Output, check_outputs

    with _imports():
        from allocators.policy.training.card import read_curve
        from allocators.policy.training.plots import plot_curve

    if out.suffix not in (".png", ".svg"):
        from sim.deadline.errors import InputError

        raise InputError(f"--output: {out}, want a name that ends in .png or .svg")
    check_outputs([Output("--output", out, out.suffix)], [model], overwrite)
    plot_curve(read_curve(weights_file(model, ARCHITECTURE)), model, out)
    click.echo(f"drawn: {out}")


@contextmanager
def _imports() -> Iterator[None]:
    """Say in one line what to install where something is missing: Gymnasium, say."""
    try:
        yield
    except ModuleNotFoundError as error:
        from sim.deadline.errors import InputError

        raise InputError(str(error)) from None


def _train(kind: str, options: dict[str, Any]) -> None:
    with _imports():
        from allocators.policy.training.commands import run_training

    run_training(kind, **options)
