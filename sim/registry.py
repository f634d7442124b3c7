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

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from sim.deadline import InputError, Solver, did_you_mean
from sim.deadline.call import one_line
from sim.deadline.errors import shown

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
        if not isinstance(name, str) or not isinstance(cls, type):
            raise TypeError(f"@register({name!r}) wants a name and a class, not {cls!r}")
        before = _registered.get(name)
        if before is not None and _origin(before) != _origin(cls):
            raise ValueError(f"allocator {name!r} is registered already, by {before.__module__}")
        if name in _entry_points() and _entry_points()[name].value != ":".join(_origin(cls)):
            raise ValueError(f"allocator {name!r} is installed already; choose another name")
        _registered[name] = cls
        return cls

    return keep


def _origin(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


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
            # As `python -m` does: a module beside the scenario is found without installing it.
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            importlib.import_module(plugin)
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # a user's file may do anything
        raise InputError(f"--plugin {plugin}: cannot be imported: {one_line(error)}") from error
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


def allocator_packages() -> set[str]:
    """Return the top-level packages that installed allocators lie in."""
    return {point.module.partition(".")[0] for point in _entry_points().values()}


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
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            raise InputError(f"{name}.{key}: is required")
    hints = _hints(cls)
    try:
        solver: Solver[Any, Any] = cls(
            **{
                key: _typed(f"{name}.{key}", value, hints.get(key, Any))
                for key, value in parameters.items()
            }
        )
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(name) else f"{name}: {text}") from error
    except Exception as error:  # a user's constructor may do anything
        raise InputError(f"{name}: cannot be made: {one_line(error)}") from error
    if not callable(getattr(solver, "solve", None)) or not callable(
        getattr(solver, "prepare", None)
    ):
        raise InputError(f"{name}: has no solve() and prepare(); derive it from sim.Solver")
    return solver


def full_parameters(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return an allocator's parameters with the defaults of those that are not given.

    Raises:
        InputError: unknown allocator.
    """
    known = inspect.signature(allocator_class(name)).parameters.values()
    defaults = {
        parameter.name: parameter.default
        for parameter in known
        if parameter.default is not parameter.empty
    }
    return {**defaults, **parameters}


def prepare_allocator(name: str, parameters: Mapping[str, Any], spec: object) -> Solver[Any, Any]:
    """Make an allocator and prepare it for a `PowerControlSpec`.

    Raises:
        InputError: as `make_allocator`, or it cannot be prepared.
    """
    solver = make_allocator(name, parameters)
    try:
        solver.prepare(spec)
    except InputError:
        raise
    except Exception as error:  # so may a user's prepare
        if isinstance(error, MemoryError):
            raise InputError(f"{name}: cannot be prepared: out of memory ({error})") from error
        raise InputError(f"{name}: cannot be prepared: {one_line(error)}") from error
    return solver


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.getattr_static(cls, "__init__"))
    except Exception:  # annotations that cannot be evaluated are no reason to refuse a plug-in
        return {}


def _typed(where: str, value: object, hint: Any) -> Any:
    """Return a parameter's value, brought to its annotation as far as pydantic knows that."""
    try:
        if isinstance(value, bool) and hint in (int, float):
            raise InputError(f"{where}: want a number (got {value})")
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        what = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
        raise InputError(f"{where}: {what} (got {shown(value)})") from None
    except PydanticUserError:  # a type of the plug-in's own: its constructor will tell
        return value


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}
