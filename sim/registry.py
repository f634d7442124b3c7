"""Allocators by name: entry points, plug-in files, and nothing imported before it is used."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, create_model

from sim.deadline import InputError, Solver, did_you_mean
from sim.deadline.call import one_line

GROUP = "ttirace.allocators"

AllocatorClass = TypeVar("AllocatorClass", bound=type)

_registered: dict[str, type] = {}


def register(name: str) -> Callable[[AllocatorClass], AllocatorClass]:
    """Register an allocator class under ``name``; its constructor's arguments are its parameters.

    Example::

        @register("half")
        class Half(Solver):
            def __init__(self, share: float = 0.5) -> None: ...
    """

    def keep(cls: AllocatorClass) -> AllocatorClass:
        _registered[name] = cls
        return cls

    return keep


def load_plugin(plugin: str) -> None:
    """Import a plug-in, a Python file or a module, for what it registers.

    Raises:
        InputError: it is not there, raises on import, or registers nothing.
    """
    before = set(_registered)
    try:
        if plugin.endswith(".py") or Path(plugin).is_file():
            path = Path(plugin)
            if not path.is_file():
                raise InputError(f"--plugin {plugin}: no such file")
            spec = importlib.util.spec_from_file_location(f"ttirace_plugin_{path.stem}", path)
            if spec is None or spec.loader is None:
                raise InputError(f"--plugin {plugin}: not a Python file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(plugin)
    except InputError:
        raise
    except Exception as error:  # a user's file may do anything
        raise InputError(f"--plugin {plugin}: {one_line(error)}") from error
    if set(_registered) == before and not any(
        cls.__module__ in (plugin, f"ttirace_plugin_{Path(plugin).stem}")
        for cls in _registered.values()
    ):
        raise InputError(
            f"--plugin {plugin}: registers no allocator; put @register('name') from sim on a class"
        )


def allocator_names() -> list[str]:
    """Return the names of all allocators, sorted."""
    return sorted({*_entry_points(), *_registered})


def allocator_class(name: str) -> type:
    """Return an allocator's class.

    Raises:
        InputError: unknown, or it cannot be imported.
    """
    if name in _registered:
        return _registered[name]
    entry_points = _entry_points()
    if name not in entry_points:
        hint = did_you_mean(name, allocator_names())
        raise InputError(f"allocator {name!r} is not known{hint}")
    try:
        found: type = entry_points[name].load()
    except Exception as error:  # an installed plug-in may be broken
        raise InputError(f"allocator {name!r} does not load: {one_line(error)}") from error
    return found


def make_allocator(name: str, parameters: Mapping[str, Any]) -> Solver[Any, Any]:
    """Make an allocator, its parameters checked against its constructor's signature.

    Raises:
        InputError: unknown allocator or parameter, or a value that does not fit.
    """
    cls = allocator_class(name)
    known = {
        key: parameter
        for key, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    for key in parameters:
        if key not in known:
            hint = did_you_mean(str(key), known) if known else "; it has no parameters"
            raise InputError(f"{name}.{key}: unknown parameter{hint}")
    try:
        solver: Solver[Any, Any] = cls(**_typed(cls, known, parameters))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        raise InputError(f"{where}: {first['msg']} (got {first['input']!r})") from None
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:  # a user's constructor may do anything
        raise InputError(f"{name}: cannot be made: {one_line(error)}") from error
    if not callable(getattr(solver, "solve", None)) or not callable(
        getattr(solver, "prepare", None)
    ):
        raise InputError(f"{name}: has no solve() and prepare(); derive it from sim.Solver")
    return solver


def _typed(
    cls: type, known: Mapping[str, inspect.Parameter], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Check values against annotations, as far as there are any."""
    try:
        hints = typing.get_type_hints(inspect.getattr_static(cls, "__init__"))
    except Exception:  # annotations that cannot be evaluated are no reason to refuse a plug-in
        hints = {}
    fields: dict[str, Any] = {
        key: (
            hints.get(key, Any),
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for key, parameter in known.items()
    }
    model = create_model("Parameters", __config__=ConfigDict(extra="forbid"), **fields)
    return dict(model(**parameters))


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
