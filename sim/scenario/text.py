"""YAML, as a file or a text, to plain values."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from sim.deadline.errors import InputError, shown
from sim.scenario.files import confine

_LARGEST_FILE = 4 << 20
_MOST_VALUES = 100_000
_DEEPEST = 40
_LONGEST_NUMBER = 100  # letters; PyYAML needs long for much longer ones
_LARGEST_WHOLE = (1 << 63) - 1  # what tables and files can hold


def read(path: Path, what: str, hint: str = "") -> Any:
    """Return what a YAML file says; see `parse`.

    Args:
        path: the file.
        what: what it should be, for messages: ``a scenario``.
        hint: what to say where there is no such file; that it should be ``what`` if not given.

    Raises:
        InputError: it cannot be read, what `parse` raises, or it names a file out of its reach
            (`sim.scenario.files`).
    """
    try:
        with path.open("rb") as file:  # not by its size, which a pipe or a device does not have
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise InputError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB; not {what}")
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file{hint or f', want {what} in YAML'}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    except InputError:
        raise
    except ValueError:
        raise InputError(f"{shown(str(path))}: no name that a file can have") from None
    data = parse(str(path), text)
    try:
        confine(data, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return data


def parse(where: str, text: str) -> Any:
    """Return what a YAML text says, as plain values of its own: no references, no surprises.

    Args:
        where: whose text it is, for messages.
        text: the text.

    Raises:
        InputError: it is not YAML, or says what no scenario needs: another type than text,
            numbers, lists and mappings, a key that stands twice, a bomb.
    """
    try:
        return _plain(yaml.load(text, _Loader), (), [0])
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not YAML: {_yaml_problem(error)}") from None
    except RecursionError:
        raise InputError(f"{where}: nested too deeply; want at most {_DEEPEST} levels") from None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except Exception:  # PyYAML's constructors let through whatever a bad tag makes of them
        raise InputError(
            f"{where}: not YAML: a value cannot be read as the date, number or tag that it "
            "looks like; quote it if it is text"
        ) from None


def _plain(value: object, keys: tuple[str, ...], count: list[int]) -> Any:
    """Return a copy with every reference written out, if that is of a sensible size."""
    count[0] += 1
    if count[0] > _MOST_VALUES:
        raise InputError(f"more than {_MOST_VALUES} values, references written out")
    if len(keys) > _DEEPEST:
        raise InputError(f"{keys[0]}: nested too deeply, or in itself; want at most {_DEEPEST}")
    if isinstance(value, dict):
        return {key: _plain(item, (*keys, key), count) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, (*keys, str(i)), count) for i, item in enumerate(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    kind = type(value).__name__
    where = ".".join(keys)
    raise InputError(f"{where}: {shown(str(value))} reads as a {kind}; quote it if it is text")


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if problem == "but found another document":
        problem = "another document begins here, after ---; want one"
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


class _Loader(yaml.SafeLoader):
    """The safe loader, which refuses keys that stand twice, and what grows like a bomb."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        if self._nodes > 2 * _MOST_VALUES:  # before anything is made of them; keys are nodes, too
            raise InputError(f"more than {_MOST_VALUES} values")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "'<<' merges are not taken; write the keys out", key_node.start_mark
                )
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a {key_node.id} is a key; want text", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {shown(key)} is not text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {shown(key)} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number as people read it, and refuse what YAML 1.1 reads otherwise."""
        text = str(self.construct_scalar(node))
        line = node.start_mark.line + 1
        if len(text) > _LONGEST_NUMBER:
            raise InputError(f"line {line}: a number of {len(text)} characters")
        whole = node.tag.endswith(":int")
        number = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        base = 60 if ":" in text else 8 if whole and _OCTAL.fullmatch(text) else 10
        if base != 10:
            plain = text.replace("_", "").lstrip("+-0") or "0"
            write = f"{number}" if base == 60 else plain
            raise InputError(
                f"line {line}: {text} would be read in base {base}, as "
                f"{number}; write {write}, or '{text}' if it is text"
            )
        if whole and abs(number) > _LARGEST_WHOLE:
            raise InputError(f"line {line}: {text}, want a whole number to {_LARGEST_WHOLE}")
        return number

    def construct_tuples(self, node: yaml.Node) -> None:
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.tag.rpartition(':')[2]} are not taken; want a list", node.start_mark
        )


#: What YAML 1.1 takes for octal. Of one digit it is the same, and so is zero.
_OCTAL = re.compile(r"[+-]?0[0-7_]+")

#: What YAML 1.2 takes for a number, and YAML 1.1 for text for want of a dot or of a sign.
_EXPONENT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+$")

_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("+-.0123456789"))
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)
for _tag in ("omap", "pairs"):  # tuples of anything, bombs among them
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_tuples)
