"""A study, read: which points it has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.deadline.errors import InputError
from sim.deadline.manifest import content_hash
from sim.scenario import Scenario
from sim.scenario.allocators import AllocatorModel
from sim.scenario.load import describe
from sim.scenario.overrides import assign
from sim.seeding import stream
from sim.study.axes import Axis, AxisValue, Cell, read_axes
from sim.study.bisection import Line, read_line
from sim.study.columns import FACTS
from sim.study.digest import code_digest
from sim.study.facts import facts_of
from sim.study.models import StudyModel
from sim.study.point import Point, PointMaker
from sim.study.target import Target, read_target

#: Of each allocator; a point takes a kilobyte while it waits, and some milliseconds at least.
_MOST_POINTS = 200_000

#: Seeds of replicates stay exact wherever a number is a double, as in JSON.
_SEEDS = 1 << 53


@dataclass(frozen=True)
class Row:
    """A row of the table, before its point is run.

    Attributes:
        order: its place among the rows: combination, value solved for, replicate, allocator.
        cells: the values of the axes.
        replicate: from 0.
        allocator: its label.
        address: of its point.
        point: what to run; None where the keys make no scenario.
        record: what it comes to, where that is known without running it.
    """

    order: tuple[int | float, ...]
    cells: tuple[Cell, ...]
    replicate: int
    allocator: str
    address: str
    point: Point | None
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Combination:
    """One value of every axis.

    Attributes:
        number: which one, from 0.
        values: of the axes, in their order.
        solved: of the axis that is solved for, if there is one.
    """

    number: int
    values: tuple[AxisValue, ...]
    solved: int | float | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What the table shows."""
        solved = () if self.solved is None else (self.solved,)
        return (*(value.cell for value in self.values), *solved)


@dataclass(frozen=True)
class Resolved:
    """What a combination comes to.

    Attributes:
        combination: which one.
        data: the scenario as written.
        scenario: as resolved; None if it is none.
        error: why it is none.
        hard: whether that is a wrong key or value, and not one that fits no other.
    """

    combination: Combination
    data: dict[str, Any]
    scenario: Scenario | None
    error: str = ""
    hard: bool = False


