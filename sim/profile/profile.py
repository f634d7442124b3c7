"""A profile: the measured costs of a machine, and what lies between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.deadline import InputError
from sim.deadline.cost import Cost, mixed
from sim.profile.cell import Cell, CellKey


@dataclass(frozen=True)
class Profile:
    """What was measured on one machine.

    Attributes:
        name: what it is called in messages.
        header: machine, versions, conditions, warnings: JSON values.
        cells: one per allocator and size.
        release: how late the host starts a job, and the call itself: cost of a null allocator.
    """

    name: str
    header: Mapping[str, Any]
    cells: Sequence[Cell]
    release: Cost

    def cost(self, key: CellKey, links: int, subbands: int, extrapolate: bool = False) -> Cost:
        """Return what a call costs at a size, between measured sizes if need be.

        Times are powers of K and of S from one measured size to the next; among the K measured
        with one S, and then among the S.

        Args:
            key: whose calls.
            links: K.
            subbands: S.
            extrapolate: go on beyond the measured sizes along the outermost two.

        Raises:
            InputError: not measured: the allocator, or the size is outside of what was.
        """
        own = [cell for cell in self.cells if cell.key == key]
        if not own:
            known = sorted({str(cell.key) for cell in self.cells})
            raise InputError(
                f"profile {self.name}: holds no {key}; it holds {', '.join(known)} (cost_of: NAME "
                "charges the cost of another one; ttirace calibrate measures more)"
            )
        rows: dict[int, dict[int, Cost]] = {}
        for cell in own:
            rows.setdefault(cell.subbands, {})[cell.links] = cell.cost
        able = [
            size
            for size in sorted(rows)
            if extrapolate or min(rows[size]) <= links <= max(rows[size])
        ]
        if able and not extrapolate and not able[0] <= subbands <= able[-1]:
            able = []
        if not able:
            raise InputError(
                f"profile {self.name}: {key} at K = {links}, S = {subbands} is outside of what was "
                f"measured: {_measured(rows)}; calibrate there, or write extrapolate: true"
            )
        sizes = _around(subbands, able)
        along = {size: self._along(rows[size], links) for size, _ in sizes}
        return mixed([along[size] for size, _ in sizes], [weight for _, weight in sizes])

    @staticmethod
    def _along(row: Mapping[int, Cost], links: int) -> Cost:
        around = _around(links, sorted(row))
        return mixed([row[size] for size, _ in around], [weight for _, weight in around])


def _around(wanted: int, measured: Sequence[int]) -> list[tuple[int, float]]:
    """Return the measured sizes around one, with weights that are linear in the logarithm.

    Beyond either end the outermost two go on as they do: one weight is then above one.
    """
    if wanted in measured or len(measured) == 1:
        return [(wanted if wanted in measured else measured[0], 1.0)]
    above = next((i for i, size in enumerate(measured) if size > wanted), len(measured) - 1)
    low, high = measured[max(above, 1) - 1], measured[max(above, 1)]
    share = math.log(wanted / low) / math.log(high / low)
    return [(low, 1.0 - share), (high, share)]


def _measured(rows: Mapping[int, Mapping[int, Cost]]) -> str:
    """Return the measured sizes in words, those of subbands with the same K together."""
    same: dict[tuple[int, ...], list[int]] = {}
    for subbands, row in sorted(rows.items()):
        same.setdefault(tuple(sorted(row)), []).append(subbands)
    return "; ".join(
        f"K = {', '.join(map(str, links))} with S = {', '.join(map(str, subbands))}"
        for links, subbands in same.items()
    )
