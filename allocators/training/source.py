"""Where a training gets its batches: drawn as it goes, or read from a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from allocators.training.dataset import Dataset
from allocators.training.mixture import Draw, Mixture
from allocators.training.samples import Samples, normalised
from sim.deadline.errors import check_range
from sim.seeding import stream

_POOL = 50
"""Batches that are kept to be visited again; part of what a seed means."""


class Source(Protocol):
    """Batches, one a step.

    Attributes:
        links: every K that comes up.
    """

    links: Sequence[int]

    def batches(self, first: int, size: int, labelled: bool) -> Iterator[Samples]:
        """Yield the batch of step ``first`` and all that follow, whatever came before.

        Args:
            first: step, from 0.
            size: instances a batch.
            labelled: whether WMMSE's answers are wanted.
        """

    def suites(self) -> list[tuple[str, Draw]]:
        """Return what to validate on, by name."""

    def describe(self) -> dict[str, Any]:
        """Return what the network's card says about the data."""


class DrawnSamples:
    """Draws from a mixture; each batch depends on the seed and its number alone.

    Labels and channels cost about as much as a training step, so each batch may be visited a few
    times, in another order, before it is gone for good.

    Args:
        mixture: what to draw from.
        reuse: visits of a batch.
        seed: master seed.
    """

    def __init__(self, mixture: Mixture, reuse: int, seed: int) -> None:
        check_range("reuse", reuse, 1)
        self.links = mixture.links
        self._mixture = mixture
        self._reuse = reuse
        self._seed = seed

    def batches(self, first: int, size: int, labelled: bool) -> Iterator[Samples]:
        """Yield batches without end."""
        if self._reuse == 1:
            while True:
                yield self._batch(first, size, labelled)
                first += 1
        pool, skip = divmod(first, _POOL * self._reuse)
        while True:
            drawn: dict[int, Samples] = {}
            visits = [
                number
                for visit in range(self._reuse)
                for number in stream(self._seed, "visits", pool, visit).permutation(_POOL)
            ]
            for number in visits[skip:]:
                if number not in drawn:
                    drawn[number] = self._batch(pool * _POOL + int(number), size, labelled)
                yield drawn[number]
            pool, skip = pool + 1, 0

    def suites(self) -> list[tuple[str, Draw]]:
        """Return those of the recipe."""
        return self._mixture.suites()

    def describe(self) -> dict[str, Any]:
        """Return the recipe."""
        recipe = self._mixture.recipe.model_dump(mode="json", exclude_defaults=True)
        return {"source": "drawn during training", "recipe": recipe, "reuse": self._reuse}

    def _batch(self, number: int, size: int, labelled: bool) -> Samples:
        samples = self._mixture.draw(stream(self._seed, "train", number), size)
        return samples.labelled() if labelled else samples


class StoredSamples:
    """Reads a data set shard by shard, in another order every time round.

    What a shard leaves over joins the next one's first batch; only a round's last batch may be
    smaller.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self.links: Sequence[int] = (dataset.settings.setting.links,)
        self._dataset = dataset
        self._seed = seed

    def batches(self, first: int, size: int, labelled: bool) -> Iterator[Samples]:
        """Yield batches without end; the labels are there anyway."""
        del labelled
        settings = self._dataset.settings
        batches_a_round = -(-settings.samples // size)
        number, skip = divmod(first, batches_a_round)
        while True:
            for at, batch in enumerate(self._round(number, size)):
                if at >= skip:
                    yield batch
            number, skip = number + 1, 0

    def suites(self) -> list[tuple[str, Draw]]:
        """Return fresh channels of the same setting."""
        setting = self._dataset.settings.setting
        return [(f"{setting.channel}_k{setting.links}", setting.samples)]

    def describe(self) -> dict[str, Any]:
        """Name the data set's settings; its place on this disk would mean nothing to others."""
        return {"source": "data set", "dataset": self._dataset.settings.to_json()}

    def _round(self, number: int, size: int) -> Iterator[Samples]:
        setting = self._dataset.settings.setting
        shards = stream(self._seed, "shards", number).permutation(self._dataset.settings.shards)
        rng = stream(self._seed, "batches", number)
        left: list[tuple[np.ndarray, ...]] = []
        for gain, power in self._dataset.shards(iter(shards.tolist())):
            order = rng.permutation(len(gain))
            first = 0
            while first < len(order):
                room = size - sum(len(part) for part, _ in left)
                rows = order[first : first + room]
                left.append((gain[rows], power[rows]))
                first += room
                if len(rows) == room:
                    yield _joined(left, setting.noise_w)
                    left = []
        if left:
            yield _joined(left, setting.noise_w)


def _joined(parts: list[tuple[np.ndarray, ...]], noise_w: float) -> Samples:
    gain, power = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Samples(normalised(gain, noise_w), np.ones(power.shape, np.float32), power)
