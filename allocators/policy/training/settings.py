"""What the training of a policy can be told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allocators.policy.network import KINDS
from allocators.policy.network import MOST as MOST_IN_A_FILE
from allocators.training.settings import MOST_THREADS
from sim.deadline.errors import InputError, check_range, did_you_mean

_MOST = 1_000_000  # of anything that is counted
_LARGEST = 1e30  # of a step or a norm: single precision holds it, and all that comes of it


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a policy is trained or evaluated: links, and p_max over noise at unit gain.

    Attributes:
        links: K.
        snr_db: the ratio, in dB.

    Raises:
        InputError: one is beyond what a scenario can have.
    """

    links: int
    snr_db: float

    def __post_init__(self) -> None:
        if not 1 <= self.links <= 2000:
            raise InputError(f"links: {self.links}, want 1 to 2000")
        if not -100.0 <= self.snr_db <= 200.0:
            raise InputError(f"snr_db: {self.snr_db:g}, want -100 to 200")

    def __str__(self) -> str:
        return f"k{self.links}@{self.snr_db:g}"

    def scenario(self, doppler_hz: float | None) -> Mapping[str, Any]:
        """Return a scenario of Rayleigh fading in slots of a millisecond.

        Args:
            doppler_hz: of Gauss-Markov fading; none: every slot anew.

        Raises:
            InputError: it is no frequency.
        """
        if doppler_hz is not None and not 0.0 <= doppler_hz <= _LARGEST:
            raise InputError(f"doppler_hz: {doppler_hz:g}, want 0 to {_LARGEST:g}")
        moving = {} if doppler_hz is None else {
            "evolution": "gauss_markov", "doppler_hz": doppler_hz,
        }  # fmt: skip
        return {
            "slots": 1000,
            "channel": {"model": "rayleigh", "links": self.links, **moving},
            "radio": {"snr_db": self.snr_db},
        }


def check_once(name: str, values: Sequence[float]) -> None:
    """Refuse a value that stands twice.

    Raises:
        InputError: one does.
    """
    for number, value in enumerate(values):
        if value in values[:number]:
            raise InputError(f"{name}: {value:g} stands twice; keep one")


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Settings of a training; with one thread, they determine the weights.

    Attributes:
        kind: of the policy, see `allocators.policy.network`.
        hidden: width of its layers.
        links: every K to train on.
        snr_db: every SNR, with each K.
        doppler_hz: of the fading; none: every slot anew.
        updates: of the policy; the learning rate falls to zero over them.
        episodes: channels of each K and SNR in an update.
        copies: how often each is played, each with actions of its own (central).
        episode_slots: steps of an episode.
        neighbours: whom an agent knows of (local).
        gamma: what the reward of the next slot counts beside that of this one.
        trace: lambda of generalised advantage estimation (local).
        gains_first: share of the updates in which agents see gains alone, and nothing that depends
            on powers (local). So they agree on who sends by what all of them know; those who see
            from the start who sends now leave it at that, even where another has become better.
        epochs: visits of each sample in an update.
        minibatches: gradient steps in an epoch.
        ratio_clip: how far the probability of an action may move in an update.
        entropy: weight of the policy's entropy, falling to zero over the updates.
        learning_rate: at its highest.
        clip: largest norm of the gradient; longer ones are shortened to it.
        interval: updates from one validation and checkpoint to the next.
        validation: episodes of each K and SNR in a validation.
        seed: master seed.
        threads: torch's threads; the order of sums, and so the last bits, depend on it.

    Raises:
        InputError: a value out of its range.
    """

    kind: str = "central"
    hidden: int = 32
    links: tuple[int, ...] = (5, 10)
    snr_db: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0, 20.0)
    doppler_hz: float | None = None
    updates: int = 1200
    episodes: int = 4
    copies: int = 8
    episode_slots: int = 64
    neighbours: int = 9
    gamma: float = 0.0
    trace: float = 0.95
    gains_first: float = 0.6
    epochs: int = 1
    minibatches: int = 4
    ratio_clip: float = 0.2
    entropy: float = 0.001
    learning_rate: float = 3e-3
    clip: float = 1.0
    interval: int = 40
    validation: int = 50
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind: {self.kind!r}{did_you_mean(self.kind, KINDS)}")
        whole = ("hidden", "updates", "episodes", "episode_slots", "neighbours", "epochs",
                 "minibatches", "interval", "validation", "threads")  # fmt: skip
        most = {"hidden": MOST_IN_A_FILE, "neighbours": MOST_IN_A_FILE, "threads": MOST_THREADS}
        for name in whole:
            check_range(name, getattr(self, name), 1, most.get(name, _MOST))
        check_range("seed", self.seed, 0)
        if not self.links or not self.snr_db:
            raise InputError("links, snr_db: want at least one of each")
        check_once("links", self.links)
        check_once("snr_db", self.snr_db)
        for cell in self.cells:
            cell.scenario(self.doppler_hz)
        check_range("copies", self.copies, 2 if self.kind == "central" else 1, _MOST)
        samples = len(self.snr_db) * self.episodes * self.episode_slots
        samples *= max(self.links) if self.kind == "local" else 1
        if self.minibatches > samples:
            raise InputError(
                f"minibatches: {self.minibatches}, but an update has {samples} samples; want as "
                "many or fewer"
            )
        for name in ("gamma", "trace", "gains_first"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name}: {getattr(self, name)}, want 0 to 1")
        for name in ("learning_rate", "clip", "ratio_clip"):
            value = getattr(self, name)
            if not 0.0 < value <= _LARGEST:
                raise InputError(f"{name}: {value}, want a positive number, at most {_LARGEST:g}")
        if not 0.0 <= self.entropy <= _LARGEST:
            raise InputError(f"entropy: {self.entropy}, want 0 or more")

    @property
    def cells(self) -> list[Cell]:
        """Every K with every SNR, K by K."""
        return [Cell(links, snr_db) for links in self.links for snr_db in self.snr_db]

    @property
    def steps_per_update(self) -> int:
        """Steps of an environment, all together, in an update."""
        copies = self.copies if self.kind == "central" else 1
        return len(self.cells) * self.episodes * copies * self.episode_slots

    def sees_powers(self, update: int) -> bool:
        """Return whether agents see in an update, from 0, what depends on powers."""
        return update >= self.gains_first * self.updates

    def learning_rate_at(self, update: int) -> float:
        """Return the learning rate: half a cosine to zero.

        Args:
            update: from 0.
        """
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * update / self.updates))
