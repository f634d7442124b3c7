"""Bisection along one axis: the largest value, or the smallest, that meets a target.

Takes the target to be monotone along the axis: met up to some value and failed beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.deadline.errors import InputError, shown
from sim.scenario.keys import Key
from sim.study.axes import known, number, rounded, whole
from sim.study.models import SolveModel
from sim.study.target import Judged

Number = int | float

_TOLERANCE = 0.01  # of the value


@dataclass(frozen=True)
class Line:
    """The values that are searched.

    Attributes:
        key: which key of the scenario.
        low: the least value.
        high: the largest.
        step: between whole numbers; 0 where they are not whole.
        tolerance: how near the answer is to be: a length, or a share of the value.
        relative: which of the two.
        find: ``largest`` or ``smallest``.
    """

    key: Key
    low: Number
    high: Number
    step: int
    tolerance: float
    relative: bool
    find: str

    @property
    def near(self) -> Number:
        """The end where the target should be met, if it is met anywhere."""
        return self.low if self.find == "largest" else self.high

    @property
    def far(self) -> Number:
        """The other end."""
        return self.high if self.find == "largest" else self.low

    @property
    def most_values(self) -> int:
        """How many values a search asks for at most."""
        if self.step:
            return 2 + math.ceil(math.log2(max((self.high - self.low) // self.step, 1)))
        if self.relative:
            return 3 + max(math.ceil(math.log2(math.log(self.high / self.low) / self.tolerance)), 0)
        return 3 + max(math.ceil(math.log2((self.high - self.low) / self.tolerance)), 0)

    def between(self, met: Number, failed: Number) -> Number | None:
        """Return the value to ask next; None where the answer is near enough."""
        low, high = min(met, failed), max(met, failed)
        if self.step:
            steps = (int(high) - int(low)) // self.step
            return None if steps <= 1 else int(low) + self.step * (steps // 2)
        if high - low <= (self.tolerance * low if self.relative else self.tolerance):
            return None
        middle = math.sqrt(low * high) if self.relative else low + (high - low) / 2.0
        value = rounded(self.key, middle, integer=False)
        return value if low < value < high else None


def read_line(solve: SolveModel) -> Line:
    """Return the line of a study's ``solve``.

    Raises:
        InputError: its axis is none, or its bounds or tolerance are not numbers, or stand the
            wrong way round.
    """
    try:
        key = known(solve.axis)
        low, high = number(key, solve.start), number(key, solve.to)
    except InputError as error:
        raise InputError(f"solve: {solve.axis}: {error}") from None
    if low >= high:
        raise InputError(
            f"solve: from {shown(solve.start)} is not below to {shown(solve.to)}; want the smaller "
            "first, whatever is to be found"
        )
    if whole(key, low, high):
        if solve.tolerance is not None:
            raise InputError("solve: tolerance: whole numbers are found exactly; leave it out")
        step = solve.step or 1
        if (int(high) - int(low)) % step:
            raise InputError(f"solve: step {step} does not lead from {low} to {high}")
        return Line(key, low, high, step, 0.0, False, solve.find)
    if solve.step is not None:
        raise InputError("solve: step is of whole numbers; give a tolerance")
    tolerance, relative = _tolerance(key, solve.tolerance, low)
    return Line(key, low, high, 0, tolerance, relative, solve.find)


def _tolerance(key: Key, written: Any, low: Number) -> tuple[float, bool]:
    share: float | None = _TOLERANCE if written is None else None
    if isinstance(written, str) and written.strip().endswith("%"):
        try:
            share = float(Fraction(written.strip().removesuffix("%").strip()) / 100)
        except (ValueError, ZeroDivisionError):
            share = math.nan
    if share is not None:
        if not 1e-6 <= share < 1:
            raise InputError(f"solve: tolerance: want a share such as 1% (got {shown(written)})")
        if low <= 0:
            raise InputError(
                "solve: tolerance: a share of the value leads nowhere from zero; give a number"
            )
        return share, True
    try:
        tolerance = number(key, written)
    except InputError as error:
        raise InputError(f"solve: tolerance: {error}") from None
    if tolerance <= 0:
        raise InputError(f"solve: tolerance: must be above zero (got {shown(written)})")
    return float(tolerance), False


class Bisection:
    """One search, fed with how values did.

    Args:
        line: where to search.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._known: dict[Number, Judged] = {}
        self._met, self._failed = line.near, line.far

    def ask(self) -> list[Number]:
        """Return the values to judge next; none where the answer is known.

        Both ends first, then one value at a time.
        """
        line = self._line
        if not self._known:
            return [line.near, line.far]
        if not self._known[line.near].met or self._known[line.far].met:
            return []
        value = line.between(self._met, self._failed)
        return [] if value is None else [value]

    def tell(self, value: Number, judged: Judged) -> None:
        """Take how a value did."""
        self._known[value] = judged
        if judged.met and value != self._line.far:
            self._met = value
        elif not judged.met and value != self._line.near:
            self._failed = value

    def answer(self) -> dict[str, Any]:
        """Return what was found, as columns of ``targets.parquet``."""
        line, known = self._line, self._known
        found: dict[str, Any] = dict.fromkeys(
            ("answer", "metric_at_answer", "next", "metric_at_next", "nearest", "metric_at_nearest")
        )
        if all(judged.refused is not None for judged in known.values()):
            status = "refused"
        elif known[line.far].met:
            status = "everywhere"
            found |= {"answer": float(line.far), "metric_at_answer": known[line.far].metric}
        elif not known[line.near].met:
            status = "unmet"
            nearest = min(known, key=lambda value: (known[value].excess, value != line.near))
            found |= {"nearest": float(nearest), "metric_at_nearest": known[nearest].metric}
        else:
            status = "met"
            found |= {
                "answer": float(self._met),
                "metric_at_answer": known[self._met].metric,
                "next": float(self._failed),
                "metric_at_next": known[self._failed].metric,
            }
        return {"status": status, **found, "evaluations": len(known)}

    def doubt(self) -> str | None:
        """Return why the answer should not be trusted, if so."""
        line, known = self._line, self._known
        if known[line.far].met and not known[line.near].met:
            return (
                f"the target is met at {line.far} and not at {line.near}: is it to find the "
                f"{'smallest' if line.find == 'largest' else 'largest'}?"
            )
        near, far = known[line.near], known[line.far]
        if near.refused is not None and far.refused is None:
            return (
                f"nothing was searched, as {line.near} cannot be had: {near.refused}; begin at a "
                "value that can"
            )
        if near.refused is None and math.isinf(near.excess):
            return (
                f"a figure of the target is missing at {line.near}: too few jobs carry such a "
                "percentile; want more slots"
            )
        return None
