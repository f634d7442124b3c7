"""The scenario that a user gives: a path, a mapping, a `Scenario`, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.registry import allocator_names
from sim.scenario import Scenario
from sim.scenario.load import describe, read_scenario
from sim.scenario.shipped import find_shipped

#: Ten links at 0 dB that fade slowly, in slots of a millisecond.
DEFAULT: Mapping[str, Any] = {
    "slots": 1000,
    "channel": {"model": "rayleigh", "links": 10, "evolution": "gauss_markov", "doppler_hz": 10},
    "radio": {"snr_db": 0},
}


def given_scenario(given: Any) -> tuple[Scenario, Path]:
    """Return a scenario, and the folder that its paths are relative to.

    Its allocators do not matter here, and may be left out.

    Args:
        given: path of a YAML file or name of a shipped one, a mapping as such a file holds, a
            `Scenario`, or None for `DEFAULT`.

    Raises:
        InputError: whatever is wrong with it, or more than one controller.
    """
    if isinstance(given, Scenario):
        scenario, folder = given, Path()
    elif isinstance(given, str | Path):
        path = find_shipped(Path(given))
        scenario, folder = _validated(read_scenario(path), f"{path}: "), path.parent
    elif given is None or isinstance(given, Mapping):
        scenario, folder = (
            _validated(dict(DEFAULT if given is None else given), "scenario: "),
            Path(),
        )
    else:
        raise InputError(f"scenario: {shown(given)}, want a path, a mapping or a Scenario")
    if len(scenario.controllers) > 1:
        raise InputError(
            f"scenario: controllers: {len(scenario.controllers)}, and an agent serves one; want 1"
        )
    return scenario, folder


def _validated(data: dict[str, Any], where: str) -> Scenario:
    # A scenario has contestants; the agent is the only one here.
    data.setdefault("allocators", allocator_names()[:1])
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}{describe(error, data)}") from None
