"""What is solved for: a bisection for every combination of the other axes and every allocator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.study.axes import AxisValue, Cell
from sim.study.bisection import Bisection, Line
from sim.study.study import Combination, Row, Study
from sim.study.target import Target


@dataclass
class _Single:
    """One bisection, and what it waits for."""

    number: int
    values: tuple[AxisValue, ...]
    allocator: int
    label: str
    bisection: Bisection
    asked: dict[int | float, list[str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(value.cell for value in self.values)


class Search:
    """All bisections of a study, each going on as soon as what it asked for is there.

    Args:
        study: the study.
        line: where to search.
        target: for what.
        records: what each address came to; its owner adds to it.
    """

    def __init__(
        self, study: Study, line: Line, target: Target, records: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._study = study
        self._line = line
        self._target = target
        self._records = records
        self._resolved: dict[tuple[int, int | float], list[Row]] = {}
        self._waiting: defaultdict[str, list[_Single]] = defaultdict(list)
        self._all: list[_Single] = []
        for number, values in enumerate(study.combinations()):
            labels = {row.order[-1]: row.allocator for row in self._rows(number, values, line.near)}
            for at, label in labels.items():
                self._all.append(_Single(number, values, int(at), label, Bisection(line)))

    def start(self) -> list[Row]:
        """Return the rows that are wanted first."""
        return [row for single in self._all for row in self._ask(single)]

    def tell(self, address: str) -> list[Row]:
        """Take note that there is a record under an address; return the rows wanted next."""
        wanted = []
        for single in self._waiting.pop(address, ()):
            single.missing.discard(address)
            if not single.missing:
                for value, addresses in single.asked.items():
                    records = [self._records[known] for known in addresses]
                    single.bisection.tell(value, self._target.judge(records))
                wanted += self._ask(single)
        return wanted

    def answers(self) -> list[tuple[tuple[Cell, ...], dict[str, Any]]]:
        """Return what was found: cells of the other axes, and the columns of the answer."""
        fixed = {"axis": self._line.key.name, "find": self._line.find, "target": self._target.text}
        return [
            (
                single.cells,
                {"allocator": single.label, **fixed, **single.bisection.answer()},
            )
            for single in self._all
        ]

    def doubts(self) -> list[str]:
        """Return why some answers should not be trusted."""
        return [
            f"{', '.join(map(str, (*single.cells, single.label)))}: {doubt}"
            for single in self._all
            if (doubt := single.bisection.doubt()) is not None
        ]

    def _ask(self, single: _Single) -> list[Row]:
        single.asked = {}
        rows = []
        for value in single.bisection.ask():
            found = [
                row
                for row in self._rows(single.number, single.values, value)
                if row.order[-1] == single.allocator
            ]
            single.asked[value] = [row.address for row in found]
            single.missing.update(single.asked[value])
            rows += found
        for address in single.missing:
            self._waiting[address].append(single)
        return rows

    def _rows(self, number: int, values: tuple[AxisValue, ...], solved: int | float) -> list[Row]:
        if (number, solved) not in self._resolved:
            resolved = self._study.resolve(Combination(number, values, solved))
            self._resolved[number, solved] = self._study.rows(resolved)
        return self._resolved[number, solved]
