"""Where a training gets its samples: drawn as it goes, or read from a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from allocators.dnn.network import Float32Array
from allocators.training.dataset import Dataset
from allocators.training.samples import Setting, label, link_order, reorder
from sim.seeding import stream


class Source(Protocol):
    """Samples for one epoch after another.

    Attributes:
        samples: how many an epoch has.
    """

    samples: int

    def chunks(self, epoch: int) -> Iterator[tuple[Float32Array, ...]]:
        """Yield ``(gain, power)``, links in order, in pieces; the same for the same epoch."""

    def describe(self) -> dict[str, Any]:
        """Return what the network's card says about the data."""


class FreshSamples:
    """Draws new channels every ``renew`` epochs, so that there is nothing to overfit to.

    Labels cost about as much as a training step, so each draw is visited a few times.
    """

    def __init__(self, setting: Setting, samples: int, renew: int, seed: int) -> None:
        self.samples = samples
        self._setting = setting
        self._renew = renew
        self._seed = seed
        self._drawn: tuple[int, tuple[Float32Array, ...]] = (-1, ())

    def chunks(self, epoch: int) -> Iterator[tuple[Float32Array, ...]]:
        """Yield the epoch's samples as one piece."""
        draw = epoch // self._renew
        if self._drawn[0] != draw:
            rng = stream(self._seed, "train", draw)
            gain = self._setting.draw(rng, self.samples)
            gain = reorder(gain, link_order(gain))
            self._drawn = (draw, (gain, label(self._setting, gain)))
        yield self._drawn[1]

    def describe(self) -> dict[str, Any]:
        """Say that the data was drawn on the fly."""
        return {"source": "drawn during training"}


class StoredSamples:
    """Reads a data set shard by shard, in another order every epoch."""

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self.samples = dataset.settings.samples
        self._dataset = dataset
        self._seed = seed

    def chunks(self, epoch: int) -> Iterator[tuple[Float32Array, ...]]:
        """Yield shard after shard."""
        order = stream(self._seed, "shards", epoch).permutation(self._dataset.settings.shards)
        for gain, power in self._dataset.shards(iter(order.tolist())):
            links = link_order(gain)
            yield reorder(gain, links), np.take_along_axis(power, links, axis=1)

    def describe(self) -> dict[str, Any]:
        """Name the data set's settings; its place on this disk would mean nothing to others."""
        return {"source": "data set", "dataset": self._dataset.settings.to_json()}
