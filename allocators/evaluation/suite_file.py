"""A suite written as a YAML file: blocks of cells, and channels of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from allocators.evaluation.channels import NAMED, EvaluationChannel, Law, Recording, channel_named
from allocators.evaluation.suites import Block, Suite
from sim.deadline.errors import InputError, shown
from sim.scenario import load_scenario
from sim.scenario.load import describe
from sim.scenario.text import read

Item = TypeVar("Item")


def _list(value: object) -> object:
    return value if isinstance(value, list) else [value]


OneOrMore = Annotated[list[Item], BeforeValidator(_list), Field(min_length=1)]


class _BlockModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    channel: OneOrMore[str]
    links: OneOrMore[int]
    snr_db: OneOrMore[float] = Field(default_factory=list)


class _SuiteModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    channels: dict[str, Any] = Field(default_factory=dict)
    cells: OneOrMore[_BlockModel]


def read_suite(path: Path) -> Suite:
    """Read a suite.

    ``cells`` is a list of blocks, each the product of its ``channel``, ``links`` and ``snr_db``.
    ``channels`` gives names to laws, as behind ``channel:`` in a scenario, and to recordings,
    ``{scenario: FILE}``, whose noise and caps the scenario states.

    Raises:
        InputError: whatever is wrong, with file, key, value and what would be right.
    """
    data = read(path, "a suite")
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds no keys; want cells: and, for new ones, channels:")
    try:
        model = _SuiteModel.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, data, _SuiteModel)}") from None
    own = {name: _channel(path, name, value) for name, value in model.channels.items()}
    named = {**NAMED, **own}
    suite = Suite(path.stem, tuple(_block(path, named, block) for block in model.cells), named)
    try:
        suite.cells()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return suite


def _block(path: Path, named: dict[str, EvaluationChannel], model: _BlockModel) -> Block:
    try:
        channels = tuple(channel_named(text, named) for text in model.channel)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    without = next((channel for channel in channels if channel.has_snr), None)
    if without is not None and not model.snr_db:
        raise InputError(f"{path}: cells: {without.name} has no snr_db, want one or a list")
    return Block(channels, tuple(model.links), tuple(model.snr_db))


def _channel(path: Path, name: str, value: Any) -> EvaluationChannel:
    """Return a channel of the file's own."""
    import yaml

    if name in NAMED:
        raise InputError(f"{path}: channels.{name}: has a meaning already; want another name")
    if not (isinstance(value, dict) and "scenario" in value):
        return Law(name, yaml.safe_dump(value, default_flow_style=True))
    scenario = value["scenario"]
    if len(value) > 1 or not isinstance(scenario, str):
        raise InputError(f"{path}: channels.{name}: {shown(value)}, want {{scenario: FILE}}")
    file = path.parent / scenario
    model = load_scenario(file).channel.model
    if model != "trace":
        raise InputError(
            f"{file}: channel: {model}, want a trace; a law needs no scenario: write it into {path}"
        )
    return Recording(name, file)