class Study:
    """A study whose axes and target make sense.

    Args:
        model: the study file.
        base: the scenario, as read, with all that is fixed set.
        folder: what the paths in the scenario are relative to.
        plugins: what registers more allocators.

    Attributes:
        grid: the rows of the table; of a study that solves for a target they come as it goes.
        example: the scenario without its axes; one of its points where it is none without them.
        measured: keys under which time is measured, and not modelled.
        profiles: those that any point replays, as it names them.
        untold: facts that are known only when points are run, as a trace's number of links.
        labels: of the allocators, of all points.

    Raises:
        InputError: an axis, the target or what is solved for makes no sense.
    """

    def __init__(
        self,
        model: StudyModel,
        base: dict[str, Any],
        folder: Path,
        plugins: tuple[str, ...] = (),
    ) -> None:
        self.model = model
        self.name = model.name
        self.base = base
        self.folder = folder
        self.plugins = tuple(
            str(Path(plugin).resolve()) if Path(plugin).is_file() else plugin for plugin in plugins
        )
        self.code = code_digest(self.plugins)
        self.axes: tuple[Axis, ...] = read_axes(model.axes)
        self.target: Target | None = None if model.target is None else read_target(model.target)
        self.line: Line | None = None if model.solve is None else read_line(model.solve)
        self.grid: list[Row] = []
        self.example: Scenario | None = None
        self.measured: list[str] = []
        self.profiles: list[str] = []
        self.untold: set[str] = set()
        self._noted: list[tuple[tuple[Cell, ...], tuple[Any, ...]]] = []
        self.labels: list[str] = []
        size = math.prod(len(axis.values) for axis in self.axes) * model.replicates
        if size > _MOST_POINTS:
            raise InputError(
                f"has {size:,} points for each allocator; want at most {_MOST_POINTS:,}"
            )
        varied = {key.place for axis in self.axes for key in axis.keys}
        if self.line is not None and (
            self.line.key.place in varied
            or self.line.key.name in {axis.column for axis in self.axes}
        ):
            raise InputError(
                f"solve: {self.line.key.written} is an axis as well; it is either given values or "
                "solved for"
            )

    @property
    def columns(self) -> list[str]:
        """The columns of the axes, that of the one solved for last."""
        solved = [] if self.line is None else [self.line.key.name]
        return [axis.column for axis in self.axes] + solved

    @property
    def most_points(self) -> int:
        """How many points there are; where a target is solved for, how many there may be."""
        if self.line is None:
            return len(self.grid)
        combinations = math.prod(len(axis.values) for axis in self.axes)
        allocators = 0 if self.example is None else len(self.example.allocators)
        return combinations * allocators * self.model.replicates * self.line.most_values

    def combinations(self) -> Iterator[tuple[AxisValue, ...]]:
        """Yield the combinations of the values of all axes but the one solved for, in order."""
        return itertools.product(*(axis.values for axis in self.axes))

    def resolve(self, combination: Combination) -> Resolved:
        """Set the keys of a combination and resolve the scenario."""
        settings = [setting for value in combination.values for setting in value.settings]
        if self.line is not None:
            settings.append((self.line.key.name, combination.solved))
        data = deepcopy(self.base)
        # A whole mapping before the keys in it, whichever axis comes first.
        for key, value in sorted(settings, key=lambda setting: setting[0].count(".")):
            assign(data, key, deepcopy(value), f"axes: {key}")
        try:
            return Resolved(combination, data, Scenario.model_validate(data))
        except ValidationError as error:
            # What only a check of consistency refuses may be had with other values beside it.
            hard = any(found["type"] != "value_error" for found in error.errors())
            return Resolved(combination, data, None, describe(error, data), hard)

    def note(self, resolved: Resolved) -> None:
        """Take note of the facts and the labels of a combination."""
        scenario = resolved.scenario or _without_budget(resolved.data)
        known = {} if scenario is None else facts_of(scenario, scenario.allocators[0])
        if resolved.scenario is None:
            known["budget_us"] = None
        # Of what is solved for, values between the ends may have what neither end has.
        if resolved.scenario is not None or self.line is not None:
            self.untold |= {fact for fact in FACTS if known.get(fact) is None}
        self._noted.append((resolved.combination.cells, tuple(map(known.get, FACTS))))
        if scenario is None:
            labels = _labels(resolved.data)
        else:
            labels = [model.label for model in scenario.allocators]
        self.labels += [label for label in labels if label not in self.labels]

    def outline(self) -> Iterator[dict[str, Any]]:
        """Yield of each combination what the table will tell before how it went: axes and facts.

        Of what is solved for, the combinations with both ends.
        """
        for cells, facts in self._noted:
            yield dict(zip(FACTS, facts, strict=True)) | dict(zip(self.columns, cells, strict=True))

    def rows(self, resolved: Resolved) -> list[Row]:
        """Return the rows of a combination: replicates, and in each the allocators.

        Raises:
            InputError: a file that the scenario names cannot be read.
        """
        if resolved.scenario is None:
            return self._refused(resolved)
        scenario, at = resolved.scenario, resolved.combination
        maker = PointMaker(scenario, self.folder, self.code)
        rows = []
        for replicate in range(self.model.replicates):
            seed = replicate_seed(scenario.seed, replicate)
            for i, entry in enumerate(scenario.allocators):
                point = maker.point(i, seed)
                order = (at.number, at.solved or 0, replicate, i)
                rows.append(Row(order, at.cells, replicate, entry.label, point.address, point))
        return rows

    def _refused(self, resolved: Resolved) -> list[Row]:
        """Return the rows of a combination that makes no scenario."""
        at, data = resolved.combination, resolved.data
        scenario = _without_budget(data)
        labels = _labels(data) if scenario is None else [m.label for m in scenario.allocators]
        rows = []
        for replicate in range(self.model.replicates):
            for i, label in enumerate(labels):
                record: dict[str, Any] = {}
                if scenario is not None:
                    record = facts_of(scenario, scenario.allocators[i])
                    record |= {"seed": replicate_seed(scenario.seed, replicate), "budget_us": None}
                record |= {"status": "refused", "reason": resolved.error}
                address = content_hash([data, replicate, label, self.code])
                order = (at.number, at.solved or 0, replicate, i)
                rows.append(Row(order, at.cells, replicate, label, address, None, record))
        return rows


def replicate_seed(seed: int, replicate: int) -> int:
    """Return the master seed of a replicate; of the first, the scenario's own."""
    if replicate == 0:
        return seed
    return int(stream(seed, "replicate", replicate).integers(_SEEDS))


def _without_budget(data: dict[str, Any]) -> Scenario | None:
    """Return a scenario that fails for want of time to compute, with all the time there is."""
    relaxed = {key: value for key, value in data.items() if key != "budget"}
    budget = data.get("budget")
    if isinstance(budget, dict) and "lead" in budget:
        relaxed["budget"] = {"lead": budget["lead"]}
    try:
        return Scenario.model_validate(relaxed)
    except ValidationError:
        return None


def _labels(data: dict[str, Any]) -> list[str]:
    """Return the labels of the allocators, as far as they can be told."""
    labels = []
    entries = data.get("allocators")
    for entry in entries if isinstance(entries, list) else []:
        try:
            labels.append(AllocatorModel.model_validate(entry).label)
        except ValidationError:
            labels.append(str(entry))
    return labels
