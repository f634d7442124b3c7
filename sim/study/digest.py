"""What a figure depends on beside its scenario: the code, and the files that are read."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sim.deadline.errors import InputError
from sim.registry import allocator_packages


def code_digest(plugins: Iterable[str] = ()) -> str:
    """Return one hash of the simulator, of all that holds installed allocators, and of plug-ins.

    Sources, weights and whatever else lies in the packages: what changes no figure is not told
    from what does.

    Args:
        plugins: files or modules, as `sim.registry.load_plugin` takes them.

    Raises:
        InputError: a plug-in is not there.
    """
    digest = hashlib.sha256(_packages_digest().encode())
    for content in sorted({plugin_hash(plugin) for plugin in plugins}):
        digest.update(f"plugin\0{content}\n".encode())
    return digest.hexdigest()


def plugin_hash(plugin: str) -> str:
    """Return the hash of a plug-in's file, as it is now.

    Raises:
        InputError: it is not there.
    """
    return file_hash(_plugin_source(plugin))


@cache  # what runs is what was imported, whatever becomes of the files
def _packages_digest() -> str:
    digest = hashlib.sha256()
    for package in sorted({"sim", *allocator_packages()}):
        for root in sorted(_folders(package)):
            for path in sorted(root.rglob("*") if root.is_dir() else [root]):
                parts = path.relative_to(root.parent).parts
                hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
                if not hidden and path.is_file():
                    digest.update(f"{'/'.join(parts)}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def _folders(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None:  # an entry point of what is not there; it fails where it is asked for
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder) for folder in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin else []


def _plugin_source(plugin: str) -> Path:
    if Path(plugin).is_file():
        return Path(plugin).resolve()
    try:
        spec = importlib.util.find_spec(plugin)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise InputError(f"--plugin {plugin}: no such file or module")
    return Path(spec.origin)


_hashes: dict[tuple[str, int, int], str] = {}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; one that has not been touched since is not read again.

    Raises:
        InputError: it cannot be read.
    """
    try:
        status = path.stat()
        key = str(path), status.st_size, status.st_mtime_ns
        if key not in _hashes:
            with path.open("rb") as file:
                _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return _hashes[key]
