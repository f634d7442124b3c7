"""A trained policy as an allocator: load once, then observe and act."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from allocators.policy.actor import Actor
from allocators.policy.network import ARCHITECTURE, Network, load
from allocators.policy.own import actor_of
from allocators.shipped import weights_file
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import InputError
from sim.deadline.reading import check_regular
from sim.deadline.solver import Solver
from sim.power_scale import PowerScale
from sim.problem import Allocation, PowerControlProblem

_FOREIGN = (".zip", ".onnx")


class Policy(Solver[PowerControlProblem, Allocation]):
    """A policy trained by reinforcement learning on `sim.env`, run as it is run there.

    It sees what the environment shows, its own last answer for the powers in force, and its actions
    mean what they mean there. Every problem is taken for the next slot; `prepare` begins anew. The
    weights of links are not among what it sees.

    Args:
        model: a shipped policy (``policy_central``, ``policy_local``), or a path: ours
            (``.safetensors``), one of Stable-Baselines3 (``.zip``: PPO, A2C, SAC, TD3, DDPG with
            MlpPolicy; needs torch), or ``.onnx`` (needs the extra ``onnx``).
        observe: of ``.zip`` and ``.onnx``: the parts of the observation that it was trained with;
            the environment's own if not given. Files of ours say it themselves.
        power_scale: likewise.
        min_power_db: likewise.

    Raises:
        InputError: no such policy, a file that is not one, or one for another K.
    """

    def __init__(
        self,
        model: str = "policy_central",
        observe: list[str] | None = None,
        power_scale: str | None = None,
        min_power_db: float | None = None,
    ) -> None:
        self._model = model
        self._actor: Actor | None = None
        self._size = (0, 0)
        given = {"observe": observe, "power_scale": power_scale, "min_power_db": min_power_db}
        # What is wrong should not wait for `prepare`.
        if Path(model).suffix in _FOREIGN:
            check_regular(Path(model), "model")
            if not Path(model).is_file():
                problem = "not a file" if Path(model).exists() else "no such file"
                raise InputError(f"model: {problem}: {model}")
            self._observe = ["gains", "power"] if observe is None else observe
            self._scale = PowerScale.of(
                "linear" if power_scale is None else power_scale,
                -30.0 if min_power_db is None else min_power_db,
            )
            return
        weights_file(model, ARCHITECTURE, (".safetensors", *_FOREIGN))
        for key, value in given.items():
            if value is not None:
                raise InputError(
                    f"{key}: {value}, but {model} says itself what it was trained with"
                )

    @classmethod
    def of(cls, network: Network) -> Policy:
        """Return the allocator of a network that is in no file."""
        self = cls.__new__(cls)
        self._actor, self._size = actor_of(network), (0, 0)
        return self

    def prepare(self, spec: object) -> None:
        """Load the policy and compile, for a `PowerControlSpec`; begin anew."""
        known = checked_spec(spec)
        if self._actor is None:
            self._actor = self._load()
        self._actor.start(known.links, known.subbands)
        self._size = known.subbands, known.links
        warm_up(self, known)
        self._actor.start(known.links, known.subbands)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Answer every subband; ``work`` is zero, the cost does not depend on the instance."""
        if self._actor is None:
            raise RuntimeError("the policy is not loaded: call prepare first")
        shape = problem.noise_w.shape
        if shape != self._size:
            self._actor.start(shape[1], shape[0])
            self._size = shape
        power_w = np.empty(shape)
        self._actor.act(problem, power_w)
        return Allocation(power_w)

    def _load(self) -> Actor:
        path = Path(self._model)
        if path.suffix not in _FOREIGN:
            return actor_of(load(weights_file(self._model, ARCHITECTURE)))
        from allocators.policy.flat import FlatActor

        if path.suffix == ".zip":
            from allocators.policy.sb3 import read_sb3

            forward = read_sb3(path)
        else:
            from allocators.policy.onnx import read_onnx

            forward = read_onnx(path)
        return FlatActor(self._model, forward, self._observe, self._scale)
