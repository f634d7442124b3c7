"""Channels drawn from a recipe: every batch has one K and comes from one entry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.training.law import channel_model, resized, size_key, start_channel
from allocators.training.recipe import Entry, Recipe, resolved
from allocators.training.samples import Samples, normalised
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import Float32Array
from sim.problem import FloatArray

if TYPE_CHECKING:
    from sim.scenario.models import Scenario

#: Draws so many samples.
Draw = Callable[[np.random.Generator, int], Samples]

_MOST_TRACE_VALUES = 1 << 28  # of a trace in memory: 1 GB, or 2 GB where its SNR is yet to come


class Mixture:
    """Entries of a recipe, drawn as often as their shares say.

    Args:
        recipe: the recipe.
        folder: what its paths are relative to.
        links: the only K to draw; none: all that the entries have.

    Attributes:
        recipe: the recipe.
        links: every K that comes up.

    Raises:
        InputError: a file that cannot be read, or no entry has that many links.
    """

    def __init__(self, recipe: Recipe, folder: Path, links: int | None = None) -> None:
        self.recipe = recipe
        kinds = [_kind(entry, folder) for entry in recipe.mixture]
        known = sorted({k for kind in kinds for k in kind.links})
        self._kinds = [kind for kind in kinds if links is None or links in kind.links]
        if not self._kinds:
            raise InputError(f"recipe: no entry has {links} links (there are {known})")
        self._folder = folder
        self.links: Sequence[int] = known if links is None else [links]
        self._only = links
        shares = np.array([kind.entry.share for kind in self._kinds])
        self._probability = shares / shares.sum()

    def draw(self, rng: np.random.Generator, samples: int) -> Samples:
        """Draw a batch."""
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._probability))]
        sizes = [k for k in kind.links if k in self.links]
        return kind.draw(sizes[int(rng.integers(len(sizes)))], rng, samples)

    def suites(self) -> list[tuple[str, Draw]]:
        """Return what to validate on: a name, and what draws its samples.

        A network for any K may be validated beyond those that it is trained on. Where the recipe's
        validation has none of the one K to draw, it is the mixture itself.
        """
        kinds = [_kind(entry, self._folder) for entry in self.recipe.validation]
        if not any(self._only in (None, links) for kind in kinds for links in kind.links):
            kinds = self._kinds
        suites: dict[str, Draw] = {}
        for kind in kinds:
            for links in (k for k in kind.links if self._only in (None, k)):
                name = f"{kind.entry.title}_k{links}"
                while name in suites:
                    name = f"{name}+"
                suites[name] = partial(kind.draw, links)
        return list(suites.items())


class _Kind(ABC):
    """An entry, ready to be drawn from; ``links`` are its K."""

    entry: Entry
    links: Sequence[int]

    def draw(self, links: int, rng: np.random.Generator, samples: int) -> Samples:
        """Draw instances of K links."""
        gain, weight = self._draw(links, rng, samples)
        snr_db = np.zeros((samples, 1))
        if self.entry.snr_db is not None:
            snr_db = rng.uniform(self.entry.snr_db[0], self.entry.snr_db[-1], (samples, 1))
        if self.entry.weight_spread:
            spread = self.entry.weight_spread * rng.standard_normal(weight.shape)
            weight = weight * np.exp(spread - 0.5 * self.entry.weight_spread**2)
        return Samples(normalised(gain, 10.0 ** (-snr_db / 10.0)), weight.astype(np.float32))

    @abstractmethod
    def _draw(
        self, links: int, rng: np.random.Generator, samples: int
    ) -> tuple[FloatArray | Float32Array, FloatArray]:
        """Return gains, normalised unless the entry has an SNR, and weights."""


class _Law(_Kind):
    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.links = entry.links or ()

    def _draw(
        self, links: int, rng: np.random.Generator, samples: int
    ) -> tuple[FloatArray, FloatArray]:
        model = channel_model(resolved(self.entry.channel, rng.random), links)
        return start_channel(model, rng).block(samples)[:, 0], np.ones((samples, links))


class _ScenarioLaw(_Kind):
    """The law of a scenario, every slot an independent drop, with its own noise and caps."""

    def __init__(self, entry: Entry, scenario: Scenario) -> None:
        self.entry = entry
        channel: Any = scenario.channel
        self._channel = channel
        self._radio = scenario.radio
        self._subbands = channel.subbands
        self.links = entry.links or [getattr(channel, size_key(channel))]
        for links in self.links:
            self._model(links)
            self._radio.arrays(links, self._subbands)

    def _model(self, links: int) -> Any:
        still = {"evolution": "iid", "doppler_hz": None, "speed_m_s": None}
        return resized(self._channel, links, **still)

    def _draw(
        self, links: int, rng: np.random.Generator, samples: int
    ) -> tuple[FloatArray | Float32Array, FloatArray]:
        gain = start_channel(self._model(links), rng).block(samples)[:, 0]
        noise_w, p_max_w, weight = self._radio.arrays(links, self._subbands)
        weights = np.tile(weight, (samples, 1))
        if self.entry.snr_db is not None:
            return gain, weights
        return normalised(gain, noise_w[0], p_max_w[0]), weights


class _Trace(_Kind):
    """A recording: slots and subbands at random, and of more links than asked a random part."""

    def __init__(self, entry: Entry, path: Path, scenario: Scenario | None) -> None:
        from sim.channel.trace_file import TraceFile

        self.entry = entry
        with TraceFile(path) as file:
            size = file.slots * file.subbands * file.links**2
            if size > _MOST_TRACE_VALUES:
                raise InputError(f"{path}: {size} gains are too many to sample from")
            self.links = entry.links or [file.links]
            if max(self.links) > file.links:
                raise InputError(f"{path}: has {file.links} links, fewer than {max(self.links)}")
            self._weight = np.ones(file.links)
            pieces: Iterator[FloatArray | Float32Array] = file.pieces()
            kind: type[np.floating[Any]] = np.float64
            if scenario is not None:
                radio = scenario.radio.arrays(file.links, file.subbands, file)
                noise_w, p_max_w, self._weight = radio
                if entry.snr_db is None:
                    pieces = (normalised(piece, noise_w, p_max_w) for piece in file.pieces())
                    kind = np.float32
            # (slots x subbands, K, K), filled piece by piece: never twice in memory
            self._gain = np.empty((file.slots * file.subbands, file.links, file.links), kind)
            first = 0
            for piece in pieces:
                part = piece.reshape(-1, file.links, file.links)
                self._gain[first : first + len(part)] = part
                first += len(part)

    def _draw(
        self, links: int, rng: np.random.Generator, samples: int
    ) -> tuple[FloatArray | Float32Array, FloatArray]:
        rows = rng.integers(len(self._gain), size=samples)
        every = np.tile(np.arange(len(self._weight)), (samples, 1))
        pairs = rng.permuted(every, axis=1)[:, :links]
        gain = self._gain[rows[:, None, None], pairs[:, :, None], pairs[:, None, :]]
        return gain, self._weight[pairs]


def _kind(entry: Entry, folder: Path) -> _Kind:
    from sim.scenario.load import load_scenario

    if entry.scenario is None:
        return _Law(entry) if entry.trace is None else _Trace(entry, folder / entry.trace, None)
    path = folder / entry.scenario
    scenario = load_scenario(path)
    if scenario.channel.model == "trace":
        return _Trace(entry, path.parent / scenario.channel.path, scenario)
    return _ScenarioLaw(entry, scenario)
