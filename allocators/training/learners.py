"""The architectures that can be trained, by name; a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from allocators.training.learner import Learner
from sim.deadline.errors import InputError, did_you_mean

#: Name -> the class, which is called with the generator of its first weights and its config.
LEARNERS = {
    "dnn": "allocators.training.dnn:DNNLearner",
    "unfolded": "allocators.training.unfolded:UnfoldedLearner",
}


def make_learner(architecture: str, rng: np.random.Generator, config: Mapping[str, Any]) -> Learner:
    """Return a new network.

    Args:
        architecture: its name.
        rng: where its first weights are drawn from.
        config: what its class takes besides.

    Raises:
        InputError: an unknown architecture, or a value that its class refuses.
    """
    if architecture not in LEARNERS:
        raise InputError(f"architecture: {architecture!r}{did_you_mean(architecture, LEARNERS)}")
    module, _, name = LEARNERS[architecture].partition(":")
    learner: Learner = getattr(import_module(module), name)(rng, **config)
    return learner
