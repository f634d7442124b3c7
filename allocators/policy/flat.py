"""Policies that others trained on the environment: its observation in, its action out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from allocators.policy.actor import Actor
from sim.deadline.errors import InputError
from sim.observation import PARTS, Float32Array, Layout
from sim.power_scale import PowerScale, set_powers
from sim.problem import FloatArray, PowerControlProblem

_NOW = np.zeros(1, np.int64)  # every problem is the first slot of a window of one
_ONE = np.ones(1, np.bool_)


@dataclass(frozen=True)
class Forward:
    """A network from observations to actions.

    Attributes:
        run: from a flat observation to an action, single precision both; what lies beyond -1..1
            is cut.
        inputs: how many values it takes; None: any.
        outputs: how many it returns; None: that shows when it runs.
    """

    run: Callable[[Float32Array], Float32Array]
    inputs: int | None
    outputs: int | None


class FlatActor(Actor):
    """A policy that sees what `sim.env.PowerControlEnv` shows, and acts as is acted there.

    The powers in force that it sees are its own last answer, at first p_max. There are no late
    answers to be seen here: the CSI behind the powers in force is as old as it must be, and there
    is no backlog.

    Args:
        name: of the policy, for messages.
        forward: the network.
        observe: the parts of its observation.
        scale: what its actions mean.

    Raises:
        InputError: a part of an observation that there is not.
    """

    def __init__(
        self, name: str, forward: Forward, observe: Iterable[str], scale: PowerScale
    ) -> None:
        self._name, self._forward, self._scale = name, forward, scale
        self._observe = tuple(observe)
        one = np.ones((1, 1))
        self._layout = Layout.of(self._observe, one, one)
        self._made_for: tuple[FloatArray, FloatArray] = (one, one)
        self._last_w: FloatArray | None = None

    def start(self, links: int, subbands: int) -> None:
        """See `Actor`."""
        self._last_w = None
        powers = subbands * links
        values = sum(PARTS[part](subbands, links) for part in self._observe)
        forward = self._forward
        size = f"{links} links" + (f" on {subbands} subbands" if subbands > 1 else "")
        if forward.outputs not in (None, powers):
            raise InputError(
                f"policy: model: {self._name} sets {forward.outputs} powers, but there are {powers}"
                f" ({size}): it was trained for another K"
            )
        if forward.inputs not in (None, values):
            raise InputError(
                f"policy: model: {self._name} sees {forward.inputs} values, but {size} are seen as "
                f"{values} ({', '.join(self._observe)}): want it trained for this K, and as "
                "observe what it was trained with"
            )
        found = self._run(np.zeros(values, np.float32))
        if found.size != powers:
            raise InputError(
                f"policy: model: {self._name} returns {found.size} values, want {powers}, a power "
                f"for each of {size}"
            )
        if not np.isfinite(found).all():
            raise InputError(f"policy: model: {self._name} returns a value that is not finite")

    def act(self, problem: PowerControlProblem, power_w: FloatArray) -> None:
        """See `Actor`."""
        noise_w, p_max_w = problem.noise_w, problem.p_max_w
        made_for = self._made_for
        if not (np.array_equal(made_for[0], noise_w) and np.array_equal(made_for[1], p_max_w)):
            self._made_for = noise_w.copy(), p_max_w.copy()
            self._layout = Layout.of(self._observe, *self._made_for)
        last_w, age = (p_max_w, -1) if self._last_w is None else (self._last_w, 1)
        seen = self._layout.observe(
            problem.gain[None, None], _NOW, last_w[None], np.array([age]), _NOW, 1
        )
        action = np.clip(self._run(seen[0]).reshape(1, -1), -1.0, 1.0).astype(np.float64)
        set_powers(_ONE, action, p_max_w, self._scale.range_db, power_w[None])
        self._last_w = power_w.copy()

    def _run(self, seen: Float32Array) -> Float32Array:
        try:
            return self._forward.run(seen)
        except ValueError as error:  # a network of layers that do not fit each other, or the input
            raise InputError(f"policy: model: {self._name} does not run: {error}") from error
