"""A profile: the measured costs of a machine, and what lies between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
            InputError: not measured: the allocator, or the size is outside of what was, or there
                are no two sizes to go on along.
        """
        own = [cell for cell in self.cells if cell.key == key]
        if not own:
            known = sorted({str(cell.key) for cell in self.cells})
            raise InputError(
                f"profile {self.name}: holds no {key}; it holds {', '.join(known)} (cost_of: NAME "
                "charges the cost of another one; ttirace calibrate measures more)"
            )
        rows: dict[int, dict[int, Cell]] = {}
        for cell in own:
            rows.setdefault(cell.subbands, {})[cell.links] = cell
        able = [
            size
            for size, row in sorted(rows.items())
            if min(row) <= links <= max(row) or (extrapolate and len(row) > 1)
        ]
        inside = bool(able) and able[0] <= subbands <= able[-1]
        if not inside and not (extrapolate and len(able) > 1):
            way = (
                "one size leads to no other: calibrate at more"
                if extrapolate
                else "calibrate there, or write extrapolate: true"
            )
            raise InputError(
                f"profile {self.name}: {key} at K = {links}, S = {subbands} is outside of what was "
                f"measured: {_measured(rows)}; {way}"
            )
        sizes = _around(subbands, able)
        near = {size: _around(links, sorted(rows[size])) for size, _ in sizes}
        priced = any(rows[size][at].cost.per_work_ns for size in near for at, _ in near[size])

        def cost(cell: Cell) -> Cost:
            return _by_work(cell) if priced else cell.cost

        along = [
            mixed([cost(rows[size][at]) for at, _ in around], [weight for _, weight in around])
            for size, around in near.items()
        ]
        return mixed(along, [weight for _, weight in sizes])


def _by_work(cell: Cell) -> Cost:
    """Return a cell's cost with a price of work, to be mixed with others that have one.

    A price shows only where work varied enough, over enough calls. Where none shows, the median
    call is taken to be the price of the median of the work.
    """
    found, work = cell.cost, cell.facts.get("work_p50")
    if found.per_work_ns or not work:
        return found
    return replace(found, base_ns=0.0, per_work_ns=found.typical_ns / work)


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


def _measured(rows: Mapping[int, Mapping[int, Cell]]) -> str:
    """Return the measured sizes in words, those of subbands with the same K together."""
    same: dict[tuple[int, ...], list[int]] = {}
    for subbands, row in sorted(rows.items()):
        same.setdefault(tuple(sorted(row)), []).append(subbands)
    return "; ".join(
        f"K = {', '.join(map(str, links))} with S = {', '.join(map(str, subbands))}"
        for links, subbands in same.items()
    )
