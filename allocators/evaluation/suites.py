"""Suites: named lists of cells, a cell being a channel, a number of links and an SNR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from allocators.evaluation.channels import (
    MOST_LINKS,
    NAMED,
    EvaluationChannel,
    channel_named,
)
from sim.deadline.errors import InputError, did_you_mean
from sim.named import check_distinct, listed

_MOST_SNR_DB = 200.0
_ALL_LINKS = (5, 10, 20, 30, 50, 100)
_ALL_SNR_DB = (-5.0, 0.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """Where allocators are evaluated.

    Attributes:
        channel: the channel.
        links: K.
        snr_db: p_max over noise, at unit gain; None where the channel brings its own noise.

    Raises:
        InputError: K or the SNR is out of range, or the channel does not fit K.
    """

    channel: EvaluationChannel
    links: int
    snr_db: float | None

    def __post_init__(self) -> None:
        if not 1 <= self.links <= MOST_LINKS:
            raise InputError(f"links: {self.links}, want 1 to {MOST_LINKS}")
        if self.snr_db is not None and not abs(self.snr_db) <= _MOST_SNR_DB:
            raise InputError(
                f"snr_db: {self.snr_db}, want a number between -{_MOST_SNR_DB:g} and "
                f"{_MOST_SNR_DB:g}"
            )
        self.channel.check(self.links)

    def __str__(self) -> str:
        snr = "" if self.snr_db is None else f", {self.snr_db:g} dB"
        return f"{self.channel.name}, K = {self.links}{snr}"


@dataclass(frozen=True, slots=True)
class Block:
    """Cells that are the product of three axes."""

    channels: tuple[EvaluationChannel, ...]
    links: tuple[int, ...]
    snr_db: tuple[float, ...]

    def cells(self) -> list[Cell]:
        """Return the cells, channel by channel; without the SNR's axis where it is none."""
        return [
            Cell(channel, links, snr_db)
            for channel in self.channels
            for links, snr_db in product(self.links, self.snr_db if channel.has_snr else (None,))
        ]


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of cells.

    Attributes:
        name: its name.
        blocks: its cells.
        named: the channels that have a name in it.
    """

    name: str
    blocks: tuple[Block, ...]
    named: Mapping[str, EvaluationChannel]

    def cells(self) -> list[Cell]:
        """Return its cells, each once."""
        return list(dict.fromkeys(cell for block in self.blocks for cell in block.cells()))

    def narrowed(
        self,
        channels: Sequence[str] = (),
        links: Sequence[int] = (),
        snr_db: Sequence[float] = (),
    ) -> Suite:
        """Return the suite with the axes that are given put in the place of its own.

        A channel keeps the K and SNR that it has in the suite; one that is not in it gets all
        that the suite has.

        Raises:
            InputError: a channel is not known, or no channel takes the SNR that is given.
        """
        blocks = self.blocks
        if channels:
            every = Block((), self._axis("links"), self._axis("snr_db"))
            blocks = ()
            for channel in (channel_named(text, self.named) for text in channels):
                own = [block for block in self.blocks if channel in block.channels] or [every]
                blocks += tuple(replace(block, channels=(channel,)) for block in own)
        if links:
            blocks = tuple(replace(block, links=tuple(links)) for block in blocks)
        if snr_db:
            blocks = tuple(replace(block, snr_db=tuple(snr_db)) for block in blocks)
        for block in blocks:
            for channel in block.channels:
                if channel.has_snr and not block.snr_db:
                    raise InputError(
                        f"suite {self.name!r} has no SNR for {channel.name}; give --snr-db"
                    )
        taken = [channel for block in blocks for channel in block.channels]
        if snr_db and not any(channel.has_snr for channel in taken):
            names = ", ".join(dict.fromkeys(channel.name for channel in taken))
            raise InputError(f"--snr-db: {snr_db[0]:g}, but {names} brings its own noise")
        return replace(self, blocks=blocks)

    def _axis(self, name: str) -> tuple[int, ...]:
        return tuple(dict.fromkeys(v for block in self.blocks for v in getattr(block, name)))


def _suite(name: str, *blocks: tuple[str, Iterable[int], Iterable[float]]) -> Suite:
    return Suite(
        name,
        tuple(
            Block(tuple(channel_named(c) for c in channels.split()), tuple(links), tuple(snr_db))
            for channels, links, snr_db in blocks
        ),
        NAMED,
    )


SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        _suite(
            "default",
            ("rayleigh rice square_10 square_50 square_200 imac", _ALL_LINKS, _ALL_SNR_DB),
            ("munich", (5, 10), ()),
        ),
        _suite(
            "quick",
            ("rayleigh rice square_50", (10, 20), (0.0, 20.0)),
            ("munich", (10,), ()),
        ),
    )
}


def suite_named(text: str) -> Suite:
    """Return a suite by name, or from a file ``NAME.yaml``.

    Raises:
        InputError: no such suite, or the file is not one.
    """
    if text in SUITES:
        return SUITES[text]
    if text.endswith((".yaml", ".yml")):
        from allocators.evaluation.suite_file import read_suite

        return read_suite(Path(text))
    raise InputError(
        f"suite {text!r} is not known{did_you_mean(text, SUITES)} (or give a file, NAME.yaml)"
    )


def numbers(option: str, text: str) -> list[float]:
    """Return the numbers in ``10,20``.

    Raises:
        InputError: there are none, or one is not a number.
    """
    found = []
    for part in listed(option, text):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{option}: {part!r}, want numbers such as 10,20")
        found.append(value)
    check_distinct(option, [repr(value).removesuffix(".0") for value in found])
    return found


def whole_numbers(option: str, text: str) -> list[int]:
    """Return the whole numbers in ``10,20``; raises as `numbers`."""
    found = numbers(option, text)
    for value in found:
        if value != int(value):
            raise InputError(f"{option}: {value:g}, want whole numbers such as 10,20")
    return [int(value) for value in found]
