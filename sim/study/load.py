"""From a YAML file to a study; all that can be wrong is said before anything is run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path

from pydantic import ValidationError

from sim.deadline.errors import InputError
from sim.profile.provenance import profile_names
from sim.registry import make_allocator
from sim.scenario import Scenario
from sim.scenario.allocators import with_files
from sim.scenario.keys import read_key
from sim.scenario.load import describe, read_scenario
from sim.scenario.overrides import assign, check_once, put
from sim.scenario.shipped import find_shipped, like_shipped, name_of
from sim.scenario.text import read
from sim.study.axes import Cell
from sim.study.models import StudyModel
from sim.study.point import measured
from sim.study.study import Combination, Resolved, Study


def load_study(path: Path, overrides: Iterable[str] = (), plugins: tuple[str, ...] = ()) -> Study:
    """Read a study and check all its points; nothing is run.

    Args:
        path: YAML file.
        overrides: ``a.b=value`` texts for the scenario, put over what study and scenario say.
        plugins: what registers more allocators; loaded by the caller.

    Raises:
        InputError: whatever is wrong, with file, key, value and what would be right.
    """
    hint = like_shipped(path) or ", want a study in YAML; `ttirace list` shows those shipped"
    data = read(path, "a study", hint)
    if not isinstance(data, dict):
        raise InputError(f"{path}: want a study, with keys such as scenario: and axes:")
    if "channel" in data and "scenario" not in data:
        raise InputError(f"{path}: is a scenario; run it with: ttirace run {name_of(path)}")
    try:
        model = StudyModel.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, data, StudyModel)}") from None
    if not model.name:
        model = model.model_copy(update={"name": path.stem})
    folder, overrides = path.parent, list(overrides)
    if isinstance(model.scenario, str):
        source = find_shipped(Path(model.scenario), folder)
        try:
            base = read_scenario(source)
        except InputError as error:
            raise InputError(f"{path}: scenario: {error}") from None
        folder = source.parent
    else:
        base = deepcopy(model.scenario)
    try:
        for key, value in model.set.items():
            assign(base, key, deepcopy(value), f"set: {key}")
        check_once(overrides)
        for override in overrides:
            put(base, override)
        study = Study(model, base, folder, plugins)
        _check_fixed(study, [*model.set, *(text.partition("=")[0] for text in overrides)])
        _expand(study)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return study


def _check_fixed(study: Study, fixed: Sequence[str]) -> None:
    """Refuse to fix what is varied."""
    varied = {key.place for axis in study.axes for key in axis.keys}
    if study.line is not None:
        varied.add(study.line.key.place)
    for key in fixed:
        if read_key(key).place in varied:
            raise InputError(f"{key}: is set and varied; it is either fixed or an axis")


def _expand(study: Study) -> None:
    """Make the rows of the grid; of the axis that is solved for, try both ends.

    Raises:
        InputError: a key or value that is wrong at all points of an axis value, an allocator that
            cannot be made, or no point that can be had.
    """
    try:
        study.example = Scenario.model_validate(study.base)
        wrong = ""
    except ValidationError as error:  # an axis may put it right
        wrong = describe(error, study.base)
    line = study.line
    ends = [None] if line is None else [line.low, line.high]
    faults = _Faults(study.columns)
    made: set[str] = set()
    for number, values in enumerate(study.combinations()):
        for end in ends:
            resolved = study.resolve(Combination(number, values, end))
            faults.note(resolved)
            study.note(resolved)
            if resolved.scenario is not None:
                study.example = study.example or resolved.scenario
                _make_allocators(resolved.scenario, study.folder, made)
                for i in range(len(resolved.scenario.allocators)):
                    key = measured(resolved.scenario, i)
                    if key is not None and key not in study.measured:
                        study.measured.append(key)
                names = profile_names(resolved.scenario)
                study.profiles += [name for name in names if name not in study.profiles]
            if line is None:
                study.grid.extend(study.rows(resolved))
    try:
        faults.conclude()
    except InputError as error:
        if isinstance(study.model.scenario, str) and str(error).endswith(wrong) and wrong:
            raise InputError(f"scenario: {study.model.scenario}: {error}") from None
        raise


def _make_allocators(scenario: Scenario, folder: Path, made: set[str]) -> None:
    """Make every allocator once, so that a mistyped parameter is said at once."""
    for model in scenario.allocators:
        fallback = (model.on_miss or scenario.on_miss).fallback
        for reference in (model, *([] if fallback is None else [fallback])):
            parameters = with_files(reference.parameters, folder)
            key = json.dumps([reference.allocator, parameters], sort_keys=True, default=str)
            if key not in made:
                made.add(key)
                try:
                    make_allocator(reference.allocator, parameters)
                except InputError as error:
                    raise InputError(f"allocators: {error}") from None


class _Faults:
    """Which values of which axis are wrong wherever they stand."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns
        self._had: set[tuple[str, Cell]] = set()
        self._wrong: dict[tuple[str, Cell], str] = {}
        self._first = ""
        self._any = False

    def note(self, resolved: Resolved) -> None:
        """Take note of how a combination came out."""
        cells = resolved.combination.cells
        places = list(zip(self._columns, cells, strict=True)) or [("", "")]
        self._any |= resolved.scenario is not None
        if resolved.hard:
            for place in places:
                self._wrong.setdefault(place, resolved.error)
        else:
            self._had.update(places)
            self._first = self._first or resolved.error

    def conclude(self) -> None:
        """Raise InputError for what is wrong."""
        for place, error in self._wrong.items():
            if place not in self._had:
                raise InputError(error)
        if not self._any:
            raise InputError(f"no point can be had: {self._first}")
