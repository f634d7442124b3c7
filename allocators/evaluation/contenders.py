"""Who is evaluated: an allocator by name, a model by name or file, or a solver at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from numpy.random import default_rng

from allocators.shipped import shipped_models, weights_file
from allocators.training.recipe import parse_recipe
from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.models.model_file import architecture_of, card_path, load
from sim.deadline.reading import read_json
from sim.deadline.solver import Solver
from sim.named import named_allocator
from sim.problem import Allocation, PowerControlProblem, PowerControlSpec
from sim.registry import allocator_names, make_allocator, prepare_allocator

PowerSolver = Solver[PowerControlProblem, Allocation]


@dataclass(frozen=True, slots=True)
class Contender:
    """One that is evaluated.

    Attributes:
        label: its name in the results.
        prepare: returns it, prepared for problems of a size; raises InputError if it does not fit.
        links: K that it was made for; None: any, or whatever it fits.
        trained_on: what its card says it was trained on, in a few words; "" if there is none.
        by_name: whether the label is what it was made from; that of a solver at hand says nothing.
    """

    label: str
    prepare: Callable[[PowerControlSpec], PowerSolver]
    links: int | None = None
    trained_on: str = ""
    by_name: bool = True


def contender(what: str | PowerSolver) -> Contender:
    """Return what a name, a file, or a solver stands for.

    Args:
        what: an allocator as in `named_allocator`, a shipped model, a ``.safetensors`` file, each
            with parameters if need be (``dnn_k10:threshold=null``), or a solver that a model card
            is made for.

    Raises:
        InputError: unknown, a parameter that does not fit, or a file that is not a model.
    """
    if isinstance(what, Solver):
        solver = what

        def prepare(spec: PowerControlSpec) -> PowerSolver:
            solver.prepare(spec)
            return solver

        return Contender(type(what).__name__, prepare, by_name=False)
    name, parameters = _named(what)
    make_allocator(name, parameters)  # what is wrong with it is wrong in every cell
    model = parameters.get("model")
    links, trained_on = _home(model) if _is_model(model) else (None, "")
    if _is_model(model):  # damaged weights fit nowhere: no reason to leave a cell out, but an error
        prepare_allocator(name, parameters, PowerControlSpec(links or 2, 1, default_rng(0)))
    return Contender(
        what, lambda spec: prepare_allocator(name, parameters, spec), links, trained_on
    )


def _named(text: str) -> tuple[str, dict[str, Any]]:
    """Return the allocator and the parameters that an argument stands for."""
    name, parameters = named_allocator(text)
    if _is_model(name):
        architecture = architecture_of(weights_file(name))
        if architecture not in allocator_names():
            raise InputError(f"{name}: holds weights of {architecture!r}, which is no allocator")
        return architecture, {"model": name, **parameters}
    if name not in allocator_names():
        known = [*allocator_names(), *shipped_models()]
        raise InputError(
            f"{name!r} is no allocator and no model{did_you_mean(name, known)}"
            " (or give a path that ends in .safetensors)"
        )
    return name, parameters


def _is_model(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and (value.endswith(".safetensors") or value in shipped_models())


def _home(model: str) -> tuple[int | None, str]:
    """Return the K that a model was made for, if any, and what its card says it was trained on.

    Raises:
        InputError: no such model, or its weights are damaged.
    """
    path = weights_file(model)
    links = load(path, architecture_of(path)).config.get("links")
    try:
        trained_on = _trained_on(read_json(card_path(path))["data"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        trained_on = ""  # a model without its card can be evaluated all the same
    return (links if isinstance(links, int) else None), trained_on


def _trained_on(data: dict[str, Any]) -> str:
    """Return a card's data in a few words."""
    if "recipe" not in data:
        setting = data.get("dataset", data)
        return f"{setting['channel']} {setting['snr_db']:g} dB"
    entries = parse_recipe("card", data["recipe"]).mixture
    if len(entries) > 1:
        return f"mixture of {len(entries)} channels"
    snr_db = entries[0].snr_db
    snr = "" if snr_db is None else f" {'..'.join(f'{value:g}' for value in snr_db)} dB"
    return entries[0].title + snr
