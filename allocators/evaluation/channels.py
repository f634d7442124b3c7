"""Named channels to be evaluated on, and the instances drawn from them.

Of a law, every instance is an independent draw of everything; its channels depend on the seed, the
channel's name and K alone, so that all SNRs and all allocators meet the same ones. Of a recording,
every pair of a slot and a subband is an instance, and as many as asked are taken evenly.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from allocators.training.law import channel_model, law, start_channel
from sim.channel.base import Channel
from sim.compare import TURN
from sim.deadline.errors import InputError, did_you_mean
from sim.problem import PowerControlProblem
from sim.scenario.shipped import SHIPPED
from sim.seeding import stream

MOST_LINKS = 2000
_TURN_BYTES = 64 << 20  # of gains: turns become shorter beyond K = 180
_SQUARE = re.compile(r"square_(\d+(?:\.\d+)?)")
_BEST_CELLS = 5


class UnavailableError(Exception):
    """A channel cannot be had here, or not for so many links; the message says why."""


@dataclass(frozen=True)
class EvaluationChannel(ABC):
    """Where instances come from.

    Attributes:
        name: under which it is evaluated.
        has_snr: whether the SNR is an axis; else the channel brings its own noise.
        independent: whether instances are independent, so that means have a standard error.
    """

    name: str
    has_snr: ClassVar[bool] = True
    independent: ClassVar[bool] = True

    @abstractmethod
    def check(self, links: int) -> None:
        """Raise InputError if it cannot be described for so many links."""

    @abstractmethod
    def turns(
        self, links: int, snr_db: float | None, channels: int, seed: int
    ) -> Iterator[list[PowerControlProblem]]:
        """Yield instances of one subband each, in turns of at most 256.

        Args:
            links: K.
            snr_db: p_max over noise, at unit gain; None if and only if SNR is no axis.
            channels: number of instances; a recording may have fewer.
            seed: master seed.

        Raises:
            UnavailableError: there are no such instances.
            InputError: it is wrongly described.
        """


@dataclass(frozen=True)
class Law(EvaluationChannel):
    """Independent draws from a law, with caps of 1 W.

    Attributes:
        text: the law as in a scenario (see `channel_model`); None is the interfering multiple
            access channel, whose number of cells follows from K.
    """

    text: str | None

    def check(self, links: int) -> None:
        """See `EvaluationChannel`."""
        self._start(links, np.random.default_rng(0))

    def turns(
        self, links: int, snr_db: float | None, channels: int, seed: int
    ) -> Iterator[list[PowerControlProblem]]:
        """See `EvaluationChannel`."""
        assert snr_db is not None
        noise_w = 10.0 ** (-snr_db / 10.0)
        channel = self._start(links, stream(seed, f"evaluation.channel.{self.name}", links))
        turn = min(TURN, max(1, _TURN_BYTES // (8 * links**2)))
        for first in range(0, channels, turn):
            block = channel.block(min(turn, channels - first))
            yield [PowerControlProblem(gain, noise_w, 1.0) for gain in block]

    def _start(self, links: int, rng: np.random.Generator) -> Channel:
        text = self.text
        if text is None:
            text = f"{{imac: {{cells: {imac_cells(links)}, users: {links}}}}}"
        try:
            return start_channel(channel_model(law(text), links), rng)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None


def square(side_m: str) -> Law:
    """Return terminals uniform in a square: gain = |h|^2 / max(d, 1 m)^2, h ~ CN(0, 1)."""
    text = f"{{geometric: {{side: {side_m} m, path_loss_exponent: 2, reference_gain: 1}}}}"
    return Law(f"square_{side_m}", text)


@dataclass(frozen=True)
class Recording(EvaluationChannel):
    """Instances from a scenario's trace, with the scenario's noise, caps and weights.

    Where K is less than the trace's, every instance has a random subset of the pairs.

    Attributes:
        scenario: its file; the channel must be a trace.
    """

    has_snr: ClassVar[bool] = False
    independent: ClassVar[bool] = False  # neighbouring slots are much alike
    scenario: Path

    def check(self, links: int) -> None:
        """See `EvaluationChannel`; how many links there are shows when it is opened."""

    def turns(
        self, links: int, snr_db: float | None, channels: int, seed: int
    ) -> Iterator[list[PowerControlProblem]]:
        """See `EvaluationChannel`."""
        assert snr_db is None
        from sim.channel.trace_file import TraceFile
        from sim.scenario import load_scenario

        scenario = load_scenario(self.scenario)
        assert scenario.channel.model == "trace"
        with TraceFile(self.scenario.parent / scenario.channel.path) as file:
            if links > file.links:
                raise UnavailableError(f"{self.name}: {links} links, but it has {file.links} pairs")
            noise_w, p_max_w, weight = scenario.radio.arrays(file.links, file.subbands, file)
            places = deque(evenly(file.slots, file.subbands, channels))
            rng = stream(seed, f"evaluation.channel.{self.name}", links)
            turn: list[PowerControlProblem] = []
            first = 0
            for piece in file.pieces():
                while places and places[0][0] < first + len(piece):
                    slot, s = places.popleft()
                    pairs = np.sort(rng.permutation(file.links)[:links])
                    gain = piece[slot - first, s][np.ix_(pairs, pairs)]
                    turn.append(
                        PowerControlProblem(
                            gain, noise_w[s, pairs], p_max_w[s, pairs], weight[pairs]
                        )
                    )
                    if len(turn) == TURN or not places:
                        yield turn
                        turn = []
                first += len(piece)


def evenly(slots: int, subbands: int, channels: int) -> list[tuple[int, int]]:
    """Return (slot, subband) pairs, as many as asked if there are so many, in order of slots.

    Each subband has as many as the others, give or take one, spread evenly over the slots.
    """
    total = slots * subbands
    count = min(channels, total)
    places = (divmod(i * total // count, slots) for i in range(count))
    return sorted((slot, subband) for subband, slot in places)


def imac_cells(links: int) -> int:
    """Return how many cells share K users evenly: what is nearest to 5, but not one for all."""
    divisors = [n for n in range(min(2, links), links + 1) if links % n == 0]
    return min(divisors, key=lambda n: abs(n - _BEST_CELLS))


#: The laws and recordings that have a name; ``square_S`` is one for every S.
NAMED: Mapping[str, EvaluationChannel] = {
    channel.name: channel
    for channel in (
        Law("rayleigh", "rayleigh"),
        Law("rice", "{rician: {k_factor: 1}}"),
        *(square(side) for side in ("10", "50", "200")),
        Law("imac", None),
        Recording("munich", SHIPPED / "munich.yaml"),
    )
}


def channel_named(text: str, more: Mapping[str, EvaluationChannel] = NAMED) -> EvaluationChannel:
    """Return a channel by name, or by a law as in a scenario, such as ``{rician: {...}}``.

    Args:
        text: its name or law.
        more: the channels that have a name here.

    Raises:
        InputError: no such channel.
    """
    if text in more:
        return more[text]
    if text.startswith("{"):
        return Law(text, text)
    if found := _SQUARE.fullmatch(text):
        return square(found[1])
    if text.startswith("square_"):
        raise InputError(f"channel: {text!r}: want square_S, S the side in m, as in square_50")
    raise InputError(f"channel: {text!r} is not known{did_you_mean(text, more)}")
