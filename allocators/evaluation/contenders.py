"""Who is evaluated: an allocator by name, a model by name or file, or a solver at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allocators.dnn.network import load, shipped_networks, weights_file
from sim.deadline.errors import InputError, did_you_mean
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
    """

    label: str
    prepare: Callable[[PowerControlSpec], PowerSolver]
    links: int | None = None
    trained_on: str = ""


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

        return Contender(type(what).__name__, prepare)
    name, parameters = _named(what)
    make_allocator(name, parameters)  # what is wrong with it is wrong in every cell
    model = parameters.get("model")
    links, trained_on = _home(model) if isinstance(model, str) else (None, "")
    return Contender(
        what, lambda spec: prepare_allocator(name, parameters, spec), links, trained_on
    )


def _named(text: str) -> tuple[str, dict[str, Any]]:
    """Return the allocator and the parameters that an argument stands for."""
    name, parameters = named_allocator(text)
    if name in shipped_networks() or name.endswith(".safetensors"):
        return "dnn", {"model": name, **parameters}
    if name not in allocator_names():
        known = [*allocator_names(), *shipped_networks()]
        raise InputError(
            f"{name!r} is no allocator and no model{did_you_mean(name, known)}"
            " (or give a path that ends in .safetensors)"
        )
    return name, parameters


def _home(model: str) -> tuple[int | None, str]:
    """Return the K that a model was made for, and what its card says it was trained on.

    Raises:
        InputError: no such model, or not a readable one.
    """
    path = weights_file(model)
    links = load(path).links
    try:
        data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["data"]
        return links, f"{data['channel']} {data['snr_db']:g} dB"
    except (OSError, ValueError, KeyError, TypeError):
        return links, ""  # a model without its card can be evaluated all the same
