"""One measured cell: an allocator, a size, what its calls cost, and what is published about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.deadline import InputError
from sim.deadline.cost import Cost
from sim.registry import full_parameters


class CellKey(NamedTuple):
    """Whose calls: an allocator with all its parameters, as canonical JSON."""

    allocator: str
    parameters: str

    @classmethod
    def of(cls, allocator: str, parameters: Mapping[str, Any]) -> CellKey:
        """Return the key of an allocator: ``wmmse`` and ``wmmse: {restarts: 0}`` are the same.

        Raises:
            InputError: no such allocator.
        """
        whole = full_parameters(allocator, parameters)
        return cls(allocator, json.dumps(whole, sort_keys=True, default=str))

    def __str__(self) -> str:
        try:
            defaults = full_parameters(self.allocator, {})
        except InputError:  # of a plug-in that is not loaded here
            defaults = {}
        given = {
            key: value
            for key, value in json.loads(self.parameters).items()
            if key not in defaults or value != defaults[key]
        }
        return ":".join([self.allocator, *(f"{key}={value}" for key, value in given.items())])


@dataclass(frozen=True)
class Cell:
    """What the calls of one allocator cost at one size.

    Attributes:
        key: whose calls.
        links: K.
        subbands: S of one call.
        cost: base, price of a unit of work, jitter; the call itself is not in it.
        samples: how many calls were timed.
        facts: what else is published: percentiles of the calls, the same instance over and over,
            calls back to back, processor time over wall time, drift between its eighths.
    """

    key: CellKey
    links: int
    subbands: int
    cost: Cost
    samples: int
    facts: Mapping[str, float | None] = field(default_factory=dict)
